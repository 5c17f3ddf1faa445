/** The cron trigger: it needs a schedule, as a deployment sets it. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startCron } from "../../src/sandbox/edge/cron.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("runs at one location after the other, and not while nothing is scheduled", async () => {
  const ran: string[] = [];
  const edges = {
    scheduled: async (colo: string) => {
      ran.push(colo);
    },
  };
  let triggered = false;
  const stop = startCron(edges, { cronMs: 1_000, locations: ["FRA", "AMS"] }, () => triggered);
  vi.advanceTimersByTime(2_000);
  expect(ran).toEqual([]);
  triggered = true;
  vi.advanceTimersByTime(2_000);
  expect(ran).toEqual(["FRA", "AMS"]);
  await stop();
  vi.advanceTimersByTime(2_000);
  expect(ran).toHaveLength(2);
});
