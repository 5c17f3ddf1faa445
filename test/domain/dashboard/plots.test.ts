/** Counts as rates: also in the newest bucket, which is never over. */
import { expect, test } from "vitest";
import { failuresPlot, requestsPlot } from "../../../src/domain/dashboard/plots.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";

const FROM_S = 1_800_000_000;
const range = {
  key: "24h",
  window: { fromS: FROM_S, toS: FROM_S + 5_400 },
  bucketS: 1_800,
  freshS: 120,
};
const at = (afterS: number) => ({ nowS: FROM_S + afterS, settleS: 30 });
const row = (nth: number, requests: number) => ({
  bucket: FROM_S + nth * 1_800,
  cohort: "proxy" as const,
  phase: "b1a",
  requests,
  errors: 0,
});
const proxyAt = (afterS: number) =>
  requestsPlot(range, [row(0, 3_000), row(2, 200)], at(afterS)).curves[1]?.values;

test("a bucket that is over counts whole, one without a row is zero", () => {
  expect(proxyAt(9_000)).toEqual([100, 0, 200 / 30]);
});

test("the newest counts by the time that it has had, and not at all when it has only begun", () => {
  expect(proxyAt(3_600 + 120)).toEqual([100, 0, 100]);
  expect(proxyAt(3_600 + 29)).toEqual([100, 0, null]);
});

test("so do failures", () => {
  const left = { nativeLeft: 0, proxyLeft: 0, leftObservations: 0 };
  const failures = { drift: 0, r2Observations: 1, databaseObservations: 0, ...left };
  const rows = [{ bucket: FROM_S + 3_600, r2: 10, database: 0, ...failures }];
  const plot = failuresPlot(range, rows, { ...at(3_600 + 60), policy: DEFAULT_POLICY });
  expect(plot.curves.map(({ values }) => values)).toEqual([
    [0, 0, 10],
    [0, 0, 0],
    [5, 5, 5],
  ]);
});
