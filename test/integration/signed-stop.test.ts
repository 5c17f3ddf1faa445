/** A stop with an operator key against the real Worker: beside the API, without it, and without the key. */
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { OperatorSettings } from "../../src/domain/config/operator.ts";
import { parseStop } from "../../src/domain/state/documents.ts";
import { patientClock, quickClock, runHere } from "../support/here.ts";
import { AMPLE_S, DEAD_CARRIER_PATIENCE, PATIENCE } from "../support/patience.ts";
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

/** Of all but the budget, which is AMPLE_S, and of its greater part, for the writes. */
const LONGEST_LIMIT_MS = 100_000;

let lane: Lane;
let operator: OperatorSettings;
let config: string;
beforeAll(async () => {
  await ensureBundle();
  lane = await startLane({ locations: ["FRA", "AMS"], patience: DEAD_CARRIER_PATIENCE });
  operator = await operatorOf(lane.sandbox);
  config = await writeConfig(lane, { operator });
});
afterAll(() => lane?.close());
beforeEach(() => resetLane(lane));

/** With limits that a busy machine does not reach; where the API is dead, they are waited for. */
const run = (
  words: readonly string[],
  more: { config?: string; clock?: ReturnType<typeof patientClock> } = {},
) =>
  runHere([...words, "--config", more.config ?? config, "--timeout", AMPLE_S], {
    env: { ...lane.env, ...tokenEnv(lane.sandbox) },
    clock: more.clock ?? patientClock(),
  });

/** Its budget ends once it has told of the Worker what is wanted: the API never answers. */
async function runUntil(words: readonly string[], wanted: RegExp) {
  let told = "";
  const over = new AbortController();
  const onErr = (chunk: string): void => {
    told += chunk;
    if (wanted.test(told)) over.abort(new DOMException("the budget is over", "TimeoutError"));
  };
  const quick = quickClock();
  const timeout = (ms: number) => (ms > LONGEST_LIMIT_MS ? over.signal : quick.timeout(ms));
  return runHere([...words, "--config", config, "--timeout", AMPLE_S], {
    env: { ...lane.env, ...tokenEnv(lane.sandbox) },
    clock: { ...quick, timeout },
    onErr,
  });
}

const storedStop = () => parseStop(lane.sandbox.control.store.text("stop"));

describe("not-aus with an operator key", () => {
  test("goes to the API and to the Worker, as the same text", async () => {
    const texts: string[] = [];
    lane.sandbox.control.store.onWrite(({ key, entry }) => {
      if (key === "stop") texts.push(new TextDecoder().decode(entry?.value));
    });
    const { code, stdout, stderr } = await run(["not-aus", "--reason", "5xx"]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/written {2}worker \((beacon|kv)/)]);
    // By the API, and by the Worker, which answers before KV has taken it when KV is slow.
    await vi.waitFor(() => expect(texts.length).toBeGreaterThanOrEqual(2), PATIENCE);
    expect(new Set(texts).size).toBe(1);
    expect(stdout).toMatch(
      /written {3}stop [\d.]+ m?s · config [\d.]+ m?s · worker [\d.]+ m?s \((beacon|kv)/,
    );
    expect(lane.stops.size).toBe(1);
    const by = operator.name;
    expect(storedStop()).toMatchObject({ value: { active: true, by, reason: "5xx" } });
    const shown = (await qa()).emergencies.filter(({ key }) => key === "stop");
    expect(new Set(shown.map(({ mark }) => mark)).size).toBe(1);
    const journal = lane.written.filter((key) => key.startsWith("journal/"));
    expect(new Set(journal).size).toBe(1);
    const entry = JSON.parse(lane.sandbox.control.store.text(journal[0] ?? "") ?? "");
    expect(entry).toMatchObject({ actor: by, verification: { outcome: "live" } });
  });

  test("is in force while the API is dead: 0, with what is missing; restore releases it", async () => {
    await lane.sandbox.control.setFaults([{ kind: "outage" }]);
    const { code, stdout, stderr } = await run(["not-aus", "--reason", "API down"], {
      clock: quickClock(),
    });
    expect([code, stdout + stderr]).toEqual([0, expect.stringContaining("live      ")]);
    expect(stdout).toMatch(/written {3}stop – · config – · worker [\d.]+ m?s \((beacon|kv)/);
    expect(stdout).toContain(
      "! the API did not take the stop (write stop: connection refused); the Worker did",
    );
    expect(stdout).toContain(
      "! emergency flag in config not confirmed; run not-aus again when the API answers",
    );
    expect(await emergencies(lane.sandbox)).toEqual([true, true]);
    await lane.sandbox.control.setFaults([]);
    // Its author is the operator in both: no stop of another one is in the way.
    const again = await run(["restore", "--yes", "--force", "--reason", "API is back"]);
    expect([again.code, again.stdout + again.stderr]).toEqual([0, expect.any(String)]);
    expect(await emergencies(lane.sandbox)).toEqual([false, false]);
    expect(storedStop()).toMatchObject({ value: { active: false } });
  });

  test("without the API and without proof it is pending, and said to be written", async () => {
    await lane.sandbox.control.setFaults([{ kind: "outage" }]);
    const { code, stdout } = await runUntil(["not-aus", "--no-verify"], /written {2}worker/);
    expect([code, stdout]).toEqual([21, expect.stringContaining("the stop is written")]);
  });

  test("without API and KV it is in force by the beacon alone", async () => {
    await lane.sandbox.control.setFaults([{ kind: "outage" }]);
    lane.sandbox.control.setKv({ reads: "throw" });
    const { code, stdout } = await run(["not-aus"], { clock: quickClock() });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/worker [\d.]+ m?s \(beacon\)/)]);
    expect(await emergencies(lane.sandbox)).toEqual([true, true]);
  });

  test("without API, KV and beacon nothing is written: 24, and all say why", async () => {
    await lane.sandbox.control.setFaults([{ kind: "outage" }]);
    lane.sandbox.control.setKv({ reads: "throw" });
    lane.sandbox.control.setBeacon({ calls: "throw" });
    const { code, stdout, stderr } = await runUntil(["not-aus"], /signed stop: no carrier/);
    expect(code).toBe(24);
    expect(stdout + stderr).toMatch(
      /could not be written: .*; the Worker: no carrier took it \(beacon: .*kv: /,
    );
  });
});

describe("a key that cannot be used keeps no stop back", () => {
  const wrong = async (settings: object, why: RegExp) => {
    const path = await writeConfig(lane, { operator: settings });
    const { code, stdout, stderr } = await run(["not-aus"], { config: path });
    expect([code, stderr]).toEqual([0, expect.stringMatching(why)]);
    expect(stdout).toContain("· worker –");
    expect(await emergencies(lane.sandbox)).toEqual([true, true]);
  };

  test("a file that is not there", () =>
    wrong(
      { ...operator, keyFile: "/nowhere/key" },
      /! signed stop: .*\/nowhere\/key is not there/,
    ));

  test("a file that others can read", async () => {
    const path = join(lane.dir, "exposed-key");
    await writeFile(path, await readFile(operator.keyFile ?? "", "utf8"));
    await chmod(path, 0o644);
    await wrong({ ...operator, keyFile: path }, /! signed stop: .*can be read .*by others/);
  });

  test("a name that the Worker does not know", () =>
    wrong({ ...operator, name: "eve" }, /! signed stop: the signature was refused \(HTTP 401\)/));

  test("an agent that is not there", () =>
    wrong({ name: operator.name, agentKey: "anna" }, /! signed stop: no SSH agent/));
});

async function qa(): Promise<{ emergencies: { key: string; mark: string }[] }> {
  const [{ url = "" } = {}] = lane.sandbox.description.locations;
  const authorization = `Bearer ${lane.sandbox.description.qaToken}`;
  const answer = await fetch(`${url}/qa?health=cached`, { headers: { authorization } });
  return (await answer.json()) as Awaited<ReturnType<typeof qa>>;
}
