/** A fifth of the API's budget is never exceeded, whoever asks for how much and when. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Spent } from "../../../src/commands/watch/request-budget.ts";
import {
  FULL_PACE,
  faster,
  POLL_LIMIT,
  slower,
  spend,
  waitForRoom,
} from "../../../src/commands/watch/request-budget.ts";

const WINDOW_MS = 300_000;
/** A request leaves at most this much after its place was taken. */
const LATE_MS = 14_999;

describe("the budget", () => {
  it("is a fifth of 1,200", () => {
    expect(POLL_LIMIT).toBe(240);
  });

  it("holds in every five minutes, however late the requests leave", () => {
    const asks = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 20_000 }),
        requests: fc.integer({ min: 1, max: 60 }),
        lateMs: fc.integer({ min: 0, max: LATE_MS }),
      }),
      { minLength: 1, maxLength: 120 },
    );
    fc.assert(
      fc.property(asks, (list) => {
        let nowMs = 0;
        let spent: Spent = [];
        const sent: { atMs: number; requests: number }[] = [];
        for (const { afterMs, requests, lateMs } of list) {
          nowMs += afterMs;
          nowMs += waitForRoom(spent, requests, nowMs);
          expect(waitForRoom(spent, requests, nowMs)).toBe(0);
          spent = spend(spent, requests, nowMs);
          sent.push({ atMs: nowMs + lateMs, requests });
        }
        for (const { atMs } of sent) {
          const used = sent
            .filter((one) => one.atMs >= atMs && one.atMs < atMs + WINDOW_MS)
            .reduce((sum, one) => sum + one.requests, 0);
          expect(used).toBeLessThanOrEqual(POLL_LIMIT);
        }
      }),
    );
  });

  it("makes nobody wait who asks for little, nor longer than needed", () => {
    const full = spend(spend([], 200, 0), 40, 1_000);
    expect(waitForRoom(spend([], 200, 0), 40, 1_000)).toBe(0);
    expect(waitForRoom(full, 1, 2_000)).toBe(WINDOW_MS + 15_000 - 2_000);
    expect(waitForRoom(full, 1, WINDOW_MS + 15_000)).toBe(0);
    expect(spend(full, 1, 10 * WINDOW_MS)).toHaveLength(1);
  });
});

describe("the pace", () => {
  it("halves with each 429, waits as asked, and comes back", () => {
    let pace = slower(FULL_PACE, 1_000, null);
    expect(pace).toEqual({ factor: 2, notBeforeMs: 21_000 });
    pace = slower(pace, 2_000, 90_000);
    expect(pace).toEqual({ factor: 4, notBeforeMs: 92_000 });
    for (let n = 0; n < 9; n += 1) pace = slower(pace, 3_000, 86_400_000);
    expect(pace).toEqual({ factor: 16, notBeforeMs: 303_000 });
    for (let n = 0; n < 20; n += 1) pace = faster(pace);
    expect(pace.factor).toBe(1);
  });
});
