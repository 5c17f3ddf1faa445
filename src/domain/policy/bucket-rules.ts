/** Rules that look at buckets: a limit, exceeded in each of so many. */

import { counted, countText, percentText } from "../text/format.ts";
import type { Case, Result } from "./case.ts";
import { bucketsIn, observed, span, unseenHealth } from "./case.ts";
import type { Unit } from "./finding.ts";
import { hangUps } from "./hang-ups.ts";
import type { Reading } from "./judge.ts";
import { errorReading, judge, judgeCounts } from "./judge.ts";
import type { Policy } from "./numbers.ts";
import type { Bucket } from "./observations.ts";
import { lastBuckets } from "./observations.ts";
import type { Verdict } from "./verdict.ts";

/** An error rate of 9 % over a limit of 3 % is no matter of another minute. */
const FAR_OVER = 3;

interface Series {
  minutes: number;
  limit: number;
  unit: Unit;
  minimum: number;
  samples: number;
  readings: Reading[];
  judged: typeof judge;
  /** One of the samples: "native request". */
  of: string;
  /** What could not be seen, if anything. */
  unseen: string | null;
}

function overBuckets(series: Series, { seen, policy }: Case): Result {
  const { minutes, limit, unit, minimum, samples, readings, unseen, of } = series;
  const common = { limit, unit, minimum, samples, window: lastBuckets(seen.nowS, policy, minutes) };
  const verdict = series.judged(readings, unseen === null && samples >= minimum);
  const values = readings.map(({ value }) => value);
  const newest = readings.findLast(({ state }) => state !== "empty");
  const far = newest?.state === "over" && (newest.value ?? 0) >= limit * FAR_OVER;
  if (verdict !== "no_data") {
    return { ...common, values, far, verdict, detail: words(verdict, readings, series, policy) };
  }
  const few = `${counted(samples, of)} in ${span(minutes, policy)}, needs ${countText(minimum)}`;
  const apart = "nothing to compare: no minute has requests of both cohorts";
  return { ...common, values, far, verdict, detail: unseen ?? (samples < minimum ? few : apart) };
}

function words(verdict: Verdict, readings: readonly Reading[], s: Series, policy: Policy): string {
  const over = readings.filter(({ state }) => state === "over").length;
  const each = s.minutes === 1 ? "the newest bucket" : `each of ${span(s.minutes, policy)}`;
  if (verdict === "fail") return `over ${s.limit} ${s.unit} in ${each}`;
  if (verdict === "pass") return `not over ${s.limit} ${s.unit} in ${each}`;
  if (over === 0) return `over ${s.limit} ${s.unit}, but with too few errors to rule out chance`;
  return `over ${s.limit} ${s.unit} in ${over} of ${span(s.minutes, policy)} so far`;
}

export function errorRate(key: "errorRateCritical" | "errorRateWarning", given: Case): Result {
  const { limitPercent: limit, minutes, minErrors, minNativeRequests } = given.policy[key];
  const buckets = bucketsIn(minutes, given);
  const result = overBuckets(
    {
      ...{ minutes, limit, unit: "%", judged: judge, of: "native request" },
      minimum: minNativeRequests ?? given.policy.minNativeRequests,
      samples: observed(buckets, "native"),
      readings: buckets.map(({ native }) => errorReading(native, limit, minErrors)),
      unseen: unseenHealth(given),
    },
    given,
  );
  // Said once, by the row that looks longer.
  const odd = key === "errorRateWarning" && result.verdict === "pass" ? hangUps(buckets) : null;
  return odd === null ? result : { ...result, verdict: "inconclusive", gave_up: true, detail: odd };
}

export function proxyErrors(given: Case): Result {
  const { limitPercent: limit, minutes, minErrors, minProxyRequests } = given.policy.proxyUnhealthy;
  const buckets = bucketsIn(minutes, given);
  return overBuckets(
    {
      ...{ minutes, limit, unit: "%", judged: judge, of: "proxy request" },
      minimum: minProxyRequests,
      samples: observed(buckets, "proxy"),
      readings: buckets.map(({ proxy }) => errorReading(proxy, limit, minErrors)),
      unseen: unseenHealth(given),
    },
    given,
  );
}

export function overProxy(
  key: "p90OverProxyCritical" | "p90OverProxyWarning",
  given: Case,
): Result {
  const row = given.policy[key];
  const { limitPercent: limit, minutes, minNativeRequests: minimum } = row;
  const buckets = bucketsIn(minutes, given);
  const [native, proxy] = [observed(buckets, "native"), observed(buckets, "proxy")];
  const rarer = proxy < native ? "proxy" : "native";
  const result = overBuckets(
    {
      ...{ minutes, limit, unit: "%", minimum, judged: judge },
      samples: Math.min(native, proxy),
      of: `${rarer} request`,
      readings: buckets.map((bucket) => overProxyReading(bucket, row)),
      unseen: unseenHealth(given),
    },
    given,
  );
  const newest = buckets.findLast(isComparable);
  return newest === undefined ? result : { ...result, detail: detailOf(result, newest, row) };
}

/** With what the percentage is made of: 450 % may be 11 ms beside 2 ms. */
function detailOf(
  { verdict, values, limit, detail }: Result,
  { native, proxy }: Bucket,
  { minDifferenceMs }: Policy["p90OverProxyCritical"],
): string {
  if (verdict === "no_data") return detail;
  const times = `${countText(native.p90, 1)} ms native, ${countText(proxy.p90, 1)} ms proxy`;
  const unfelt = verdict === "pass" && (values.findLast((known) => known !== null) ?? 0) > limit;
  return unfelt
    ? `${times}: less than ${minDifferenceMs} ms slower, does not count`
    : `${detail}; ${times}`;
}

function isComparable({ native, proxy }: Bucket): boolean {
  return native.requests > 0 && proxy.requests > 0 && proxy.p90 > 0;
}

function overProxyReading(
  bucket: Bucket,
  { limitPercent, minDifferenceMs }: Policy["p90OverProxyCritical"],
): Reading {
  if (!isComparable(bucket)) return { state: "empty", value: null };
  const { native, proxy } = bucket;
  const felt = native.p90 - proxy.p90 >= minDifferenceMs;
  const over = felt && native.p90 * 100 > proxy.p90 * (100 + limitPercent);
  return { state: over ? "over" : "under", value: (native.p90 / proxy.p90 - 1) * 100 };
}

export function p90(given: Case): Result {
  const { limitMs: limit, minutes, minNativeRequests: minimum } = given.policy.p90Warning;
  const buckets = bucketsIn(minutes, given);
  return overBuckets(
    {
      ...{ minutes, limit, unit: "ms", minimum, judged: judge, of: "native request" },
      samples: observed(buckets, "native"),
      readings: buckets.map(({ native }) => {
        if (native.requests === 0) return { state: "empty", value: null };
        return { state: native.p90 > limit ? "over" : "under", value: native.p90 };
      }),
      unseen: unseenHealth(given),
    },
    given,
  );
}

export function failures(
  key: "r2Failures" | "databaseFailures",
  of: "r2" | "database",
  given: Case,
): Result {
  const { policy, seen } = given;
  const row = policy[key];
  const { limitPerMinute: limit, minutes, minNativeRequests } = row;
  const buckets = bucketsIn(minutes, given);
  const unseen = seen.failures.kind === "unseen" ? seen.failures.because : unseenHealth(given);
  const readings = failureReadings(buckets, of, { ...row, bucketSeconds: policy.bucketSeconds });
  const result = overBuckets(
    {
      ...{ minutes, limit, unit: "per min", judged: judgeCounts, of: "native request" },
      minimum: minNativeRequests ?? policy.minNativeRequests,
      samples: observed(buckets, "native"),
      readings,
      unseen,
    },
    given,
  );
  const newest = readings.findLastIndex(({ value }) => value !== null);
  const few = readings[newest]?.state === "under" && (readings[newest]?.value ?? 0) > limit;
  if (result.verdict !== "pass" || !few) return result;
  return { ...result, detail: `${fewWords(buckets[newest], of)}: under ${row.minSharePercent} %` };
}

/** Many or few: an absolute number alone would let a handful of requests stop any canary. */
function failureReadings(
  buckets: readonly Bucket[],
  of: "r2" | "database",
  row: Policy["r2Failures"] & { bucketSeconds: number },
): Reading[] {
  const { limitPerMinute: limit, minSharePercent, bucketSeconds } = row;
  const limitPerBucket = (limit * bucketSeconds) / 60;
  const seen = buckets.reduce((sum, { observations }) => sum + observations[of], 0);
  return buckets.map((bucket) => {
    const { requests } = bucket.native;
    if (requests === 0 && bucket[of] === 0) return { state: "empty", value: null };
    const value = (bucket[of] * 60) / bucketSeconds;
    const over = value > limit && bucket[of] * 100 >= requests * minSharePercent;
    // Unsampled, each bucket that is over has as many by itself.
    return { state: !over ? "under" : seen > limitPerBucket ? "over" : "thin", value };
  });
}

function fewWords(bucket: Bucket | undefined, of: "r2" | "database"): string {
  const share = ((bucket?.[of] ?? 0) * 100) / (bucket?.native.requests ?? 1);
  const failures = counted(bucket?.[of] ?? 0, "failure is", "failures are");
  return `${failures} ${percentText(share)} of native's requests`;
}
