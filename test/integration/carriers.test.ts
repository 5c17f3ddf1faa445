/**
 * The commands while one carrier of a stop, or both ways to write it, are dead: no stop is lost, no *live* is false,
 * and a restore leaves no carrier behind.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { parseStop } from "../../src/domain/state/documents.ts";
import type { SandboxControl } from "../../src/sandbox/index.ts";
import { patientClock, runHere } from "../support/here.ts";
import { AMPLE_S, PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";
import {
  emergencies,
  type Lane,
  operatorOf,
  resetLane,
  startLane,
  tokenEnv,
  writeConfig,
} from "./lane.ts";

const ALL_ON = [true, true, true];
const ALL_OFF = [false, false, false];

let lane: Lane;
let config: string;
let control: SandboxControl;
beforeAll(async () => {
  await ensureBundle();
  lane = await startLane({ locations: ["FRA", "AMS", "IAD"], patience: 1 });
  control = lane.sandbox.control;
  config = await writeConfig(lane, { operator: await operatorOf(lane.sandbox) });
});
afterAll(() => lane?.close());
beforeEach(() => resetLane(lane));

/** `quick`: what is dead is waited for; a clock that never ends a wait would hang. */
async function run(words: readonly string[], quick = false) {
  const [limit, clock] = quick ? ["8", createClock()] : [AMPLE_S, patientClock()];
  const { code, stdout, stderr } = await runHere(
    [...words, "--config", config, "--timeout", limit],
    { env: { ...lane.env, ...tokenEnv(lane.sandbox) }, clock },
  );
  return { code, said: stdout + stderr };
}

const stop = (quick = false) => run(["not-aus", "--reason", "5xx"], quick);
const restore = (quick = false, ...more: string[]) =>
  run(["restore", "--yes", "--to", "10", "--reason", "over", ...more], quick);

interface Fault {
  name: string;
  begin: () => unknown;
  /** What a restore of a stop from before the fault ends in, and what it then says. */
  restored: { codes: number[]; says: RegExp };
}

const kvDead = async (): Promise<void> => {
  control.setKv({ reads: "throw" });
  await control.setFaults([
    { kind: "server-error", status: 503, match: { pathContains: "/storage/kv/" } },
  ]);
};
const apiDead = () => control.setFaults([{ kind: "outage" }]);

const FAULTS: readonly Fault[] = [
  {
    name: "KV",
    begin: kvDead,
    restored: { codes: [24], says: /now {7}unknown|nothing was written/ },
  },
  { name: "the API", begin: apiDead, restored: { codes: [24], says: /connection refused/ } },
  {
    name: "the beacon",
    begin: () => control.setBeacon({ calls: "throw" }),
    // By how old the copies of its answer are.
    restored: { codes: [20, 21], says: /the beacon (answers: no_data|has not heard the release)/ },
  },
  {
    name: "KV and the API",
    begin: async () => {
      control.setKv({ reads: "throw" });
      await apiDead();
    },
    restored: { codes: [24], says: /connection refused/ },
  },
];

describe.each(FAULTS)("while $name is dead", ({ begin, restored }) => {
  test("a stop is in force at all locations, and so it says", async () => {
    await begin();
    const { code, said } = await stop(true);
    expect([code, said]).toEqual([0, expect.stringContaining("live ")]);
    expect(await emergencies(lane.sandbox)).toEqual(ALL_ON);
    await control.heal();
    // The Worker's write to KV may come as late as its limit: then a restore has to be repeated, as it says.
    await vi.waitFor(async () => expect((await restore(true, "--force")).code).toBe(0), PATIENCE);
    expect(await emergencies(lane.sandbox)).toEqual(ALL_OFF);
  });

  test("a restore says that it has not released, and the stop stays", async () => {
    await stop();
    await begin();
    const { code, said } = await restore(true);
    expect(restored.codes).toContain(code);
    expect(said).toMatch(restored.says);
    if (code !== 21) expect(await emergencies(lane.sandbox)).toEqual(ALL_ON);
    await control.heal();
    await vi.waitFor(async () => expect((await restore(true, "--force")).code).toBe(0), PATIENCE);
    expect(await emergencies(lane.sandbox)).toEqual(ALL_OFF);
  });

  test("status tells of the emergency, verify calls nothing live that is not", async () => {
    await stop();
    await begin();
    const seen = await run(["status"], true);
    expect(seen.said).toMatch(/EMERGENCY|emergency/);
    const proved = await run(["verify"], true);
    if (proved.code === 0) expect(await emergencies(lane.sandbox)).toEqual(ALL_ON);
  });
});

describe("KV that never reaches a location", () => {
  test("is no matter for a stop: the beacon brings it", async () => {
    control.setKv({ frozen: true });
    const { code, said } = await stop();
    expect([code, said]).toEqual([0, expect.stringMatching(/live .*\(beacon\)/)]);
    expect(said).toContain("Other locations follow within seconds by the beacon");
    expect(await emergencies(lane.sandbox)).toEqual(ALL_ON);
  });

  test("keeps a release from where it has not come: both carriers must have it", async () => {
    await stop();
    control.setKv({ frozen: true, location: "AMS" });
    const { code, said } = await restore(true, "--force");
    expect([code, said]).toEqual([21, expect.stringMatching(/AMS/)]);
    expect(await emergencies(lane.sandbox)).toEqual([
      expect.any(Boolean),
      true,
      expect.any(Boolean),
    ]);
    control.setKv({ frozen: false });
    expect((await restore(false, "--force")).code).toBe(0);
    expect(await emergencies(lane.sandbox)).toEqual(ALL_OFF);
  });
});

test("a stop that only the beacon has is copied to KV by the cron, and outlives the beacon", async () => {
  control.setKv({ reads: "throw" });
  await control.setFaults([{ kind: "outage" }]);
  const { code, said } = await stop(true);
  expect([code, said]).toEqual([0, expect.stringContaining("KV does not have the stop yet")]);
  await control.heal();
  const stored = () => parseStop(control.store.text("stop"));
  expect(stored()).toMatchObject({ value: { active: false } });
  await control.runScheduled("FRA");
  expect(stored()).toMatchObject({ value: { active: false } });
  await control.runScheduled("FRA", new Date(Date.now() + 180_000));
  expect(stored()).toMatchObject({ value: { active: true } });
});

test("verify does not call a release live that the beacon has not heard", async () => {
  await stop();
  control.setBeacon({ calls: "throw" });
  await restore(true, "--force");
  const { code, said } = await run(["verify"], true);
  expect([code, said]).toEqual([21, expect.stringContaining("the beacon has not heard")]);
});

test("of two that stop at once, each is told that it is live", async () => {
  const both = await Promise.all([stop(), stop()]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
});

describe("purges that are lost", () => {
  test("a stop is obeyed when the copies expire", async () => {
    control.setKv({ frozen: true });
    control.setBeacon({ purgesLost: true });
    await emergencies(lane.sandbox);
    await stop(true);
    await vi.waitFor(async () => expect(await emergencies(lane.sandbox)).toEqual(ALL_ON), PATIENCE);
  });
});

describe("without Workers Cache", () => {
  test("a stop comes by the beacon all the same", async () => {
    control.setBeacon({ cached: false });
    control.setKv({ frozen: true });
    const { code, said } = await stop();
    expect([code, said]).toEqual([0, expect.stringMatching(/live .*\(beacon\)/)]);
  });
});

test("a location that neither carrier reaches is not called live", async () => {
  control.setKv({ frozen: true, location: "AMS" });
  control.setBeacon({ calls: "throw", location: "AMS" });
  const { code, said } = await stop(true);
  expect([code, said]).toEqual([21, expect.stringMatching(/AMS/)]);
});

test("a restore with --force while the beacon is dead is pending, and ends when it answers", async () => {
  await stop();
  control.setBeacon({ calls: "throw" });
  const { code, said } = await restore(true, "--force");
  expect([code, said]).toEqual([21, expect.stringContaining("the beacon has not heard")]);
  await control.heal();
  await vi.waitFor(async () => expect(await emergencies(lane.sandbox)).toEqual(ALL_OFF), PATIENCE);
});
