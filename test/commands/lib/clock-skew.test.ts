import { expect, it } from "vitest";
import { createApiClock } from "../../../src/adapters/api-clock.ts";
import { skewWarning } from "../../../src/commands/lib/clock-skew.ts";
import { modelPorts } from "../../support/fake-ports.ts";

const API_MS = Date.parse("2026-03-01T12:00:00Z");

/** After an answer of the API that took so long, on a machine whose clock is so far ahead. */
function told(aheadMs: number, tookMs = 200): string | null {
  let uptimeMs = 1_000;
  const apiClock = createApiClock({ uptime: () => uptimeMs });
  uptimeMs += tookMs;
  apiClock.heard(new Date(API_MS).toUTCString(), uptimeMs - tookMs);
  const { clock } = modelPorts(undefined as never);
  const nowMs = API_MS + tookMs / 2 + aheadMs;
  return skewWarning({ clock: { ...clock, now: () => nowMs }, apiClock });
}

it("tells of a clock that is more than a few seconds off, by the header of any answer", () => {
  expect(told(3_600_000)).toMatch(/^this machine's clock is \d+ s ahead of the API's; /);
  expect(told(-600_000)).toMatch(/clock is 60\d s behind the API's; /);
  expect([0, 2_500, -2_500].map((ms) => told(ms))).toEqual([null, null, null]);
});

it("says nothing by an answer that was long under way, or none", () => {
  expect(told(8_000, 10_000)).toBeNull();
  expect(
    skewWarning({ ...modelPorts(undefined as never), apiClock: { now: () => null } }),
  ).toBeNull();
});
