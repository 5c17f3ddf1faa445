/**
 * What the policy judges: buckets of the metrics, and the last reduction. Which windows to ask the
 * metrics for, and how the answers become one line per bucket.
 */

import { timeOf } from "../lib/time.ts";
import type { BucketRow, FailureBucketRow, OrphanRow, Query, Window } from "../metrics/queries.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { Policy } from "./numbers.ts";

/** Seen, or not, and then why: nothing unseen counts as good. */
export type Observed<T> =
  | { kind: "seen"; value: T }
  /** `error`: what was thrown, for a caller who has to report it. */
  | { kind: "unseen"; because: string; error?: Error };

/** One question to the metrics. Never rejects. */
export type Ask = <Row>(
  question: (dataset: string) => Query<Row>,
) => Promise<Observed<readonly Row[]>>;

export interface Observations {
  /** Seconds since the epoch. */
  nowS: number;
  /** The answers to `questions` for this `nowS` and policy. */
  health: Observed<readonly BucketRow[]>;
  failures: Observed<readonly FailureBucketRow[]>;
  orphans: Observed<OrphanRow>;
  /** When the share was last reduced, seconds since the epoch; null: not since it was raised. */
  lastReductionS: Observed<number | null>;
}

/** The windows to ask for: `healthBuckets`, `failureBuckets` and `orphanedIntents` of metrics.ts. */
export function questions(
  nowS: number,
  policy: Policy,
): { health: Window; failures: Window; orphans: Window } {
  const { r2Failures, databaseFailures, orphanedIntents } = policy;
  const health = lastBuckets(nowS, policy, Math.max(...minutesOfHealth(policy)));
  // Also as long as the errors and latencies that failures may explain.
  const failures = Math.max(r2Failures.minutes, databaseFailures.minutes);
  const { minutes, graceMinutes } = orphanedIntents;
  const toS = Math.max(0, newestEndS(nowS, policy) - graceMinutes * policy.bucketSeconds);
  return {
    health,
    failures: lastBuckets(nowS, policy, Math.max(failures, ...minutesOfHealth(policy))),
    orphans: { fromS: Math.max(0, toS - minutes * policy.bucketSeconds), toS },
  };
}

/** Of all that is judged by buckets: orphans have a window of their own, and a reduction has no limit. */
function minutesOfHealth({
  bucketSeconds,
  settleSeconds,
  minNativeRequests,
  orphanedIntents,
  reductionDidNotHelp,
  ...byBuckets
}: Policy): number[] {
  return Object.values(byBuckets).map(({ minutes }) => minutes);
}

/** The end of the newest bucket that is complete. */
export function newestEndS(nowS: number, { bucketSeconds, settleSeconds }: Policy): number {
  const settled = Math.max(0, nowS - settleSeconds);
  return Math.floor(settled / bucketSeconds) * bucketSeconds;
}

export function lastBuckets(nowS: number, policy: Policy, minutes: number): Window {
  const toS = newestEndS(nowS, policy);
  return { fromS: Math.max(0, toS - minutes * policy.bucketSeconds), toS };
}

/**
 * Without what was measured before: an incident that is over says nothing of native as it is now. Intents
 * are counted by their hour, which would hold its intents, too.
 */
export function since(seen: Observations, fromS: number): Observations {
  const later = <Row extends { bucket: number }>(
    rows: Observed<readonly Row[]>,
  ): Observed<readonly Row[]> =>
    rows.kind === "unseen"
      ? rows
      : { kind: "seen", value: rows.value.filter(({ bucket }) => bucket >= fromS) };
  const orphans: Observations["orphans"] = {
    kind: "seen",
    value: { intents: 0, finalized: 0, requests: 0 },
  };
  return { ...seen, health: later(seen.health), failures: later(seen.failures), orphans };
}

/** `since`, but for intents: they were asked for as made after `fromS`, if there was any time for that. */
export function sinceChange(seen: Observations, fromS: number): Observations {
  const cut = since(seen, fromS);
  return fromS < seen.nowS ? { ...cut, orphans: seen.orphans } : cut;
}

/** Of one cohort; counts are weighted, observations are the rows that were really seen. */
type CohortBucket = Pick<
  BucketRow,
  "requests" | "errors" | "p90" | "observations" | "errorObservations"
>;

/** What one bucket knows; counts are 0 where nothing was recorded. */
export interface Bucket {
  native: CohortBucket;
  proxy: CohortBucket;
  r2: number;
  database: number;
  observations: { r2: number; database: number };
  /** Given up by their visitors; observations of native's. */
  left: { native: number; proxy: number; observations: number };
}

/** The buckets of a window, oldest first. Rows outside of it, and numbers that are none, are ignored. */
export function bucketsOf(
  window: Window,
  bucketSeconds: number,
  health: readonly BucketRow[],
  failures: readonly FailureBucketRow[],
): Bucket[] {
  const count = Math.max(0, Math.round((window.toS - window.fromS) / bucketSeconds));
  const buckets = Array.from({ length: count }, emptyBucket);
  const at = (startS: number) => buckets[(startS - window.fromS) / bucketSeconds];
  for (const row of health) {
    const bucket = at(row.bucket);
    if (bucket === undefined) continue;
    bucket[row.cohort] = cohortBucket(row);
  }
  for (const row of failures) {
    const bucket = at(row.bucket);
    if (bucket === undefined) continue;
    bucket.r2 = sane(row.r2);
    bucket.database = sane(row.database);
    bucket.observations = {
      r2: sane(row.r2Observations),
      database: sane(row.databaseObservations),
    };
    bucket.left = {
      native: sane(row.nativeLeft),
      proxy: sane(row.proxyLeft),
      observations: sane(row.leftObservations),
    };
  }
  return buckets;
}

function cohortBucket(row: Pick<BucketRow, keyof CohortBucket>): CohortBucket {
  const { requests, errors, p90, observations, errorObservations } = row;
  return {
    requests: sane(requests),
    errors: sane(errors),
    p90: sane(p90),
    observations: sane(observations),
    errorObservations: sane(errorObservations),
  };
}

function emptyBucket(): Bucket {
  const none = { requests: 0, errors: 0, p90: 0, observations: 0, errorObservations: 0 };
  return {
    native: none,
    proxy: none,
    r2: 0,
    database: 0,
    observations: { r2: 0, database: 0 },
    left: { native: 0, proxy: 0, observations: 0 },
  };
}

function sane(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0;
}

/**
 * When the share was last reduced, by whatever command; null when it has been raised, switched off or
 * stopped since, or never was reduced. `entries` in order of time; seconds since the epoch.
 */
export function lastReduction(entries: readonly JournalEntry[]): number | null {
  const last = entries.findLast(({ before, after }) => {
    const same = before?.percent === after.percent && before.emergency === after.emergency;
    return after.percent !== null && !same;
  });
  if (last === undefined) return null;
  const { before, after } = last;
  const lower = before !== null && before.percent !== null && (after.percent ?? 0) < before.percent;
  const atS = Date.parse(last.at) / 1_000;
  if (!lower || after.percent === 0 || after.emergency === true) return null;
  return Number.isFinite(atS) ? atS : null;
}

/** What `lastReduction` would have said at a time; a journal with a gap may hide the very entry. */
export function reductionsOf(
  entries: readonly JournalEntry[],
  gap: string | null,
): (atS: number) => Observed<number | null> {
  if (gap !== null) return () => ({ kind: "unseen", because: gap });
  const known = entries.map((entry, index) => ({
    fromS: timeOf(entry.at) / 1_000,
    value: lastReduction(entries.slice(0, index + 1)),
  }));
  return (atS) => ({
    kind: "seen",
    value: known.findLast(({ fromS }) => fromS <= atS)?.value ?? null,
  });
}
