/** The policy over a window: at each minute what assess would have said, nothing hidden by gaps or age. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { OrphanRow } from "../../../src/domain/metrics/queries.ts";
import type { Window } from "../../../src/domain/metrics/sql.ts";
import { evaluate } from "../../../src/domain/policy/evaluate.ts";
import type { Policy } from "../../../src/domain/policy/numbers.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import { lastBuckets, newestEndS } from "../../../src/domain/policy/observations.ts";
import type { Rule } from "../../../src/domain/policy/rule.ts";
import { RULES } from "../../../src/domain/policy/rules.ts";
import type {
  PolicyOverWindow,
  WindowPlan,
  WindowSeen,
} from "../../../src/domain/policy/window.ts";
import { MAX_BUCKETS, overWindow, planWindow } from "../../../src/domain/policy/window.ts";
import type { RuleOverWindow } from "../../../src/domain/policy/window-rule.ts";
import { seededRandom } from "../../../src/sandbox/random.ts";
import { runs } from "../../support/runs.ts";
import type { Change, Minute } from "./world.ts";
import { minute, NOW_S, policyOf, seen } from "./world.ts";

const DAY_S = 86_400;
const HOUR_S = 3_600;
const POLICY = DEFAULT_POLICY;
const TO_S = newestEndS(NOW_S, POLICY);
const GONE: Change = { native: { requests: 0, errors: 0 } };

function planOf(lengthS: number, policy: Policy = POLICY): WindowPlan {
  return planWindow(NOW_S, policy, lengthS) ?? expect.fail("the window is too long");
}

interface Past {
  policy?: Policy;
  /** What was to be seen in a bucket, by its start; healthy otherwise. */
  at?: (startS: number) => Change | null;
  intents?: (startS: number) => Partial<OrphanRow>;
  reducedS?: number;
  caught?: Window[];
}

/** The answers to all questions of the plan. */
function answers(
  plan: WindowPlan,
  { policy = POLICY, at, intents, reducedS, caught = [] }: Past,
): WindowSeen {
  const starts = (pieces: WindowPlan["health"]) =>
    pieces.flatMap(({ fromS, toS }) =>
      Array.from(
        { length: (toS - fromS) / policy.bucketSeconds },
        (_, index) => fromS + index * policy.bucketSeconds,
      ),
    );
  const buckets = starts(plan.health).map((bucket) => ({
    bucket,
    of: minute(at?.(bucket) ?? {}),
  }));
  const rows = buckets.flatMap(({ bucket, of }) =>
    (["native", "proxy"] as const)
      .filter((cohort) => of[cohort].requests > 0)
      .map((cohort) => ({ bucket, cohort, p50: 0, p99: 0, ...of[cohort] })),
  );
  const made = starts(plan.orphans).map((bucket) => ({
    bucket,
    ...{ intents: 1, finalized: 1, requests: 0, ...intents?.(bucket) },
  }));
  const failed = buckets.map(({ bucket, of: { r2, database, left } }) => ({
    ...{ bucket, r2, database, drift: 0 },
    ...{ r2Observations: r2, databaseObservations: database },
    ...{ nativeLeft: left.native, proxyLeft: left.proxy, leftObservations: left.native },
  }));
  return {
    health: { kind: "seen", value: rows },
    failures: {
      kind: "seen",
      value: failed.filter(({ r2, database, nativeLeft }) => r2 + database + nativeLeft > 0),
    },
    orphans: { kind: "seen", value: made },
    caught,
    lastReductionS: (atS) => ({
      kind: "seen",
      value: reducedS !== undefined && reducedS <= atS ? reducedS : null,
    }),
  };
}

function judged(lengthS: number, past: Past = {}): PolicyOverWindow {
  const plan = planOf(lengthS, past.policy);
  return overWindow(plan, answers(plan, past), past.policy ?? POLICY);
}

function ruleOf({ rules }: PolicyOverWindow, rule: Rule): RuleOverWindow {
  return rules.find((one) => one.rule === rule) ?? expect.fail(rule);
}

/** So many buckets, from this one on, are as told. */
const during = (fromS: number, count: number, change: Change) => (startS: number) =>
  startS >= fromS && startS < fromS + count * 60 ? change : null;

const ERRORS: Change = { native: { errors: 40 } };

describe("what is asked", () => {
  it("is the settled part of the day, and before it as much as the rules look back", () => {
    const plan = planOf(DAY_S);
    expect(plan.window).toEqual({ fromS: TO_S - DAY_S, toS: TO_S });
    expect(plan.buckets).toBe(1_440);
    // p90 looks ten minutes back; orphaned intents are of an hour that ended 15 minutes ago.
    expect(plan.health).toEqual([{ fromS: TO_S - DAY_S - 9 * 60, toS: TO_S }]);
    expect(plan.failures).toEqual(plan.health);
    expect(plan.orphans).toEqual([{ fromS: TO_S - DAY_S - 74 * 60, toS: TO_S - 15 * 60 }]);
  });

  it("comes in pieces that one answer can hold, without a gap between them", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_BUCKETS }),
        fc.constantFrom(1, 10, 60, 3_600),
        fc.integer({ min: 0, max: 600 }),
        (buckets, bucketSeconds, settleSeconds) => {
          const policy = policyOf({ bucketSeconds, settleSeconds });
          const plan = planOf(buckets * bucketSeconds, policy);
          expect(plan.buckets).toBe(buckets);
          for (const pieces of [plan.health, plan.failures, plan.orphans]) {
            pieces.forEach(({ fromS, toS }, index) => {
              // Two rows for each bucket, and the answer is cut at 10,000.
              expect(((toS - fromS) / bucketSeconds) * 2).toBeLessThanOrEqual(9_000);
              if (index > 0) expect(fromS).toBe(pieces[index - 1]?.toS);
            });
          }
          expect(plan.health.at(-1)?.toS).toBe(plan.window.toS);
          expect(plan.health.length + plan.failures.length + plan.orphans.length).toBeLessThan(10);
        },
      ),
      { numRuns: runs(200) },
    );
  });

  it("is wall time, whatever the policy calls a minute, and a week of minutes at most", () => {
    const second = policyOf({ bucketSeconds: 1, settleSeconds: 0 });
    expect(planOf(90, second).buckets).toBe(90);
    expect(planOf(90).buckets).toBe(2);
    expect(planOf(7 * DAY_S).buckets).toBe(MAX_BUCKETS);
    expect(planWindow(NOW_S, POLICY, 7 * DAY_S + 1)).toBeNull();
    expect(planWindow(NOW_S, second, DAY_S)).toBeNull();
  });
});

describe("each evaluation", () => {
  /** A minute of one of a few kinds, among them gaps. */
  const kinds: readonly Change[] = [
    {},
    GONE,
    ERRORS,
    { native: { errors: 20, p90: 700 } },
    { native: { requests: 20, errors: 1 } },
    { native: { requests: 0 }, proxy: { errors: 500 } },
    { r2: 9, database: 7 },
    { proxy: { requests: 0, errors: 0 }, native: { requests: 3, errors: 2 } },
  ];

  it("is assess's own, made at that time on what could be seen then", () => {
    const past = fc.array(fc.nat({ max: kinds.length - 1 }), { minLength: 5, maxLength: 45 });
    fc.assert(
      fc.property(past, fc.option(fc.integer({ min: 0, max: 40 })), (drawn, reduced) => {
        const policy = policyOf({ orphanedIntents: { minutes: 5, graceMinutes: 2, limit: 1 } });
        const buckets = drawn.map((kind) => minute(kinds[kind]));
        const at = (startS: number): Change | null => {
          const index = buckets.length - (TO_S - startS) / 60;
          return buckets[index] ?? null;
        };
        const intents = (startS: number) => ({
          ...{ intents: 3, finalized: (startS / 60) % 4, requests: 200 },
        });
        const reducedS = reduced === null ? Number.MAX_SAFE_INTEGER : TO_S - reduced * 60;
        const lengthS = 30 * 60;
        const window = judged(lengthS, { policy, at, intents, reducedS });

        const counted = RULES.map(() => ({ pass: 0, fail: 0, inconclusive: 0, no_data: 0 }));
        for (let endS = TO_S - lengthS + 60; endS <= TO_S; endS += 60) {
          const upTo = buckets.slice(0, Math.max(0, buckets.length - (TO_S - endS) / 60));
          const { findings } = evaluate(
            assessedAt(endS, { upTo, intents, reducedS, policy }),
            policy,
          );
          findings.forEach(({ verdict }, index) => {
            const counts = counted[index];
            if (counts !== undefined) counts[verdict] += 1;
          });
          if (endS === TO_S) expect(window.now.findings).toEqual(findings);
        }
        expect(window.rules.map(({ evaluations }) => evaluations)).toEqual(counted);
      }),
      { numRuns: runs(60) },
    );
  });

  /** As `observe` would have put it together: everything up to then, not just what a rule needs. */
  function assessedAt(
    endS: number,
    {
      upTo,
      intents,
      reducedS,
      policy,
    }: {
      upTo: readonly Minute[];
      intents: (startS: number) => OrphanRow;
      reducedS: number;
      policy: Policy;
    },
  ) {
    const nowS = endS + policy.settleSeconds;
    const { minutes: span, graceMinutes } = policy.orphanedIntents;
    const sum = { intents: 0, finalized: 0, requests: 0 };
    for (let nth = graceMinutes + 1; nth <= graceMinutes + span; nth += 1) {
      const made = intents(endS - nth * 60);
      sum.intents += made.intents;
      sum.finalized += made.finalized;
      sum.requests += made.requests;
    }
    return seen(
      upTo,
      {
        nowS,
        orphans: { kind: "seen", value: sum },
        lastReductionS: { kind: "seen", value: reducedS <= nowS ? reducedS : null },
      },
      policy,
    );
  }
});

describe("a failure hours ago", () => {
  it("is found at 20 h, with its times; at 25 h it is outside", () => {
    const from20 = TO_S - 20 * HOUR_S;
    const window = judged(DAY_S, { at: during(from20, 5, ERRORS) });
    expect(window.verdict).toBe("fail");
    expect(window.now.verdict).toBe("pass");
    expect(ruleOf(window, "error_rate_critical")).toMatchObject({
      verdict: "fail",
      evaluations: { fail: 3, inconclusive: 2, pass: 1_435, no_data: 0 },
      first_failed_s: from20 + 3 * 60,
      last_failed_s: from20 + 5 * 60,
      failed: [{ fromS: from20, toS: from20 + 300, buckets: 3, worst: 4, because: null }],
      open: [],
    });
    expect(ruleOf(window, "error_rate_warning").failed).toMatchObject([
      { buckets: 1, because: "error_rate_critical" },
    ]);
    const outside = judged(DAY_S, { at: during(TO_S - 25 * HOUR_S, 5, ERRORS) });
    expect(outside.verdict).toBe("pass");
    expect(outside.rules.every(({ verdict }) => verdict === "pass")).toBe(true);
  });

  it("counts when it ends in the first bucket of the window, not when it ends before it", () => {
    const fromS = TO_S - DAY_S;
    const last = (startS: number) => during(startS - 2 * 60, 3, ERRORS);
    expect(judged(DAY_S, { at: last(fromS) }).verdict).toBe("fail");
    expect(judged(DAY_S, { at: last(fromS - 60) }).verdict).toBe("pass");
  });

  it("counts when it is in the newest complete bucket, not in one that is not settled", () => {
    expect(judged(DAY_S, { at: during(TO_S - 180, 3, ERRORS) }).verdict).toBe("fail");
    expect(judged(DAY_S, { at: during(TO_S - 120, 3, ERRORS) })).toMatchObject({
      verdict: "inconclusive",
      now: { verdict: "inconclusive" },
    });
  });

  it("needs each of its minutes: one fewer is none, and two times are two", () => {
    const at = (n: number) => during(TO_S - 10 * HOUR_S, n, ERRORS);
    expect(ruleOf(judged(DAY_S, { at: at(2) }), "error_rate_critical").verdict).toBe("pass");
    expect(ruleOf(judged(DAY_S, { at: at(3) }), "error_rate_critical").verdict).toBe("fail");
    const early = during(TO_S - 10 * HOUR_S, 3, ERRORS);
    const late = during(TO_S - 2 * HOUR_S, 4, { native: { errors: 90 } });
    const twice = judged(DAY_S, { at: (startS) => early(startS) ?? late(startS) });
    expect(ruleOf(twice, "error_rate_critical").failed).toMatchObject([
      { buckets: 1, worst: 4 },
      { buckets: 2, worst: 9 },
    ]);
  });

  const BAD: Partial<Record<Rule, Change>> = {
    error_rate_critical: ERRORS,
    error_rate_warning: { native: { errors: 20 } },
    p90_over_proxy_critical: { native: { p90: 320 } },
    p90_over_proxy_warning: { native: { p90: 250 } },
    p90_warning: { native: { p90: 700 }, proxy: { p90: 650 } },
    r2_failures: { r2: 10 },
    database_failures: { database: 10 },
    proxy_unhealthy: { proxy: { errors: 300 } },
  };

  /** Fails unless `judge` finds this rule's failure, wherever in six hours it was. */
  function findsIt(judge: (plan: WindowPlan, seen: WindowSeen) => PolicyOverWindow): void {
    const plan = planOf(6 * HOUR_S);
    const rules = fc.constantFrom(...Object.entries(BAD));
    fc.assert(
      fc.property(rules, fc.integer({ min: 0, max: 348 }), ([rule, change], minutesAgo) => {
        const at = during(TO_S - (minutesAgo + 10) * 60, 10, change);
        const window = judge(plan, answers(plan, { at }));
        expect(window.verdict).toBe("fail");
        expect(ruleOf(window, rule as Rule).verdict).toBe("fail");
      }),
      { numRuns: runs(25, 10) },
    );
  }

  it("is found wherever it was, by whichever rule", () => {
    findsIt((plan, past) => overWindow(plan, past, POLICY));
  });

  it("is missed by a judge that looks at the newest minutes alone", () => {
    const newest = (plan: WindowPlan, past: WindowSeen): PolicyOverWindow =>
      overWindow({ ...plan, window: lastBuckets(NOW_S, POLICY, 10), buckets: 10 }, past, POLICY);
    expect(() => findsIt(newest)).toThrow(/Counterexample/);
  });

  it("is missed by one that looks every quarter of an hour", () => {
    const seldom = (plan: WindowPlan, past: WindowSeen): PolicyOverWindow => {
      const looks = Array.from({ length: 24 }, (_, nth) => {
        const toS = plan.window.fromS + (nth + 1) * 900;
        return overWindow({ ...plan, window: { fromS: toS - 60, toS }, buckets: 1 }, past, POLICY);
      });
      return looks.find(({ verdict }) => verdict === "fail") ?? looks[0] ?? expect.fail("none");
    };
    expect(() => findsIt(seldom)).toThrow(/Counterexample/);
  });
});

test("orphaned intents and a reduction that did not help are found as well", () => {
  const noonS = TO_S - 12 * HOUR_S;
  const lost = (startS: number) =>
    startS >= noonS && startS < noonS + 11 * 60
      ? { intents: 1, finalized: 0 }
      : { intents: 1, finalized: 1 };
  const orphans = ruleOf(judged(DAY_S, { intents: lost }), "orphaned_intents");
  expect(orphans).toMatchObject({ verdict: "fail", failed: [{ worst: 11 }] });
  // Fifty minutes in which the hour held all eleven.
  expect(orphans.evaluations.fail).toBe(50);
  // But for those that an emergency caught, as in `assess`.
  const caught = [{ fromS: noonS, toS: noonS + 60 }];
  const without = ruleOf(judged(DAY_S, { intents: lost, caught }), "orphaned_intents");
  expect(without).toMatchObject({ verdict: "pass", failed: [] });
  const warning = during(noonS, 30, { native: { errors: 20 } });
  const window = judged(DAY_S, { at: warning, reducedS: noonS + 300 });
  expect(ruleOf(window, "reduction_did_not_help")).toMatchObject({
    verdict: "fail",
    first_failed_s: noonS + 300 + 600,
  });
});

describe("gaps", () => {
  const night = (fromS: number, toS: number) => (startS: number) =>
    startS >= fromS && startS < toS ? GONE : null;
  const fromS = TO_S - 12 * HOUR_S;
  const over = during(fromS, 2, ERRORS);

  it("do not hide a failure: over its limit, then nothing, is not passed", () => {
    const dark = night(fromS + 120, fromS + HOUR_S);
    const window = judged(DAY_S, { at: (s) => over(s) ?? dark(s) });
    expect(window.verdict).toBe("inconclusive");
    expect(ruleOf(window, "error_rate_critical")).toMatchObject({
      verdict: "inconclusive",
      open: [{ fromS, why: "dark" }],
    });
  });

  it("are not what a time is called in which visitors gave up native's requests", () => {
    const left = { native: { requests: 900, errors: 0 }, left: { native: 100, proxy: 0 } };
    const window = judged(DAY_S, { at: during(fromS, 30, left) });
    expect(ruleOf(window, "error_rate_warning")).toMatchObject({
      verdict: "inconclusive",
      open: [{ why: "gave_up" }],
    });
  });

  it("nor what it is called when errors are over their limit in it as well", () => {
    const given = during(TO_S - 600, 9, {
      native: { requests: 900, errors: 0 },
      left: { native: 100, proxy: 0 },
    });
    const window = judged(DAY_S, { at: (s) => given(s) ?? during(TO_S - 60, 1, ERRORS)(s) });
    expect(ruleOf(window, "error_rate_warning").open).toMatchObject([{ why: "now" }]);
  });

  it("nor one that they interrupt again and again", () => {
    const holes = (s: number) =>
      s < fromS || s >= fromS + 30 * 60 ? null : (s / 60) % 3 === 0 ? GONE : ERRORS;
    const window = judged(DAY_S, { at: holes });
    expect(ruleOf(window, "error_rate_critical")).toMatchObject({
      verdict: "inconclusive",
      evaluations: { fail: 0 },
      open: [{ why: "long" }],
    });
  });

  it("but are no failure themselves, nor short ones after a bad minute", () => {
    expect(judged(DAY_S, { at: night(fromS, fromS + HOUR_S) }).verdict).toBe("pass");
    const short = night(fromS + 60, fromS + 120);
    const one = during(fromS, 1, ERRORS);
    expect(judged(DAY_S, { at: (s) => one(s) ?? short(s) }).verdict).toBe("pass");
  });

  it("nor what another row of the same kind, with enough data, sees to be over", () => {
    const requests = (s: number) => (s === fromS ? 28 : s === fromS + 60 ? 10 : 11);
    const at = (s: number): Change => ({
      native: { requests: requests(s), errors: s === fromS ? 3 : 0 },
    });
    const window = judged(DAY_S, { at });
    expect(ruleOf(window, "error_rate_critical").evaluations).toMatchObject({
      inconclusive: 1,
      no_data: 1_439,
    });
    expect(window.verdict).toBe("pass");
  });

  it("nor do they count as covered, as judged or as passed beyond what the policy says", () => {
    const window = judged(DAY_S, { at: night(TO_S - DAY_S, TO_S - 6 * HOUR_S) });
    expect(window.coverage).toEqual({ buckets: 1_440, with_native: 360, covered: 360 });
    expect(window.native).toMatchObject({ requests: 360_000, errors: 720 });
    // The five minutes before the window still count for the first ones, as they do for assess.
    const { pass, no_data: none } = ruleOf(window, "error_rate_warning").evaluations;
    expect([pass, none]).toEqual([364, 1_076]);
  });

  it("leave nothing judged when they are the whole window, and too few requests are one, too", () => {
    expect(judged(HOUR_S, { at: () => GONE })).toMatchObject({
      verdict: "no_data",
      coverage: { with_native: 0, covered: 0 },
    });
    const few = judged(HOUR_S, { at: () => ({ native: { requests: 9, errors: 0 } }) });
    expect(few).toMatchObject({ verdict: "no_data", coverage: { with_native: 60, covered: 0 } });
  });

  it("are not what could not be asked", () => {
    const plan = planOf(HOUR_S);
    const health = { kind: "unseen", because: "HTTP 503" } as const;
    const blind = overWindow(plan, { ...answers(plan, {}), health }, POLICY);
    expect(blind).toMatchObject({ verdict: "no_data", coverage: { covered: 0 } });
    expect(ruleOf(blind, "error_rate_critical").detail).toBe("HTTP 503");
  });
});

test("sampled data is judged by its weights", () => {
  // One recorded request in forty: a bucket holds 25 rows, one of them failed.
  const sampled = (errors: number): Change => ({ native: { requests: 1_000, errors } });
  const at = (errors: number) => during(TO_S - 20 * HOUR_S, 5, sampled(errors * 40));
  expect(judged(DAY_S, { at: at(0) }).verdict).toBe("pass");
  expect(ruleOf(judged(DAY_S, { at: at(1) }), "error_rate_critical").verdict).toBe("fail");
  const fractions = during(TO_S - 20 * HOUR_S, 5, { native: { requests: 99.5, errors: 3.2 } });
  expect(ruleOf(judged(DAY_S, { at: fractions }), "error_rate_critical").verdict).toBe("fail");
});

/** The policy is applied 1,440 times: how often does chance alone say NO-GO of a healthy day? */
test("a healthy day is called healthy, but for what chance does to the policy itself", () => {
  const SEED = Number(process.env.SEED ?? 20_251_115);
  const DAYS = 3;
  const random = seededRandom(SEED);
  const failures = (requests: number): number =>
    Array.from({ length: requests }, () => random.next()).filter((draw) => draw < 0.005).length;
  const told = [20, 60].map((perMinute) => {
    const verdicts: Record<string, number> = {};
    for (let day = 0; day < DAYS; day += 1) {
      const at = (): Change => {
        const requests = Math.round(perMinute * (0.7 + 0.6 * random.next()));
        return { native: { requests, errors: failures(requests) } };
      };
      const { verdict } = judged(DAY_S, { at });
      verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    }
    return { perMinute, verdicts };
  });
  console.log(`healthy days, SEED=${SEED}: ${JSON.stringify(told)}`);
  const passed = told.reduce((sum, { verdicts }) => sum + (verdicts.pass ?? 0), 0);
  expect(passed).toBeGreaterThanOrEqual(2 * DAYS - 1);
});
