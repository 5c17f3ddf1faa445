/** Rows of the metrics as curves over time, with the policy's limits beside them. */
import type { PhaseBucketRow } from "../metrics/dashboard-queries.ts";
import type { BucketRow, FailureBucketRow } from "../metrics/queries.ts";
import type { Policy } from "../policy/numbers.ts";
import type { CohortTotals, Curve, Plot } from "./document.ts";
import { phaseName } from "./phase-name.ts";
import type { Range } from "./range.ts";

type Cohort = "native" | "proxy";
const COHORTS: readonly Cohort[] = ["native", "proxy"];

/** Seconds since the epoch: the start of each bucket of the range. */
function startsOf({ window, bucketS }: Range): number[] {
  const count = Math.round((window.toS - window.fromS) / bucketS);
  return Array.from({ length: count }, (_, nth) => window.fromS + nth * bucketS);
}

function plotOf(range: Range, unit: Plot["unit"], curves: Curve[]): Plot {
  return { unit, t: startsOf(range).map((start) => start + range.bucketS / 2), curves };
}

/** One value for each bucket; null where there is no row. */
function valuesOf<Row extends { bucket: number }>(
  range: Range,
  rows: readonly Row[],
  value: (row: Row) => number | null,
): (number | null)[] {
  const byStart = new Map(rows.map((row) => [row.bucket, row]));
  return startsOf(range).map((start) => {
    const row = byStart.get(start);
    return row === undefined ? null : value(row);
  });
}

function level(range: Range, name: string, value: number): Curve {
  return { name, cohort: null, kind: "limit", values: startsOf(range).map(() => value) };
}

/** When the metrics were asked, and how long their rows take to arrive. Seconds. */
export interface Asked {
  nowS: number;
  settleS: number;
}

/**
 * A count as a rate, by the time that its bucket has had so far: the newest one is never over. Null while it has
 * only begun, when its rows are still on their way.
 */
function perMinuteIn(
  { bucketS }: Range,
  { nowS, settleS }: Asked,
): (startS: number, count: number) => number | null {
  const leastS = Math.max(1, Math.min(settleS, bucketS));
  return (startS, count) => {
    const hadS = Math.min(bucketS, nowS - startS);
    return hadS < leastS ? null : (count * 60) / hadS;
  };
}

export function requestsPlot(range: Range, rows: readonly PhaseBucketRow[], asked: Asked): Plot {
  const perMinute = perMinuteIn(range, asked);
  const of = (cohort: Cohort): Curve => {
    const sums = new Map<number, number>();
    for (const row of rows) {
      if (row.cohort === cohort) sums.set(row.bucket, (sums.get(row.bucket) ?? 0) + row.requests);
    }
    const values = startsOf(range).map((start) => perMinute(start, sums.get(start) ?? 0));
    return { name: cohort, cohort, kind: "measured", values };
  };
  return plotOf(range, "per min", COHORTS.map(of));
}

export function errorsPlot(range: Range, rows: readonly PhaseBucketRow[], policy: Policy): Plot {
  const curves = totalsOf(rows).map(({ cohort, phase }): Curve => {
    const own = rows.filter((row) => row.cohort === cohort && row.phase === phase);
    const values = valuesOf(range, own, ({ requests, errors }) =>
      requests > 0 ? (100 * errors) / requests : null,
    );
    return { name: `${cohort} ${phaseName(phase)}`, cohort, kind: "measured", values };
  });
  return plotOf(range, "%", [
    ...curves,
    level(range, "native: reduce", policy.errorRateWarning.limitPercent),
    level(range, "native: not-aus", policy.errorRateCritical.limitPercent),
  ]);
}

/** By cohort and phase, in order of both. */
export function totalsOf(rows: readonly PhaseBucketRow[]): CohortTotals[] {
  const totals = new Map<string, CohortTotals>();
  for (const { cohort, phase, requests, errors } of rows) {
    const key = `${cohort} ${phase}`;
    const known = totals.get(key) ?? { cohort, phase, requests: 0, errors: 0 };
    totals.set(key, {
      ...known,
      requests: known.requests + requests,
      errors: known.errors + errors,
    });
  }
  return [...totals.values()].toSorted((a, b) =>
    `${a.cohort} ${a.phase}` < `${b.cohort} ${b.phase}` ? -1 : 1,
  );
}

const QUANTILES = ["p50", "p90", "p99"] as const;

/** Of the routes that both cohorts have, as the policy compares them. */
export function latencyPlot(range: Range, rows: readonly BucketRow[], policy: Policy): Plot {
  const of = (cohort: Cohort) => rows.filter((row) => row.cohort === cohort && row.requests > 0);
  const measured = COHORTS.flatMap((cohort) =>
    QUANTILES.map((q): Curve => {
      const values = valuesOf(range, of(cohort), (row) => row[q]);
      return { name: `${cohort} ${q}`, cohort, kind: "measured", values };
    }),
  );
  const over = (name: string, percent: number): Curve => {
    const values = valuesOf(range, of("proxy"), ({ p90 }) => p90 * (1 + percent / 100));
    return { name, cohort: null, kind: "limit", values };
  };
  const { p90OverProxyWarning: warning, p90OverProxyCritical: critical, p90Warning } = policy;
  return plotOf(range, "ms", [
    ...measured,
    over(`proxy p90 + ${warning.limitPercent} %: reduce`, warning.limitPercent),
    over(`proxy p90 + ${critical.limitPercent} %: not-aus`, critical.limitPercent),
    level(range, "native p90: reduce", p90Warning.limitMs),
  ]);
}

export function failuresPlot(
  range: Range,
  rows: readonly FailureBucketRow[],
  { policy, ...asked }: Asked & { policy: Policy },
): Plot {
  const perMinute = perMinuteIn(range, asked);
  const curve = (name: string, key: "r2" | "database"): Curve => {
    const counts = new Map(rows.map((row) => [row.bucket, row[key]]));
    const values = startsOf(range).map((start) => perMinute(start, counts.get(start) ?? 0));
    return { name, cohort: "native", kind: "measured", values };
  };
  const { r2Failures, databaseFailures } = policy;
  return plotOf(range, "per min", [
    curve("R2", "r2"),
    curve("database", "database"),
    level(range, "R2: not-aus", r2Failures.limitPerMinute),
    ...(databaseFailures.limitPerMinute === r2Failures.limitPerMinute
      ? []
      : [level(range, "database: not-aus", databaseFailures.limitPerMinute)]),
  ]);
}
