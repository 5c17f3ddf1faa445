/** Observations by hand: so many minutes, all alike unless told otherwise. */
import type { BucketRow, FailureBucketRow } from "../../../src/domain/metrics/queries.ts";
import type { Policy } from "../../../src/domain/policy/numbers.ts";
import { DEFAULT_POLICY, policySchema } from "../../../src/domain/policy/numbers.ts";
import type { Observations } from "../../../src/domain/policy/observations.ts";
import { newestEndS } from "../../../src/domain/policy/observations.ts";

/** Not at the start of a minute, nor of the one that is settled. */
export const NOW_S = 1_763_000_017;

interface Counted {
  requests: number;
  errors: number;
  p90: number;
}

interface Measured extends Counted {
  observations: number;
  errorObservations: number;
}

export interface Minute {
  native: Measured;
  proxy: Measured;
  r2: number;
  database: number;
  left: { native: number; proxy: number; rows?: number };
}

/** Healthy, and busy enough for every row. */
const HEALTHY = {
  native: { requests: 1_000, errors: 2, p90: 180 },
  proxy: { requests: 9_000, errors: 9, p90: 200 },
  r2: 0,
  database: 0,
};

export type Change = {
  native?: Partial<Minute["native"]>;
  proxy?: Partial<Minute["proxy"]>;
  r2?: number;
  database?: number;
  left?: Minute["left"];
};

/** Unsampled, unless told otherwise. */
function measured(healthy: Counted, change: Partial<Measured> = {}): Measured {
  const { requests, errors } = { ...healthy, ...change };
  return { ...healthy, observations: requests, errorObservations: errors, ...change };
}

/** A healthy minute with something else in it. */
export function minute(change: Change = {}): Minute {
  return {
    native: measured(HEALTHY.native, change.native),
    proxy: measured(HEALTHY.proxy, change.proxy),
    r2: change.r2 ?? 0,
    database: change.database ?? 0,
    left: change.left ?? { native: 0, proxy: 0 },
  };
}

export function minutes(count: number, change: Change = {}): Minute[] {
  return Array.from({ length: count }, () => minute(change));
}

/** The newest complete buckets are `newest`, oldest first; before them it was healthy. */
export function seen(
  newest: readonly Minute[],
  more: Partial<Observations> = {},
  policy: Policy = DEFAULT_POLICY,
): Observations {
  const all = [...minutes(Math.max(0, 20 - newest.length)), ...newest];
  const toS = newestEndS(more.nowS ?? NOW_S, policy);
  const health: BucketRow[] = [];
  const failures: FailureBucketRow[] = [];
  all.forEach((one, index) => {
    const bucket = toS - (all.length - index) * policy.bucketSeconds;
    for (const cohort of ["native", "proxy"] as const) {
      const row = { bucket, cohort, p50: 0, p99: 0, ...one[cohort] };
      if (row.requests > 0) health.push(row);
    }
    const { r2, database, left } = one;
    if (r2 + database + left.native + left.proxy > 0) {
      const unsampled = { r2Observations: r2, databaseObservations: database };
      const { native, proxy, rows = native } = left;
      const gone = { nativeLeft: native, proxyLeft: proxy, leftObservations: rows };
      failures.push({ bucket, r2, database, drift: 0, ...unsampled, ...gone });
    }
  });
  return {
    nowS: NOW_S,
    health: { kind: "seen", value: health },
    failures: { kind: "seen", value: failures },
    orphans: { kind: "seen", value: { intents: 500, finalized: 498, requests: 0 } },
    lastReductionS: { kind: "seen", value: null },
    ...more,
  };
}

export function policyOf(overrides: object): Policy {
  return policySchema().parse(overrides);
}
