/** Every row of the policy at its limit, a bucket short of its window, and below its minimum sample. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { backToNormal } from "../../../src/domain/policy/back-to-normal.ts";
import { evaluate } from "../../../src/domain/policy/evaluate.ts";
import type { Finding } from "../../../src/domain/policy/finding.ts";
import { DEFAULT_POLICY, policySchema } from "../../../src/domain/policy/numbers.ts";
import type { Observations } from "../../../src/domain/policy/observations.ts";
import type { Rule } from "../../../src/domain/policy/rule.ts";
import { strongest } from "../../../src/domain/policy/rule.ts";
import { RULES } from "../../../src/domain/policy/rules.ts";
import type { Change, Minute } from "./world.ts";
import { minute, minutes, NOW_S, policyOf, seen } from "./world.ts";

const POLICY = DEFAULT_POLICY;

function finding(rule: Rule, observations: Observations, policy = POLICY): Finding {
  const found = evaluate(observations, policy).findings.find((f) => f.rule === rule);
  if (found === undefined) throw new Error(`no finding ${rule}`);
  return found;
}
const verdictOf = (rule: Rule, newest: readonly Minute[]) => finding(rule, seen(newest)).verdict;

test("the table is DESIGN's, in its order", () => {
  const { findings, ...rest } = evaluate(seen([]), POLICY);
  expect(
    findings.map((f) => `${f.rule} ${f.severity} ${f.limit} ${f.unit} ${f.recommends}`),
  ).toEqual([
    "error_rate_critical critical 3 % not-aus",
    "error_rate_warning warning 1.5 % reduce",
    "p90_over_proxy_critical critical 50 % not-aus",
    "p90_over_proxy_warning warning 20 % reduce",
    "p90_warning warning 600 ms reduce",
    "r2_failures critical 5 per min not-aus",
    "database_failures critical 5 per min not-aus",
    "orphaned_intents warning 10 intents disable",
    "reduction_did_not_help warning 10 min disable",
    "proxy_unhealthy warning 1.5 % notify",
  ]);
  expect(findings.map((f) => f.verdict)).toEqual(findings.map(() => "pass"));
  expect(rest).toEqual({ atS: NOW_S, verdict: "pass", recommendation: "none", problems: [] });
});

interface Row {
  rule: Rule;
  minutes: number;
  below: Change;
  at: Change;
  above: Change;
  /** So few requests that the row says nothing, and one more. */
  few: Change;
  enough: Change;
  value: number;
}

/** Errors of 1,000 native requests, p90 beside proxy's 200 ms. */
const ROWS: readonly Row[] = [
  {
    rule: "error_rate_critical",
    minutes: 3,
    below: { native: { errors: 29 } },
    at: { native: { errors: 30 } },
    above: { native: { errors: 31 } },
    few: { native: { requests: 49 / 3, errors: 3 } },
    enough: { native: { requests: 50 / 3, errors: 3 } },
    value: 3.1,
  },
  {
    rule: "error_rate_warning",
    minutes: 5,
    below: { native: { errors: 14 } },
    at: { native: { errors: 15 } },
    above: { native: { errors: 16 } },
    few: { native: { requests: 9, errors: 2 } },
    enough: { native: { requests: 10, errors: 2 } },
    value: 1.6,
  },
  {
    rule: "p90_over_proxy_critical",
    minutes: 3,
    below: { native: { p90: 299 } },
    at: { native: { p90: 300 } },
    above: { native: { p90: 301 } },
    few: { native: { p90: 400, requests: 99 } },
    enough: { native: { p90: 400, requests: 100 } },
    value: 50.5,
  },
  {
    rule: "p90_over_proxy_warning",
    minutes: 5,
    below: { native: { p90: 239 } },
    at: { native: { p90: 240 } },
    above: { native: { p90: 241 } },
    few: { native: { p90: 400 }, proxy: { requests: 99 } },
    enough: { native: { p90: 400 }, proxy: { requests: 100 } },
    value: 20.5,
  },
  {
    rule: "p90_warning",
    minutes: 10,
    below: { native: { p90: 599 } },
    at: { native: { p90: 600 } },
    above: { native: { p90: 601 } },
    few: { native: { p90: 700, requests: 19 } },
    enough: { native: { p90: 700, requests: 20 } },
    value: 601,
  },
  {
    rule: "proxy_unhealthy",
    minutes: 5,
    below: { proxy: { errors: 134 } },
    at: { proxy: { errors: 135 } },
    above: { proxy: { errors: 136 } },
    few: { proxy: { requests: 9, errors: 2 } },
    enough: { proxy: { requests: 10, errors: 2 } },
    value: 1.511,
  },
];
/** Beside 500 native requests, of which five are 1 %. */
const COUNTS = (["r2", "database"] as const).map((part) => ({
  rule: `${part}_failures` as Rule,
  part,
  minutes: 3,
  below: { [part]: 4, native: { requests: 500 } },
  at: { [part]: 5, native: { requests: 500 } },
  above: { [part]: 6, native: { requests: 500 } },
  value: 6,
}));

describe.each([...ROWS, ...COUNTS])("$rule", (row) => {
  const { rule, below, at, above } = row;
  const all = (change: Change) => minutes(row.minutes, change);

  it("fails above its limit, not at it nor below", () => {
    expect(verdictOf(rule, all(below))).toBe("pass");
    expect(verdictOf(rule, all(at))).toBe("pass");
    const found = finding(rule, seen(all(above)));
    expect(found).toMatchObject({ verdict: "fail", value: expect.closeTo(row.value, 2) });
    expect(found.window).toEqual({ fromS: 1_762_999_980 - row.minutes * 60, toS: 1_762_999_980 });
    expect(found.detail).toMatch(
      /^over [\d.]+ .+ in each of \d+ min(; \d+ ms native, 200 ms proxy)?$/,
    );
  });
  it("is not known yet, one bucket short of its window", () => {
    const found = finding(rule, seen(minutes(row.minutes - 1, above)));
    expect(found.verdict).toBe("inconclusive");
    expect(found.detail).toContain(`in ${row.minutes - 1} of ${row.minutes} min so far`);
    expect(verdictOf(rule, [minute(above)])).toBe("inconclusive");
  });
  it("passes when the newest bucket is not over", () => {
    expect(verdictOf(rule, [...minutes(row.minutes - 1, above), minute(at)])).toBe("pass");
  });
  it("does not know when a bucket is empty, and does not guess it over", () => {
    const empty = minute({ native: { requests: 0, errors: 0 }, proxy: { requests: 0, errors: 0 } });
    const [, ...rest] = all(above);
    expect(verdictOf(rule, [empty, ...rest])).toBe("inconclusive");
    expect(verdictOf(rule, [...rest, empty])).toBe("inconclusive");
    expect(verdictOf(rule, [minute(at), ...rest.slice(1), empty])).toBe(
      row.minutes > 2 && rest.length > 1 ? "inconclusive" : "pass",
    );
    expect(verdictOf(rule, minutes(10, { native: { requests: 0 }, proxy: { requests: 0 } }))).toBe(
      "no_data",
    );
  });
});

describe.each(ROWS)("$rule, by its minimum sample", ({ rule, few, enough, minutes: n }) => {
  it("says nothing below it, whatever it would say", () => {
    const found = finding(rule, seen(minutes(n, few)));
    expect(found.verdict).toBe("no_data");
    expect(found.detail).toMatch(/^[\d.]+ (native|proxy) requests in .*, needs \d+$/);
    expect(verdictOf(rule, minutes(n, enough))).toBe("fail");
  });
});

test("a p90 that is twice as long, by less than anybody can feel, is no finding", () => {
  const quick = { native: { p90: 21 }, proxy: { p90: 2 } };
  const felt = { native: { p90: 22 }, proxy: { p90: 2 } };
  for (const rule of ["p90_over_proxy_critical", "p90_over_proxy_warning"] as const) {
    expect(finding(rule, seen(minutes(5, quick)))).toMatchObject({
      verdict: "pass",
      value: 950,
      detail: "21 ms native, 2 ms proxy: less than 20 ms slower, does not count",
    });
    expect(verdictOf(rule, minutes(5, felt))).toBe("fail");
  }
});

test("a p90 is compared within a bucket, not between buckets", () => {
  const apart = [
    ...minutes(3, { native: { requests: 0 } }),
    ...minutes(2, { native: { p90: 900 }, proxy: { requests: 0 } }),
  ];
  expect(finding("p90_over_proxy_warning", seen(apart))).toMatchObject({
    verdict: "no_data",
    detail: "nothing to compare: no minute has requests of both cohorts",
  });
});

describe.each(COUNTS)("$rule, which counts", ({ rule, part, above, at }) => {
  const sparse = { native: { requests: 3, errors: 0 } };
  it("fails however few the requests: a count is no ratio", () => {
    expect(verdictOf(rule, minutes(3, { ...above, ...sparse }))).toBe("fail");
    expect(verdictOf(rule, minutes(3, { ...above, native: { requests: 0 } }))).toBe("fail");
  });
  it("but is no good news below the minimum", () => {
    expect(verdictOf(rule, minutes(3, { ...at, ...sparse }))).toBe("no_data");
    expect(verdictOf(rule, minutes(3, sparse))).toBe("no_data");
  });
  it("is seen also when nothing else is", () => {
    const unseen = { kind: "unseen" as const, because: "HTTP 500" };
    const blind = seen(minutes(3, above), { health: unseen });
    expect(finding(rule, blind).verdict).toBe("fail");
    expect(finding(rule, seen(minutes(3), { health: unseen }))).toMatchObject({
      verdict: "no_data",
      detail: "HTTP 500",
    });
    expect(finding(rule, seen(minutes(3, above), { failures: unseen })).verdict).toBe("no_data");
  });
  it("counts per minute, however long a bucket is", () => {
    const policy = policyOf({ bucketSeconds: 10, settleSeconds: 0 });
    const in10s = (count: number) =>
      seen(minutes(3, { [part]: count, native: { requests: 50 } }), {}, policy);
    expect(finding(rule, in10s(0), policy)).toMatchObject({ verdict: "pass", value: 0 });
    const found = finding(rule, in10s(1), policy);
    expect(found).toMatchObject({ verdict: "fail", value: 6 });
    expect(found.detail).toBe("over 5 per min in each of 3 × 10 s");
    expect(found.window.toS - found.window.fromS).toBe(30);
  });
});

describe.each(COUNTS)("$rule, as a share", ({ rule, part }) => {
  const six = (requests: number) => minutes(3, { [part]: 6, native: { requests, errors: 6 } });
  it("six a minute among 2,000 requests are shown and stop nothing", () => {
    expect(finding(rule, seen(six(2_000)))).toMatchObject({
      verdict: "pass",
      value: 6,
      detail: "6 failures are 0.3 % of native's requests: under 1 %",
    });
    expect(evaluate(seen(six(2_000)), POLICY)).toMatchObject({
      verdict: "pass",
      recommendation: "none",
    });
    const any = policyOf({ [`${part}Failures`]: { minSharePercent: 0 } });
    expect(evaluate(seen(six(2_000), {}, any), any).recommendation).toBe("not-aus");
  });
  it("exactly 1 % is a share that counts, and so is an outage at any traffic", () => {
    expect(verdictOf(rule, six(601))).toBe("pass");
    expect(verdictOf(rule, six(600))).toBe("fail");
    fc.assert(
      fc.property(fc.integer({ min: 6, max: 100_000 }), (requests) => {
        const share = Math.max(6, Math.ceil(requests / 10));
        expect(verdictOf(rule, minutes(3, { [part]: share, native: { requests } }))).toBe("fail");
      }),
    );
  });
});

describe("sampled data", () => {
  /** One stored row stands for ten. */
  const sampled = (observations: number, errorObservations: number) =>
    minute({
      native: {
        requests: observations * 10,
        errors: errorObservations * 10,
        observations,
        errorObservations,
      },
    });
  it("one stored error of weight 10 is one observation, and stops nothing", () => {
    const once = Array.from({ length: 5 }, () => sampled(20, 1));
    for (const rule of ["error_rate_critical", "error_rate_warning"] as const) {
      expect(verdictOf(rule, once)).toBe("inconclusive");
    }
    expect(
      verdictOf(
        "error_rate_critical",
        [0, 1, 2].map(() => sampled(20, 3)),
      ),
    ).toBe("fail");
  });
  it("five stored requests of weight 10 are no fifty", () => {
    expect(
      verdictOf(
        "error_rate_critical",
        [0, 1, 2].map(() => sampled(5, 5)),
      ),
    ).toBe("no_data");
    const normal = backToNormal(seen(Array.from({ length: 20 }, () => sampled(5, 0))), POLICY);
    expect(normal.map(({ verdict }) => verdict)).toEqual(["no_data", "no_data"]);
  });
  it.each(["r2", "database"] as const)("one stored %s failure a minute is no six", (part) => {
    const observations = { [`${part}Observations`]: 1 };
    const one = seen(minutes(3, { [part]: 10, native: { requests: 500 } }));
    const rows = one.failures.kind === "seen" ? one.failures.value : [];
    const value = rows.map((row) => ({ ...row, ...observations }));
    const rule = `${part}_failures` as const;
    expect(finding(rule, { ...one, failures: { kind: "seen", value } }).verdict).toBe(
      "inconclusive",
    );
    const more = rows.map((row) => ({ ...row, [`${part}Observations`]: 2 }));
    expect(finding(rule, { ...one, failures: { kind: "seen", value: more } }).verdict).toBe("fail");
  });
});

describe("orphaned_intents", () => {
  const orphans = (intents: number, finalized: number) =>
    finding(
      "orphaned_intents",
      seen([], { orphans: { kind: "seen", value: { intents, finalized, requests: 0 } } }),
    );
  it("fails above 10, not at it nor below", () => {
    expect(orphans(100, 91).verdict).toBe("pass");
    expect(orphans(100, 90).verdict).toBe("pass");
    expect(orphans(100, 89)).toMatchObject({ verdict: "fail", value: 11, samples: 100 });
    expect(orphans(11, 0).verdict).toBe("fail");
  });
  it("says nothing of an hour without intents, nor when it was not asked", () => {
    expect(orphans(0, 0)).toMatchObject({ verdict: "no_data", value: null });
    const unseen = seen([], { orphans: { kind: "unseen", because: "HTTP 500" } });
    expect(finding("orphaned_intents", unseen)).toMatchObject({
      verdict: "no_data",
      detail: "HTTP 500",
    });
  });
  it("looks at an hour that ended when its intents' upload URLs had expired", () => {
    const toS = 1_762_999_980 - 15 * 60;
    expect(orphans(1, 1).window).toEqual({ fromS: toS - 3_600, toS });
  });
});

describe("reduction_did_not_help", () => {
  const NEWEST_END_S = 1_762_999_980;
  const after = (reducedS: number | null, newest: readonly Minute[] = minutes(5, WARNING)) =>
    seen(newest, { lastReductionS: { kind: "seen", value: reducedS } });
  const WARNING: Change = { native: { errors: 20 } };
  const rule = "reduction_did_not_help";

  it("fails when a warning fails still, 10 min after, and not before", () => {
    expect(finding(rule, after(NEWEST_END_S - 599)).verdict).toBe("inconclusive");
    expect(finding(rule, after(NEWEST_END_S - 600))).toMatchObject({ verdict: "fail", value: 10 });
    expect(finding(rule, after(NEWEST_END_S - 86_400)).verdict).toBe("fail");
    const { problems, recommendation } = evaluate(after(NEWEST_END_S - 600), POLICY);
    expect(problems.map((p) => p.rule)).toEqual([rule, "error_rate_warning"]);
    expect(recommendation).toBe("disable");
  });
  it("passes without a warning, and without a reduction", () => {
    expect(finding(rule, after(NEWEST_END_S - 900, [])).verdict).toBe("pass");
    expect(finding(rule, after(null)).verdict).toBe("pass");
    expect(finding(rule, after(NOW_S + 60)).verdict).toBe("pass");
  });
  it("does not know without metrics or journal", () => {
    const quiet = minutes(20, { native: { requests: 0 } });
    expect(finding(rule, after(NEWEST_END_S - 900, quiet)).verdict).toBe("no_data");
    const unseen = seen([], { lastReductionS: { kind: "unseen", because: "HTTP 500" } });
    expect(finding(rule, unseen)).toMatchObject({ verdict: "no_data", detail: "HTTP 500" });
  });
  it("is not told next to a stop, which is more", () => {
    const worse = evaluate(
      after(NEWEST_END_S - 900, minutes(5, { native: { errors: 50 } })),
      POLICY,
    );
    expect(worse.problems.map((p) => p.rule)).toEqual(["error_rate_critical"]);
    expect(worse.findings.find((f) => f.rule === rule)?.because).toBe("error_rate_critical");
  });
});

describe("numbers of one's own", () => {
  it("none means the table's", () => {
    expect(policyOf({})).toEqual(DEFAULT_POLICY);
  });
  it("a row that names one keeps the others; what is unknown is refused", () => {
    const policy = policyOf({ errorRateCritical: { limitPercent: 2 }, bucketSeconds: 10 });
    expect(policy).toEqual({
      ...POLICY,
      bucketSeconds: 10,
      errorRateCritical: { ...POLICY.errorRateCritical, limitPercent: 2 },
    });
    for (const wrong of [{ x: 1 }, { p90Warning: { x: 1 } }, { r2Failures: { minutes: 0 } }, 3]) {
      expect(policySchema().safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
    }
  });
  it("each row's are used", () => {
    const policy = policyOf({
      minNativeRequests: 4_000,
      errorRateCritical: { limitPercent: 0.1, minutes: 1, minErrors: 3 },
      errorRateWarning: { limitPercent: 0.1, minutes: 1, minNativeRequests: 1 },
      p90OverProxyCritical: { limitPercent: 0, minutes: 1, minNativeRequests: 1 },
      p90OverProxyWarning: { limitPercent: 0, minNativeRequests: 1_000_000 },
      p90Warning: { limitMs: 179, minutes: 1 },
      r2Failures: { limitPerMinute: 0, minutes: 1, minSharePercent: 0.1, minNativeRequests: 2 },
      databaseFailures: { minutes: 4, minNativeRequests: 4_001 },
      orphanedIntents: { limit: 1, minutes: 2, graceMinutes: 0 },
      reductionDidNotHelp: { minutes: 1 },
      proxyUnhealthy: { limitPercent: 0.05, minutes: 1, minErrors: 9, minProxyRequests: 9_000 },
    });
    const lastReductionS = { kind: "seen" as const, value: NOW_S - 120 };
    const { findings } = evaluate(seen([minute({ r2: 1 })], { lastReductionS }, policy), policy);
    expect(Object.fromEntries(findings.map((f) => [f.rule, f.verdict]))).toEqual({
      error_rate_critical: "no_data",
      error_rate_warning: "fail",
      p90_over_proxy_critical: "pass",
      p90_over_proxy_warning: "no_data",
      p90_warning: "fail",
      r2_failures: "fail",
      database_failures: "no_data",
      orphaned_intents: "fail",
      reduction_did_not_help: "fail",
      proxy_unhealthy: "fail",
    });
  });
  it("the strongest recommendation is the furthest to proxy", () => {
    const order = ["none", "notify", "reduce", "disable", "not-aus"] as const;
    for (const [i, a] of order.entries()) {
      for (const [j, b] of order.entries()) expect(strongest(a, b)).toBe(order[Math.max(i, j)]);
    }
    expect(new Set(RULES.map((row) => row.recommends))).toEqual(new Set(order.slice(1)));
  });
});

/**
 * The figures in src/domain/policy/numbers.ts: how likely it is that chance alone trips an error row, with so
 * many requests in each bucket of a native that fails 0.5 % of them. Exact, by the binomial.
 */
describe("the minimum of errors keeps chance out", () => {
  const HEALTHY_RATE = 0.005;
  /** P(at least k of n). */
  function atLeast(k: number, n: number): number {
    let term = (1 - HEALTHY_RATE) ** n;
    let less = 0;
    for (let i = 0; i < k; i += 1) {
      less += term;
      term *= ((n - i) / (i + 1)) * (HEALTHY_RATE / (1 - HEALTHY_RATE));
    }
    return Math.max(0, 1 - less);
  }
  /** The fewest errors among n requests that this very code calls over, by trying. */
  function fewestOver(n: number, policy: typeof POLICY): number {
    let [low, high] = [0, n + 1];
    while (low < high) {
      const errors = (low + high) >> 1;
      const newest = minutes(1, { native: { requests: n, errors } });
      const over = finding("error_rate_critical", seen(newest, {}, policy), policy).verdict;
      if (over === "fail") high = errors;
      else low = errors + 1;
    }
    return low;
  }
  const row = ({ limitPercent, minErrors }: { limitPercent: number; minErrors: number }) =>
    policyOf({
      minNativeRequests: 1,
      errorRateCritical: { limitPercent, minErrors, minutes: 1 },
    });
  const worst = (policy: typeof POLICY, buckets: number) =>
    Math.max(
      ...Array.from(
        { length: 300 },
        (_, i) => atLeast(fewestOver(i + 1, policy), i + 1) ** buckets,
      ),
    );

  it("to less than 1 of 380,000 evaluations for the stop, 1 of 16,000 for the reduction", () => {
    const { errorRateCritical: critical, errorRateWarning: warning } = POLICY;
    expect(1 / worst(row(critical), critical.minutes)).toBeGreaterThan(380_000);
    expect(1 / worst(row(warning), warning.minutes)).toBeGreaterThan(16_000);
  });
  it("where without it a single error would do: 1 of 280", () => {
    const single = row({ limitPercent: 3, minErrors: 1 });
    expect(Math.round(1 / worst(single, 3))).toBe(282);
  });
  it("and still sees a native of 17 requests a minute that fails altogether", () => {
    expect(
      verdictOf("error_rate_critical", minutes(3, { native: { requests: 17, errors: 17 } })),
    ).toBe("fail");
  });
  it("does not know when each bucket is over by too few", () => {
    const thin = minutes(3, { native: { requests: 30, errors: 2 } });
    const found = finding("error_rate_critical", seen(thin));
    expect(found.verdict).toBe("inconclusive");
    expect(found.detail).toContain("too few errors to rule out chance");
  });
});
