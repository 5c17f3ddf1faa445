/** Who reads a ramp's document sees the end that whoever carries it out would write, though nobody has. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { advance } from "../../../src/domain/ramp/advance.ts";
import { isOver, type RampDocument } from "../../../src/domain/ramp/document.ts";
import { silenceText } from "../../../src/domain/ramp/life.ts";
import { asSeen } from "../../../src/domain/ramp/seen-end.ts";
import { nowText } from "../../../src/domain/ramp/text.ts";
import { closing } from "../../../src/domain/ramp/transitions.ts";
import type { CanaryConfig, StopDocument } from "../../../src/domain/state/documents.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { BASE, MINUTE_MS, rampOf, START_MS } from "./world.ts";

const NOW_MS = START_MS + 5 * MINUTE_MS;
const at = (ms: number) => new Date(ms).toISOString();

/** Its first step is held since the start. */
const HELD: RampDocument = {
  ...rampOf("10:10m,30:10m,100"),
  step: 0,
  phase: "hold",
  written_at: at(START_MS),
  live_at: at(START_MS),
  hold_until: at(START_MS + 10 * MINUTE_MS),
};
const STEP: CanaryConfig = {
  ...BASE,
  canary_percent: 10,
  revision: "STEP0",
  last_updated: at(START_MS),
};
const STOP: StopDocument = {
  active: true,
  id: "01STOP",
  at: at(START_MS + MINUTE_MS),
  by: "ada@desk",
  reason: "5xx",
};

const stateOf = (config: CanaryConfig, stop: StopDocument | null = null) =>
  parseState({ config: JSON.stringify(config), stop: stop === null ? null : JSON.stringify(stop) });

describe("the end that nobody has written down", () => {
  it("is that of the stop, at its time and by its author", () => {
    expect(asSeen(HELD, stateOf(STEP, STOP), NOW_MS)).toMatchObject({
      state: "conflict",
      ended: { by: "ada@desk", at: STOP.at, why: expect.stringContaining("5xx") },
    });
  });
  it("is that of a config that is not the ramp's", () => {
    const theirs = { ...STEP, canary_percent: 5, revision: "THEIRS", updated_by: "ada@desk" };
    expect(asSeen(HELD, stateOf(theirs), NOW_MS)).toMatchObject({
      state: "conflict",
      ended: { by: "ada@desk" },
    });
  });
  it("is what was being told when the process died", () => {
    const done: RampDocument = { ...HELD, state: "done" };
    expect(asSeen(closing(done), stateOf(STEP), NOW_MS).state).toBe("done");
  });
  it("is the gate's when the stop is the ramp's own", () => {
    const relief = { at: at(NOW_MS), action: "not-aus", why: "5xx", to: null } as const;
    expect(asSeen({ ...HELD, relief }, stateOf(STEP, STOP), NOW_MS).state).toBe("failed");
  });
  it.each([
    ["its step is stored", STEP, null],
    ["what was before it is read again", BASE, null],
    [
      "a config older than that is read again",
      { ...BASE, revision: "X", last_updated: at(0) },
      null,
    ],
    ["the next step is stored already", { ...STEP, canary_percent: 30, revision: "STEP1" }, null],
    ["the stop is released", STEP, { ...STOP, active: false }],
  ] as const)("is not there while %s", (_, config, stop) => {
    expect(asSeen(HELD, stateOf(config, stop), NOW_MS)).toBe(HELD);
  });

  it("is the one that whoever carries it out comes to", () => {
    const config = fc.record({
      canary_percent: fc.constantFrom(1, 5, 10, 30),
      revision: fc.constantFrom("BASE", "STEP0", "STEP1", "THEIRS"),
      emergency_proxy: fc.boolean(),
      updated_by: fc.constantFrom("ada@desk", "oncall@laptop"),
      last_updated: fc.constantFrom(BASE.last_updated, at(START_MS)),
    });
    const stop = fc.option(fc.record({ active: fc.boolean(), by: fc.constant("ada@desk") }));
    fc.assert(
      fc.property(config, stop, (changed, stopped) => {
        const stored = stateOf(
          { ...STEP, ...changed },
          stopped === null ? null : { ...STOP, ...stopped },
        );
        const seen = { nowMs: NOW_MS, state: stored, control: null, covered: null, gate: null };
        const { ramp, order } = advance(HELD, { ...seen, live: null, unheard: null });
        const read = asSeen(HELD, stored, NOW_MS);
        expect(isOver(read)).toBe(order.do === "end");
        expect({ ...read.ended, at: null }).toEqual({ ...ramp.ended, at: null });
      }),
    );
  });
});

describe("a sign of life", () => {
  const HOUR_MS = 60 * MINUTE_MS;
  test.each([
    ["a quarter of an hour without any", HELD, HOUR_MS, "laptop"],
    ["a hold that is over, and nothing came of it", HELD, 13 * MINUTE_MS, "laptop"],
    [
      "a detached one that no cron has looked at",
      { ...HELD, mode: "detached" },
      HOUR_MS,
      "the Worker's cron",
    ],
  ] as const)("is missed after %s", (_, ramp, afterMs, who) => {
    const text = `no sign of life from ${who} since 2026-03-01T12:00:00Z`;
    expect(silenceText(ramp, START_MS + afterMs)).toBe(text);
    expect(nowText(ramp, START_MS + afterMs)).toBe(text);
  });
  test("is not missed within the hold, nor when it is over", () => {
    expect(silenceText(HELD, START_MS + 11 * MINUTE_MS)).toBeNull();
    expect(silenceText({ ...HELD, state: "aborted" }, START_MS + HOUR_MS)).toBeNull();
  });
  test("no hold is said to last another 0 s", () => {
    expect(nowText(HELD, START_MS + 10 * MINUTE_MS)).toBe("the hold is over, then 30 %");
  });
});
