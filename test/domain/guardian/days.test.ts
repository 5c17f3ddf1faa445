/**
 * AT-13: 10,000 simulated days around the policy's thresholds. How often the guardian would act on a healthy
 * native, which regressions it would miss, how long it would take. Minutes are drawn, not whole requests.
 */
import { describe, expect, it } from "vitest";
import type { BucketRow } from "../../../src/domain/metrics/queries.ts";
import { evaluate } from "../../../src/domain/policy/evaluate.ts";
import { errorReading } from "../../../src/domain/policy/judge.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import type { Random } from "../../../src/sandbox/random.ts";
import { seededRandom } from "../../../src/sandbox/random.ts";
import { runs } from "../../support/runs.ts";

const DAY_MIN = 1_440;
const DAYS = runs(2_000);
/** A native that is well fails so many of its requests. */
const HEALTHY = 0.005;
const {
  errorRateCritical: critical,
  errorRateWarning: warning,
  minNativeRequests,
} = DEFAULT_POLICY;

interface Shape {
  name: string;
  /** Native requests per minute. */
  rate: (minute: number) => number;
  /** Share of them that fail. */
  fails: (minute: number) => number;
  /** From this minute on it is sick; null: it never is. */
  sickFrom: number | null;
}

const SHAPES: readonly Shape[] = [
  { name: "flat", rate: () => 100, fails: () => HEALTHY, sickFrom: null },
  {
    name: "sine",
    rate: (m) => 120 + 100 * Math.sin((m / DAY_MIN) * 2 * Math.PI),
    fails: (m) => HEALTHY * (1 + 0.3 * Math.sin((m / 180) * 2 * Math.PI)),
    sickFrom: null,
  },
  { name: "sparse", rate: () => 4, fails: () => HEALTHY, sickFrom: null },
  { name: "zero", rate: () => 0, fails: () => HEALTHY, sickFrom: null },
  {
    name: "step to 5 times, 500 a minute",
    rate: () => 500,
    fails: (m) => (m < 720 ? HEALTHY : HEALTHY * 5),
    sickFrom: 720,
  },
];

/** Knuth's for small means, the normal approximation for large ones. */
function poisson(mean: number, random: Random): number {
  if (mean > 50) {
    const normal =
      Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > limit; product *= random.next()) count += 1;
  return count;
}

interface Minute {
  requests: number;
  errors: number;
}

interface Day {
  /** The first minute at whose end it acts, and the minutes of its window; null: never. */
  actedAt: number | null;
  window: readonly Minute[];
}

/** "For N min" is N buckets over the limit in a row: a run of them is all that has to be kept. */
function playDay({ rate, fails }: Shape, random: Random, from = 0): Day {
  const runs = { critical: 0, warning: 0 };
  const recent: Minute[] = [];
  for (let minute = from; minute < DAY_MIN; minute += 1) {
    const requests = poisson(rate(minute), random);
    const errors = Math.min(requests, poisson(requests * fails(minute), random));
    recent.push({ requests, errors });
    if (recent.length > 10) recent.shift();
    const over = (limit: number, least: number) =>
      errorReading({ requests, errors, errorObservations: errors }, limit, least).state === "over";
    runs.critical = over(critical.limitPercent, critical.minErrors) ? runs.critical + 1 : 0;
    runs.warning = over(warning.limitPercent, warning.minErrors) ? runs.warning + 1 : 0;
    const enough = (n: number) =>
      recent.slice(-n).reduce((sum, one) => sum + one.requests, 0) >= minNativeRequests;
    const acts =
      (runs.critical >= critical.minutes && enough(critical.minutes)) ||
      (runs.warning >= warning.minutes && enough(warning.minutes));
    if (acts) return { actedAt: minute, window: [...recent] };
  }
  return { actedAt: null, window: [...recent] };
}

/** What the real policy says of these minutes. */
function recommends(window: readonly Minute[]): string {
  const nowS = 1_800_000_000;
  const toS = Math.floor((nowS - DEFAULT_POLICY.settleSeconds) / 60) * 60;
  const rows = window.map(({ requests, errors }, index): BucketRow => {
    const bucket = toS - (window.length - index) * 60;
    const seen = { observations: requests, errorObservations: errors };
    return { bucket, cohort: "native", requests, errors, ...seen, p50: 20, p90: 50, p99: 90 };
  });
  const seen = evaluate(
    {
      nowS,
      health: { kind: "seen", value: rows },
      failures: { kind: "seen", value: [] },
      orphans: { kind: "seen", value: { intents: 0, finalized: 0, requests: 0 } },
      lastReductionS: { kind: "seen", value: null },
    },
    DEFAULT_POLICY,
  );
  return seen.recommendation;
}

describe("AT-13", () => {
  it(`${DAYS * SHAPES.length} days: false actions are rare, a regression is found, no data holds`, () => {
    const seed = Date.now() % 2 ** 31;
    const random = seededRandom(seed);
    console.log(`AT-13: seed ${seed}, ${DAYS * SHAPES.length} days`);
    for (const shape of SHAPES) {
      const times: number[] = [];
      let falsely = 0;
      let missed = 0;
      for (let day = 0; day < DAYS; day += 1) {
        const { actedAt, window } = playDay(shape, random);
        // The short cut above and the policy itself say the same.
        if (actedAt !== null) expect(["reduce", "not-aus"]).toContain(recommends(window));
        else if (day % 100 === 0) expect(recommends(window)).toBe("none");
        const sick = shape.sickFrom;
        if (actedAt !== null && (sick === null || actedAt < sick)) falsely += 1;
        else if (sick !== null && actedAt === null) missed += 1;
        else if (sick !== null && actedAt !== null) times.push(actedAt - sick + 1);
      }
      const hours = (DAYS * (shape.sickFrom ?? DAY_MIN)) / 60;
      const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? null;
      const share = ((falsely * 100) / hours).toFixed(4);
      console.log(
        `AT-13: ${shape.name}: ${falsely} false actions in ${hours} healthy hours (${share} %), ` +
          `${missed} missed, median ${median} min to act`,
      );
      expect(falsely / hours).toBeLessThanOrEqual(0.001);
      expect(missed).toBe(0);
      // Five buckets are the window itself; three evaluations more.
      if (median !== null) expect(median).toBeLessThanOrEqual(warning.minutes + 3);
    }
  });

  it("is noticed when single errors count, whatever their number", () => {
    const hasty = { ...DEFAULT_POLICY };
    const random = seededRandom(13);
    let over = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const requests = poisson(20, random);
      const errors = poisson(requests * HEALTHY, random);
      if (
        errorReading(
          { requests, errors, errorObservations: errors },
          hasty.errorRateCritical.limitPercent,
          1,
        ).state === "over"
      )
        over += 1;
    }
    // With one error being enough, one healthy minute in ten looks sick: three in a row every day.
    expect(over / 5_000).toBeGreaterThan(0.05);
  });
});
