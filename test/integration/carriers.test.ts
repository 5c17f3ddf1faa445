/**
 * The commands while one carrier of a stop, or both ways to write it, are dead: no stop is lost, no *live* is false,
 * and a restore leaves no carrier behind.
 */
import { describe, expect, test, vi } from "vitest";
import { parseStop } from "../../src/domain/state/documents.ts";
import { PATIENCE } from "../support/patience.ts";
import { ALL_OFF, ALL_ON, BEGIN, carriersStage } from "./carriers-stage.ts";
import { emergencies } from "./lane.ts";

const stage = carriersStage();
const { run, stop, restore } = stage;

interface Fault {
  name: keyof typeof BEGIN;
  /** What a restore of a stop from before the fault ends in, and what it then says. */
  restored: { codes: number[]; says: RegExp };
  /** Of `verify`, while that stop is on. */
  verified: number;
}

const FAULTS: readonly Fault[] = [
  {
    name: "KV",
    restored: { codes: [24], says: /now {7}unknown|nothing was written/ },
    verified: 24,
  },
  { name: "the API", restored: { codes: [24], says: /connection refused/ }, verified: 24 },
  {
    name: "the beacon",
    // By how old the copies of its answer are.
    restored: { codes: [20, 21], says: /the beacon (answers: no_data|has not heard the release)/ },
    verified: 0,
  },
  { name: "KV and the API", restored: { codes: [24], says: /connection refused/ }, verified: 24 },
];

describe.each(FAULTS)("while $name is dead", ({ name, restored, verified }) => {
  const begin = () => BEGIN[name](stage.control);

  test("a stop is in force at all locations, and so it says", async () => {
    await begin();
    const { code, said } = await stop("quick");
    expect([code, said]).toEqual([0, expect.stringContaining("live ")]);
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
    await stage.control.heal();
    // The Worker's write to KV may come as late as its limit: then a restore has to be repeated, as it says.
    await vi.waitFor(
      async () => expect((await restore("brief", "--force")).code).toBe(0),
      PATIENCE,
    );
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_OFF);
  });

  test("a restore says that it has not released, and the stop stays", async () => {
    await stop();
    await begin();
    const { code, said } = await restore("brief");
    expect(restored.codes).toContain(code);
    expect(said).toMatch(restored.says);
    if (code !== 21) expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
    await stage.control.heal();
    await vi.waitFor(
      async () => expect((await restore("brief", "--force")).code).toBe(0),
      PATIENCE,
    );
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_OFF);
  });

  test("status tells of the emergency, verify calls nothing live that is not", async () => {
    await stop();
    await begin();
    const seen = await run(["status"], "quick");
    expect(seen.said).toMatch(/EMERGENCY|emergency/);
    expect((await run(["verify"], "quick")).code).toBe(verified);
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
  });
});

describe("KV that never reaches a location", () => {
  test("is no matter for a stop: the beacon brings it", async () => {
    stage.control.setKv({ frozen: true });
    const { code, said } = await stop();
    expect([code, said]).toEqual([0, expect.stringMatching(/live .*\(beacon\)/)]);
    expect(said).toContain("Other locations follow within seconds by the beacon");
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
  });

  test("keeps a release from where it has not come: both carriers must have it", async () => {
    await stop();
    stage.control.setKv({ frozen: true, location: "AMS" });
    const { code, said } = await restore("brief", "--force");
    expect([code, said]).toEqual([21, expect.stringMatching(/AMS/)]);
    expect(await emergencies(stage.lane.sandbox)).toEqual([
      expect.any(Boolean),
      true,
      expect.any(Boolean),
    ]);
    stage.control.setKv({ frozen: false });
    expect((await restore("patient", "--force")).code).toBe(0);
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_OFF);
  });
});

test("a stop that only the beacon has is copied to KV by the cron", async () => {
  stage.control.setKv({ reads: "throw" });
  await stage.control.setFaults([{ kind: "outage" }]);
  const { code, said } = await stop("quick");
  expect([code, said]).toEqual([0, expect.stringContaining("KV does not have the stop yet")]);
  await stage.control.heal();
  await stage.control.runScheduled("FRA", new Date(Date.now() + 180_000));
  const stored = parseStop(stage.control.store.text("stop"));
  expect(stored).toMatchObject({ value: { active: true } });
});

test("verify does not call a release live that the beacon has not heard", async () => {
  await stop();
  stage.control.setBeacon({ calls: "throw" });
  await vi.waitFor(async () => expect((await restore("brief", "--force")).code).toBe(21), PATIENCE);
  const { code, said } = await run(["verify"], "brief");
  expect([code, said]).toEqual([21, expect.stringContaining("the beacon has not heard")]);
});

test("of two that stop at once, each is told that it is live", async () => {
  const both = await Promise.all([stop(), stop()]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
});

describe("purges that are lost", () => {
  test("a stop is obeyed when the copies expire", async () => {
    stage.control.setKv({ frozen: true });
    stage.control.setBeacon({ purgesLost: true });
    await emergencies(stage.lane.sandbox);
    await stop("quick");
    await vi.waitFor(
      async () => expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON),
      PATIENCE,
    );
  });
});

describe("without Workers Cache", () => {
  test("a stop comes by the beacon all the same", async () => {
    stage.control.setBeacon({ cached: false });
    stage.control.setKv({ frozen: true });
    const { code, said } = await stop();
    expect([code, said]).toEqual([0, expect.stringMatching(/live .*\(beacon\)/)]);
  });
});

test("a location that neither carrier reaches is not called live", async () => {
  stage.control.setKv({ frozen: true, location: "AMS" });
  stage.control.setBeacon({ calls: "throw", location: "AMS" });
  const { code, said } = await stop("brief");
  expect([code, said]).toEqual([21, expect.stringMatching(/AMS/)]);
});

test("a restore with --force while the beacon is dead is pending, and ends when it answers", async () => {
  await stop();
  stage.control.setBeacon({ calls: "throw" });
  const { code, said } = await restore("brief", "--force");
  expect([code, said]).toEqual([21, expect.stringContaining("the beacon has not heard")]);
  await stage.control.heal();
  await vi.waitFor(
    async () => expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_OFF),
    PATIENCE,
  );
});
