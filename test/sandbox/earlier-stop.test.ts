/** A location that still shows an earlier, already released stop does not prove the new one. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChangingVerb } from "../../src/commands/command.ts";
import { pullTheStop } from "../../src/commands/not-aus/not-aus.ts";
import { restore } from "../../src/commands/restore/restore.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { ENOUGH_S, PROGRAM_PATIENCE, WORKER_PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { startSandbox } from "../support/sandbox.ts";

let sandbox: Sandbox;
beforeAll(async () => {
  const lagMs = { min: 0, max: 0 };
  sandbox = await startSandbox({
    locations: ["FRA", "AMS"],
    lagMs,
    patience: WORKER_PATIENCE,
    rateLimits: false,
    logs: false,
    // It would bring the new stop there.
    vars: { BEACON_CARRIER: "off" },
  });
});
afterAll(async () => {
  await sandbox?.close();
});

it("a stop is pending while a location shows the one before, and live when it shows this one", async () => {
  const ports = await portsOf(sandbox.description.configPath);
  expect((await pullTheStop(GIVEN, ports)).kind).toBe("done");

  sandbox.control.setKv({ location: "AMS", frozen: true });
  const verb: ChangingVerb = restore;
  const given = { ...GIVEN, to: 10, verify: false };
  const planned = await verb.plan(given, ports);
  if (planned.kind !== "plan") throw new Error(`restore ended: ${planned.kind}`);
  expect((await verb.apply(planned.steps, given, ports)).kind).toBe("done");

  // AMS has not heard of the release: it shows an emergency, but not ours.
  // The ports' clock makes the budget longer again: it ends after ENOUGH_S.
  const timeoutMs = (1_000 * Number(ENOUGH_S)) / PROGRAM_PATIENCE;
  const again = await pullTheStop({ ...GIVEN, timeoutMs }, ports);
  expect(again.kind).toBe("pending");
  if (again.kind !== "pending") return;
  expect(again.data.live.map((l) => l.location)).toEqual(["FRA"]);
  expect(again.data.missing).toMatchObject([{ location: "AMS", because: "still an earlier stop" }]);

  sandbox.control.setKv({ location: "AMS", frozen: false, catchUp: true });
  expect((await pullTheStop(GIVEN, ports)).kind).toBe("done");
});
