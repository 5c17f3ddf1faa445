/**
 * The numbers of the policy's rules, which an environment may replace in `pixcanary.json`. The rules
 * themselves: rules.ts.
 *
 * "For N min" means: in each of the last N complete buckets of one minute. Rehearsals may set
 * `bucketSeconds` to less: every "minute" of the policy is then one bucket, and limits per minute stay
 * per minute, so that one failure in a bucket of one second counts as 60 per minute.
 */
import * as z from "zod";
import { once } from "../lib/lazy.ts";

/**
 * Limits and minutes are DESIGN's; the minimum samples are ours, chosen so that chance
 * alone does not stop a healthy canary. test/domain/policy/numbers.test.ts computes the figures given here.
 *
 * Errors. A healthy native fails 0.5 % of its requests. With up to 33 requests in a bucket one single
 * error exceeds 3 %, and with 66 two do: three buckets in a row trip in 1 of 280 evaluations at 33,
 * and in 1 of 12,000 at 66, whatever the minimum of the window says. Hence `minErrors`: a bucket counts
 * as over its limit only with so many errors in it. With 3, the worst case at any traffic (99 requests
 * a minute) is 1 of 380,000 evaluations, which is once in 6,000 hours. The warning makes do with 2,
 * since a needless reduction does little harm: 1 of 16,000 at worst. A native that fails altogether is
 * still seen at 17 requests a minute, the window's minimum of 50.
 *
 * Latency. The p90 of few requests is mostly chance: with a long-tailed distribution (lognormal,
 * sigma 1) and 33 requests a minute, native looks 50 % slower than its equal for three minutes in 1 of
 * 4,000 evaluations; with 100 a minute in 1 of 220,000. Hence 100 a minute for the rows that compare,
 * of either cohort. The absolute row has ten minutes to be wrong in: 20 a minute do. And 11 ms beside 2 ms
 * are no incident: what nobody can feel (20 ms) does not count as slower, whatever the percentage.
 *
 * Orphans. Anybody can ask for eleven intents and leave them: beside a thousand requests that is a matter
 * for people, and none to disable the canary for. Hence 1 % of native's requests as well.
 *
 * Failures of R2 and the database. Five per minute are many at 100 requests a minute and nothing at
 * 10,000, where one broken client makes as many: hence 1 % of native's requests as well, which an outage
 * exceeds at once. Who hangs up is no failure at all, and no request.
 *
 * Sampling. Rates are weighted; each minimum counts stored rows, as one row of weight 10 is one
 * observation. Failures count with as many rows in the window as a bucket needs without sampling.
 */
export const DEFAULT_POLICY: Policy = {
  bucketSeconds: 60,
  settleSeconds: 30,
  minNativeRequests: 50,
  errorRateCritical: { limitPercent: 3, minutes: 3, minErrors: 3 },
  errorRateWarning: { limitPercent: 1.5, minutes: 5, minErrors: 2 },
  p90OverProxyCritical: {
    limitPercent: 50,
    minutes: 3,
    minNativeRequests: 300,
    minDifferenceMs: 20,
  },
  p90OverProxyWarning: {
    limitPercent: 20,
    minutes: 5,
    minNativeRequests: 500,
    minDifferenceMs: 20,
  },
  p90Warning: { limitMs: 600, minutes: 10, minNativeRequests: 200 },
  r2Failures: { limitPerMinute: 5, minutes: 3, minSharePercent: 1 },
  databaseFailures: { limitPerMinute: 5, minutes: 3, minSharePercent: 1 },
  orphanedIntents: { limit: 10, minutes: 60, graceMinutes: 15, minSharePercent: 1 },
  reductionDidNotHelp: { minutes: 10 },
  proxyUnhealthy: { limitPercent: 1.5, minutes: 5, minErrors: 2, minProxyRequests: 50 },
  backToNormal: { errorRatePercent: 1, p90Ms: 500, minutes: 5, minErrors: 3 },
};

/** What `policy` in `pixcanary.json` may hold: a row that names some of its numbers keeps the others. */
export const policySchema = once(() =>
  z.strictObject({
    bucketSeconds: z
      .int()
      .min(1)
      .max(3_600)
      .default(DEFAULT_POLICY.bucketSeconds)
      .describe("length of one bucket; shorter than a minute only for rehearsals"),
    settleSeconds: z
      .int()
      .min(0)
      .max(600)
      .default(DEFAULT_POLICY.settleSeconds)
      .describe("seconds after its end until a bucket counts as complete: data points arrive late"),
    minNativeRequests: sample(DEFAULT_POLICY.minNativeRequests).describe(
      "in the window; with fewer a finding is no_data",
    ),
    errorRateCritical: errorRate(DEFAULT_POLICY.errorRateCritical),
    errorRateWarning: errorRate(DEFAULT_POLICY.errorRateWarning),
    p90OverProxyCritical: p90OverProxy(DEFAULT_POLICY.p90OverProxyCritical),
    p90OverProxyWarning: p90OverProxy(DEFAULT_POLICY.p90OverProxyWarning),
    p90Warning: p90Absolute(DEFAULT_POLICY.p90Warning),
    r2Failures: failures(DEFAULT_POLICY.r2Failures),
    databaseFailures: failures(DEFAULT_POLICY.databaseFailures),
    orphanedIntents: orphans(DEFAULT_POLICY.orphanedIntents),
    reductionDidNotHelp: row({ minutes: minutes(DEFAULT_POLICY.reductionDidNotHelp, 1_440) }),
    proxyUnhealthy: proxyErrors(DEFAULT_POLICY.proxyUnhealthy),
    backToNormal: normal(DEFAULT_POLICY.backToNormal),
  }),
);

/** In the units that the keys name; a minute is one bucket. */
export interface Policy {
  bucketSeconds: number;
  settleSeconds: number;
  minNativeRequests: number;
  errorRateCritical: ErrorRate;
  errorRateWarning: ErrorRate;
  p90OverProxyCritical: P90OverProxy;
  p90OverProxyWarning: P90OverProxy;
  p90Warning: { limitMs: number; minutes: number; minNativeRequests: number };
  r2Failures: Failures;
  databaseFailures: Failures;
  orphanedIntents: {
    limit: number;
    minutes: number;
    graceMinutes: number;
    /**
     * Of native's requests then, or in a time as long now if those are more: with fewer, people are told, and
     * nothing is switched off.
     */
    minSharePercent: number;
  };
  reductionDidNotHelp: { minutes: number };
  proxyUnhealthy: {
    limitPercent: number;
    minutes: number;
    minErrors: number;
    minProxyRequests: number;
  };
  backToNormal: { errorRatePercent: number; p90Ms: number; minutes: number; minErrors: number };
}

/** Whose value is the numbers of a rule. */
export type RuleKey = Exclude<
  keyof Policy,
  "bucketSeconds" | "settleSeconds" | "minNativeRequests" | "backToNormal"
>;

interface ErrorRate {
  limitPercent: number;
  minutes: number;
  /** In each bucket. */
  minErrors: number;
  minNativeRequests?: number | undefined;
}

interface P90OverProxy {
  limitPercent: number;
  minutes: number;
  /** Of either cohort. */
  minNativeRequests: number;
  /** A smaller difference is not felt by anybody. */
  minDifferenceMs: number;
}

interface Failures {
  limitPerMinute: number;
  minutes: number;
  /** Of native's answered requests in each bucket: fewer failures are shown, and do not count. */
  minSharePercent: number;
  minNativeRequests?: number | undefined;
}

// --- The schema's pieces -------------------------------------------------------------------------

const limit = (fallback: number) => z.number().min(0).max(1_000_000).default(fallback);
const sample = (fallback: number) => z.int().min(1).max(1_000_000).default(fallback);
const enough = (fallback: number) => sample(fallback).describe("fewer errors prove nothing");
const ownMinimum = () =>
  z.int().min(1).max(1_000_000).optional().describe("instead of the policy's minNativeRequests");

function minutes(row: { minutes: number }, most = 120) {
  return z.int().min(1).max(most).default(row.minutes);
}

function row<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as z.input<z.ZodObject<Shape, z.core.$strict>>);
}

function errorRate(own: ErrorRate) {
  return row({
    limitPercent: limit(own.limitPercent),
    minutes: minutes(own),
    minErrors: enough(own.minErrors),
    minNativeRequests: ownMinimum(),
  });
}

function p90OverProxy(own: P90OverProxy) {
  return row({
    limitPercent: limit(own.limitPercent),
    minutes: minutes(own),
    minNativeRequests: sample(own.minNativeRequests).describe("of either cohort in the window"),
    minDifferenceMs: limit(own.minDifferenceMs).describe("a smaller difference does not count"),
  });
}

function p90Absolute(own: Policy["p90Warning"]) {
  return row({
    limitMs: limit(own.limitMs),
    minutes: minutes(own),
    minNativeRequests: sample(own.minNativeRequests),
  });
}

function failures(own: Failures) {
  return row({
    limitPerMinute: limit(own.limitPerMinute),
    minutes: minutes(own),
    minSharePercent: z
      .number()
      .min(0)
      .max(100)
      .default(own.minSharePercent)
      .describe("of native's requests: fewer failures are shown but do not count"),
    minNativeRequests: ownMinimum(),
  });
}

function orphans(own: Policy["orphanedIntents"]) {
  return row({
    limit: limit(own.limit),
    minutes: minutes(own, 1_440),
    graceMinutes: z
      .int()
      .min(0)
      .max(1_440)
      .default(own.graceMinutes)
      .describe("an older intent is orphaned: its upload URL has expired"),
    minSharePercent: z
      .number()
      .min(0)
      .max(100)
      .default(own.minSharePercent)
      .describe("of native's requests: with fewer, the finding only notifies"),
  });
}

function proxyErrors(own: Policy["proxyUnhealthy"]) {
  return row({
    limitPercent: limit(own.limitPercent),
    minutes: minutes(own),
    minErrors: enough(own.minErrors),
    minProxyRequests: sample(own.minProxyRequests),
  });
}

function normal(own: Policy["backToNormal"]) {
  return row({
    errorRatePercent: limit(own.errorRatePercent).describe("must be lower"),
    p90Ms: limit(own.p90Ms).describe("must be lower"),
    minutes: minutes(own),
    minErrors: enough(own.minErrors),
  });
}
