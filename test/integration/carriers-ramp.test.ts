/**
 * A ramp is running when a carrier of a stop dies, or both ways to write one: nothing rises that should not, a stop
 * that comes meanwhile ends the ramp, and what the ramp says is true.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { parseRamp, type RampDocument } from "../../src/domain/ramp/document.ts";
import { parseConfig, parseStop } from "../../src/domain/state/documents.ts";
import { PATIENCE } from "../support/patience.ts";
import { ALL_OFF, ALL_ON, BEGIN, carriersStage, type Said } from "./carriers-stage.ts";
import { emergencies } from "./lane.ts";

/** A ramp looks once a second. */
const stage = carriersStage({ policy: { bucketSeconds: 1 } });
const { run, stop, restore } = stage;

const HOLD_S = 20;
const START = ["ramp", "start", "--force", "--yes", "--reason", "up", "--plan"];
const PLAN = [`20:${HOLD_S}s`, "40:600s", "60"].join(",");

interface Running {
  /** What it has said so far. */
  said(): string;
  /** Its present hold is over. */
  skipHold(): void;
  interrupt(): void;
  ended: Promise<Said>;
}

let present: Running | null = null;
/** Where a test has failed, no ramp goes on into the next one. */
afterEach(async () => {
  present?.interrupt();
  await present?.ended;
  present = null;
  stage.control.store.delete("ramp");
});

/** Without lease: what runs out by itself would lower the share in place of what is tested. */
async function rampInHold(): Promise<Running> {
  let said = "";
  let aheadMs = 0;
  const clock = createClock();
  const interrupt = new AbortController();
  const ended = stage.start([...START, PLAN], {
    clock: { ...clock, uptime: () => clock.uptime() + aheadMs },
    interrupt: interrupt.signal,
    onOut: (chunk) => {
      said += chunk;
    },
  });
  await vi.waitFor(
    () => expect(ramp()).toMatchObject({ state: "running", phase: "hold" }),
    PATIENCE,
  );
  present = {
    ended,
    said: () => said,
    skipHold: () => {
      aheadMs += HOLD_S * 1_000;
    },
    interrupt: () => interrupt.abort("SIGINT"),
  };
  return present;
}

const ramp = (): RampDocument | null => parseRamp(stage.control.store.text("ramp"));
const storedStop = () => parseStop(stage.control.store.text("stop"));

/** As stored. */
function share(): number | null {
  const config = parseConfig(stage.control.store.text("config"));
  return config.kind === "valid" ? config.value.canary_percent : null;
}

/** Nothing is left behind: the stop is released at all locations, and another ramp begins. */
async function startsAgain(): Promise<void> {
  await vi.waitFor(async () => expect((await restore("brief", "--force")).code).toBe(0), PATIENCE);
  expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_OFF);
  const again = await run([...START, "15:1s,20"]);
  expect([again.code, again.said]).toEqual([0, expect.stringContaining("done, 20 %")]);
}

describe.each(["KV", "the API", "KV and the API"] as const)("while %s is dead", (name) => {
  test("a ramp raises nothing and says why; a stop that comes meanwhile is in force, and ends it", async () => {
    const running = await rampInHold();
    await BEGIN[name](stage.control);
    running.skipHold();
    await vi.waitFor(() => {
      expect(running.said()).toMatch(/the stored state cannot be read: .*(503|refused)/);
    }, PATIENCE);
    expect((await stop("quick")).code).toBe(0);
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
    await vi.waitFor(() => {
      expect(running.said()).toMatch(/cannot be read: .*an emergency is in force at FRA, AMS, IAD/);
    }, PATIENCE);
    expect(share()).toBe(20);
    await stage.control.heal();
    const { code, said } = await running.ended;
    expect([code, said]).toEqual([25, expect.stringMatching(/a stop was set|in force at FRA/)]);
    expect(said).toContain("pixcanary status");
    expect(share()).toBeLessThanOrEqual(20);
    // Also where the beacon alone had it: both carriers have it now.
    expect(storedStop()).toMatchObject({ value: { active: true } });
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
    await startsAgain();
  });

  test("a ramp that is interrupted says what it could not read, and where the share is", async () => {
    const running = await rampInHold();
    await BEGIN[name](stage.control);
    await vi.waitFor(() => expect(running.said()).toContain("cannot be read"), PATIENCE);
    running.interrupt();
    const { code, said } = await running.ended;
    expect([code, said]).toEqual([
      130,
      expect.stringMatching(/the ramp is at 20 %.*; the stored state cannot be read/),
    ]);
    await stage.control.heal();
    await run(["ramp", "abort", "--keep"]);
  });
});

const LATE_PURGE = "purges are lost and KV does not reach a location";
const VISIBLE = {
  "the beacon is dead": BEGIN["the beacon"],
  [LATE_PURGE]: (control: typeof stage.control) => {
    control.setBeacon({ purgesLost: true });
    control.setKv({ frozen: true });
  },
};

describe.each(Object.entries(VISIBLE))("while %s", (_, begin) => {
  test("a stop ends the ramp by what is stored, before its next step", async () => {
    const running = await rampInHold();
    await begin(stage.control);
    const pulled = await stop("quick");
    running.skipHold();
    const { code, said } = await running.ended;
    expect([code, said]).toEqual([25, expect.stringMatching(/a stop was set at .*"5xx"/)]);
    expect(share()).toBeLessThanOrEqual(20);
    expect(ramp()).toMatchObject({ state: "conflict", step: 0 });
    // Whether it could prove it in time or not, it is in force when the copies are old enough.
    expect([0, 21]).toContain(pulled.code);
    await vi.waitFor(async () => {
      expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
    }, PATIENCE);
    await stage.control.heal();
    stage.control.setKv({ catchUp: true });
    await startsAgain();
  });
});

describe("a ramp in the Worker's cron", () => {
  const minute = (nth: number) => new Date(Date.now() + nth * 60_000);
  async function detached(): Promise<void> {
    const { code } = await run([...START, "20:180s,40:60s,60", "--detach"]);
    expect(code).toBe(0);
    for (const nth of [0, 2]) await stage.control.runScheduled("FRA", minute(nth));
    expect(ramp()).toMatchObject({ state: "running", step: 0, phase: "hold" });
  }

  test.each(Object.entries(BEGIN))(
    "does not rise over a stop that came while %s was dead",
    async (_, begin) => {
      await detached();
      await begin(stage.control);
      expect((await stop("quick")).code).toBe(0);
      // The hold is over by now; a tick that can read nothing does nothing.
      await stage.control.runScheduled("FRA", minute(6)).catch(() => undefined);
      expect(ramp()?.step).toBe(0);
      await stage.control.heal();
      await stage.control.runScheduled("FRA", minute(7));
      expect(ramp()).toMatchObject({
        state: "conflict",
        ended: { why: expect.stringContaining("a stop was set") },
      });
      expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON);
      await startsAgain();
    },
  );
});
