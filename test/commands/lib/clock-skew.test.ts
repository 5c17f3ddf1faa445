import { expect, it } from "vitest";
import { createApiClock, putRight } from "../../../src/adapters/api-clock.ts";
import { skewWarning } from "../../../src/commands/lib/clock-skew.ts";
import { modelPorts } from "../../support/fake-ports.ts";

const API_MS = Date.parse("2026-03-01T12:00:00Z");

/** After an answer of the API that took so long, on a machine whose clock is so far ahead. */
function after(aheadMs: number, tookMs = 200) {
  let uptimeMs = 1_000;
  const nowMs = API_MS + tookMs / 2 + aheadMs;
  const machine = { now: () => nowMs, uptime: () => uptimeMs };
  const apiClock = createApiClock(machine);
  const clock = putRight({ ...modelPorts(undefined as never).clock, ...machine }, apiClock);
  const before = clock.now();
  uptimeMs += tookMs;
  apiClock.heard(new Date(API_MS).toUTCString(), uptimeMs - tookMs);
  return { told: skewWarning({ apiClock }), before, now: clock.now(), nowMs };
}

it("tells of a clock that is more than a few seconds off, by the header of any answer", () => {
  expect(after(3_600_000).told).toMatch(/^this machine's clock is \d+ s ahead of the API's, /);
  expect(after(-600_000).told).toMatch(/clock is 60\d s behind the API's, /);
  expect([0, 2_500, -2_500].map((ms) => after(ms).told)).toEqual([null, null, null]);
});

it("says nothing by an answer that was long under way, or none", () => {
  expect(after(8_000, 10_000).told).toBeNull();
  expect(skewWarning(modelPorts(undefined as never))).toBeNull();
});

it("goes by the API's time once it is known, and by its own until then", () => {
  for (const aheadMs of [86_400_000, -600_000]) {
    const { before, now, nowMs } = after(aheadMs);
    expect(before).toBe(nowMs);
    expect(Math.abs(now - API_MS)).toBeLessThan(2_500);
  }
  const { now, nowMs } = after(2_000);
  expect(now).toBe(nowMs);
});
