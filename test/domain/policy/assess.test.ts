/** From findings to one piece of advice: superseding, attribution, overall verdict, back to normal. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { OrphanRow } from "../../../src/domain/metrics/queries.ts";
import { backToNormal } from "../../../src/domain/policy/back-to-normal.ts";
import { evaluate } from "../../../src/domain/policy/evaluate.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import type { Observations } from "../../../src/domain/policy/observations.ts";
import { lastReduction, questions } from "../../../src/domain/policy/observations.ts";
import { obstacles, prerequisites } from "../../../src/domain/policy/prerequisites.ts";
import { strongest } from "../../../src/domain/policy/rule.ts";
import { RULES } from "../../../src/domain/policy/rules.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { journalEntry } from "../../support/journal-entries.ts";
import type { Change } from "./world.ts";
import { minute, minutes, NOW_S, policyOf, seen } from "./world.ts";

const POLICY = DEFAULT_POLICY;
const told = (observations: Observations) => {
  const { problems, recommendation, verdict, findings } = evaluate(observations, POLICY);
  const failing = findings.filter((f) => f.verdict === "fail");
  return {
    problems: problems.map((p) => p.rule),
    because: Object.fromEntries(
      failing.flatMap((f) => (f.because === null ? [] : [[f.rule, f.because]])),
    ),
    recommendation,
    verdict,
  };
};
const ofTen = (change: Change) => seen(minutes(10, change));

describe("one problem is named once", () => {
  test.each<[string, Change, ReturnType<typeof told>]>([
    [
      "errors of 4 %",
      { native: { errors: 40 } },
      {
        problems: ["error_rate_critical"],
        because: { error_rate_warning: "error_rate_critical" },
        recommendation: "not-aus",
        verdict: "fail",
      },
    ],
    [
      "300 ms more",
      { native: { p90: 650 } },
      {
        problems: ["p90_over_proxy_critical"],
        because: {
          p90_over_proxy_warning: "p90_over_proxy_critical",
          p90_warning: "p90_over_proxy_critical",
        },
        recommendation: "not-aus",
        verdict: "fail",
      },
    ],
    [
      "errors of 2 %",
      { native: { errors: 20 } },
      { problems: ["error_rate_warning"], because: {}, recommendation: "reduce", verdict: "fail" },
    ],
    [
      "R2 down",
      { r2: 300, native: { errors: 301, p90: 900 } },
      {
        problems: ["r2_failures"],
        because: {
          error_rate_critical: "r2_failures",
          error_rate_warning: "r2_failures",
          p90_over_proxy_critical: "r2_failures",
          p90_over_proxy_warning: "r2_failures",
          p90_warning: "r2_failures",
        },
        recommendation: "not-aus",
        verdict: "fail",
      },
    ],
    [
      "database down",
      { database: 1_000, native: { errors: 1_000 } },
      {
        problems: ["database_failures"],
        because: {
          error_rate_critical: "database_failures",
          error_rate_warning: "database_failures",
        },
        recommendation: "not-aus",
        verdict: "fail",
      },
    ],
    [
      "proxy failing",
      { proxy: { errors: 500 } },
      { problems: ["proxy_unhealthy"], because: {}, recommendation: "notify", verdict: "fail" },
    ],
  ])("%s", (_, change, expected) => {
    expect(told(ofTen(change))).toEqual(expected);
  });

  it("two problems are two, the strongest first", () => {
    const both = { proxy: { errors: 500 }, native: { errors: 45 }, database: 10 };
    expect(told(ofTen(both)).problems).toEqual([
      "error_rate_critical",
      "database_failures",
      "proxy_unhealthy",
    ]);
  });
  it("errors that are more than R2's are a problem of their own", () => {
    const named = (r2: number, errors: number) => told(ofTen({ r2, native: { errors } })).problems;
    expect(named(26, 41)).toEqual(["r2_failures"]);
    expect(named(25, 41)).toEqual(["r2_failures", "error_rate_warning"]);
    expect(named(11, 41)).toEqual(["r2_failures", "error_rate_warning"]);
    expect(named(10, 41)).toEqual(["error_rate_critical", "r2_failures"]);
  });
  it("failures that do not fail by themselves explain nothing", () => {
    expect(told(ofTen({ r2: 5, native: { errors: 31 } })).problems).toEqual([
      "error_rate_critical",
    ]);
  });
  it("few failures do not explain slowness", () => {
    const slow = { native: { p90: 900, errors: 0 } };
    expect(told(ofTen({ database: 99, ...slow })).problems).toEqual([
      "p90_over_proxy_critical",
      "database_failures",
    ]);
    expect(told(ofTen({ database: 100, ...slow })).problems).toEqual(["database_failures"]);
  });
  it("orphans are what broken uploads leave behind, unless only a warning breaks them", () => {
    const orphans = {
      kind: "seen" as const,
      value: { intents: 2_000, finalized: 1_000, requests: 0 },
    };
    const withOrphans = (change: Change) => told(seen(minutes(10, change), { orphans })).problems;
    expect(withOrphans({})).toEqual(["orphaned_intents"]);
    expect(withOrphans({ r2: 30 })).toEqual(["r2_failures"]);
    expect(withOrphans({ native: { errors: 40 } })).toEqual(["error_rate_critical"]);
    expect(withOrphans({ native: { errors: 20 } })).toEqual([
      "orphaned_intents",
      "error_rate_warning",
    ]);
  });
});

describe("orphans", () => {
  const ofThen = (row: OrphanRow, native: Change["native"], policy = POLICY) => {
    const orphans = { kind: "seen" as const, value: row };
    return evaluate(seen(minutes(10, { native: native ?? {} }), { orphans }), policy);
  };
  const told11 = (native: Change["native"], policy = POLICY) =>
    ofThen({ intents: 11, finalized: 0, requests: 0 }, native, policy);
  it("that anybody can make are told, and no reason to switch anything off", () => {
    expect(told11({})).toMatchObject({ verdict: "fail", recommendation: "notify" });
    expect(told11({}).problems[0]?.detail).toBe(
      "11 of 11 intents were never finalized, under 1 % of native's requests",
    );
    expect(told11({ requests: 0 }).recommendation).toBe("notify");
  });
  it("that are a share of native's requests in an hour are", () => {
    expect(told11({ requests: 18, errors: 0 }).recommendation).toBe("disable");
    expect(told11({ requests: 19, errors: 0 }).recommendation).toBe("notify");
    const any = { ...POLICY, orphanedIntents: { ...POLICY.orphanedIntents, minSharePercent: 0 } };
    expect(told11({}, any).recommendation).toBe("disable");
  });
  test.each([
    ["many", 12_000, 50, "disable"],
    ["few, though native has been reduced since", 12_001, 50, "notify"],
    ["few, as native does now what no figure of that hour has", 0, 500, "notify"],
  ])("of a busy hour are %s", (_, requests, now, recommendation) => {
    const hour = { intents: 8_000, finalized: 7_880, requests };
    expect(ofThen(hour, { requests: now, errors: 0 }).recommendation).toBe(recommendation);
  });
});

describe("visitors who hang up", () => {
  const more = { native: { requests: 900, errors: 0 }, proxy: { requests: 985, errors: 0 } };
  test.each<[string, Change["left"], Change, string]>([
    ["from native alone", { native: 100, proxy: 15 }, more, "inconclusive"],
    ["from native, under 10 %", { native: 99, proxy: 0 }, more, "pass"],
    ["from both", { native: 100, proxy: 34 }, more, "pass"],
    ["from native, in few rows", { native: 100, proxy: 0, rows: 3 }, more, "pass"],
    ...([17, 0] as const).map((requests): [string, Change["left"], Change, string] => [
      `from native, with ${requests} a minute at proxy: chance would do`,
      { native: 100, proxy: 0 },
      { ...more, proxy: { requests, errors: 0 } },
      "pass",
    ]),
  ])("%s", (_, left = { native: 0, proxy: 0 }, change, verdict) => {
    const { findings } = evaluate(ofTen({ ...change, left }), POLICY);
    const row = findings.find(({ rule }) => rule === "error_rate_warning");
    expect(row?.verdict).toBe(verdict);
    const said = "visitors gave up 10 % of native's requests, 1.5 % of proxy's: native may hang";
    if (verdict !== "pass") expect(row?.detail).toBe(said);
    expect(told(ofTen({ ...change, left })).recommendation).toBe("none");
  });
});

describe("all in all", () => {
  it("nothing is known without native traffic, whatever else is fine", () => {
    const quiet = minutes(20, { native: { requests: 0 } });
    expect(told(seen(quiet))).toMatchObject({ verdict: "no_data", recommendation: "none" });
    const unseen = { kind: "unseen" as const, because: "HTTP 500" };
    expect(told(seen([], { health: unseen })).verdict).toBe("no_data");
  });
  it("is not known without native's latency, or its parts' failures: no data is no good news", () => {
    const few = seen(minutes(10, { native: { requests: 18, errors: 0 } }));
    expect(told(few)).toMatchObject({ verdict: "no_data", recommendation: "none" });
    const enough = seen(minutes(10, { native: { requests: 20, errors: 0 } }));
    expect(told(enough).verdict).toBe("pass");
    const unseen = { kind: "unseen" as const, because: "HTTP 500" };
    expect(told(seen([], { failures: unseen })).verdict).toBe("no_data");
    // Nobody need have uploaded anything in the last hour.
    expect(told(seen([], { orphans: unseen })).verdict).toBe("pass");
  });
  it("is not known while one row is not", () => {
    expect(told(seen([minute({ native: { errors: 31 } })])).verdict).toBe("inconclusive");
  });
  it("a bucket counts only when its points had time to arrive", () => {
    const at = (nowS: number) => questions(nowS, POLICY).health.toS;
    expect([at(1_763_000_009), at(1_763_000_010)]).toEqual([1_762_999_920, 1_762_999_980]);
    // The newest complete bucket is healthy; the one after it, not complete yet, is not judged.
    const rows = seen([], { nowS: 1_763_000_010 });
    expect(told({ ...seen(minutes(3, { native: { errors: 90 } })), nowS: NOW_S }).verdict).toBe(
      "fail",
    );
    expect(told({ ...rows, nowS: NOW_S }).verdict).toBe("pass");
  });
  it("asks for as much as its longest rows need", () => {
    const policy = policyOf({ p90Warning: { minutes: 30 }, bucketSeconds: 10, settleSeconds: 0 });
    const { health, failures, orphans } = questions(1_763_000_017, policy);
    expect(health).toEqual({ fromS: 1_763_000_010 - 300, toS: 1_763_000_010 });
    expect(failures).toEqual(health);
    expect(orphans).toEqual({ fromS: 1_763_000_010 - 750, toS: 1_763_000_010 - 150 });
  });
});

describe("back to normal", () => {
  const normal = (change: Change, newest = minutes(5, change)) =>
    backToNormal(seen(newest), POLICY).map(({ verdict }) => verdict);
  it("is less than 1 % and less than 500 ms", () => {
    expect(normal({ native: { errors: 9, p90: 499 } })).toEqual(["pass", "pass"]);
    expect(normal({ native: { errors: 10, p90: 500 } })).toEqual(["fail", "fail"]);
  });
  it("is not known between, without traffic, or by too few errors", () => {
    const mixed = [...minutes(4), minute({ native: { p90: 600 } })];
    expect(normal({}, mixed)).toEqual(["pass", "inconclusive"]);
    expect(normal({ native: { requests: 9 } })).toEqual(["no_data", "no_data"]);
    const one = [...minutes(4, { native: { requests: 10, errors: 0 } })];
    expect(normal({}, [...one, minute({ native: { requests: 10, errors: 1 } })])[0]).toBe(
      "inconclusive",
    );
    const blind = seen([], { health: { kind: "unseen", because: "HTTP 500" } });
    expect(backToNormal(blind, POLICY).map((f) => [f.verdict, f.detail])).toEqual([
      ["no_data", "HTTP 500"],
      ["no_data", "HTTP 500"],
    ]);
  });
});

describe("the prerequisites of a restore", () => {
  const failed = (change: Change) => {
    const findings = prerequisites([], backToNormal(seen(minutes(5, change)), POLICY));
    return obstacles(findings).map(({ name, verdict }) => `${verdict} ${name}`);
  };
  it("are not met while native is measured not to be normal", () => {
    expect(failed({})).toEqual([]);
    expect(failed({ native: { errors: 10, p90: 500 } })).toEqual([
      "fail error rate of native < 1 %",
      "fail p90 of native < 500 ms",
    ]);
  });
  it("do not wait for traffic that a stop has taken away", () => {
    expect(failed({ native: { requests: 0 } })).toEqual([]);
  });
});

describe("the last reduction", () => {
  let nth = 0;
  const entry = (
    command: string,
    before: number | null,
    after: number,
    emergency = false,
  ): JournalEntry => {
    nth += 1;
    const side = (percent: number) => ({ percent, emergency, revision: null });
    return journalEntry({
      id: String(nth),
      at: new Date(NOW_S * 1_000 + nth * 1_000).toISOString(),
      command,
      before: before === null ? null : side(before),
      after: side(after),
    });
  };
  const atOf = (one: JournalEntry | undefined) => Date.parse(one?.at ?? "") / 1_000;

  it("is the newest lowering of the share that nothing has overtaken", () => {
    const reduced = entry("reduce", 10, 5);
    const again = entry("ramp", 5, 2.5);
    expect(lastReduction([reduced])).toBe(atOf(reduced));
    expect(lastReduction([reduced, again])).toBe(atOf(again));
    expect(lastReduction([reduced, entry("reduce", 5, 5)])).toBe(atOf(reduced));
  });
  it.each([
    ["raised", entry("restore", 5, 10)],
    ["switched off", entry("disable", 5, 0)],
    ["stopped, blind", entry("not-aus", null, 0, true)],
    ["stopped", entry("reduce", 5, 2, true)],
  ])("is none when it was %s since", (_, since) => {
    expect(lastReduction([entry("reduce", 10, 5), since])).toBeNull();
  });
  it("is none in an empty journal", () => {
    expect(lastReduction([])).toBeNull();
  });
});

const SEED = 20_251_115;

describe(`whatever is observed (seed ${SEED})`, () => {
  const number = fc.oneof(
    fc.constantFrom(0, -1, 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e300, -1e300),
    fc.integer({ min: 0, max: 2_000 }),
  );
  const cohort = fc.constantFrom("native" as const, "proxy" as const);
  const bucket = fc.oneof(
    number,
    fc.integer({ min: 0, max: 20 }).map((back) => 1_762_999_980 - back * 60),
  );
  const row = fc.record({
    bucket,
    cohort,
    requests: number,
    errors: number,
    observations: number,
    errorObservations: number,
    p50: number,
    p90: number,
    p99: number,
  });
  const failure = fc.record({
    ...{ bucket, r2: number, database: number, drift: number },
    ...{ r2Observations: number, databaseObservations: number },
    ...{ nativeLeft: number, proxyLeft: number, leftObservations: number },
  });
  const observed = <T>(value: fc.Arbitrary<T>) =>
    fc.oneof(
      { weight: 5, arbitrary: value.map((v) => ({ kind: "seen" as const, value: v })) },
      { weight: 1, arbitrary: fc.constant({ kind: "unseen" as const, because: "down" }) },
    );
  const observations: fc.Arbitrary<Observations> = fc.record({
    nowS: fc.constantFrom(NOW_S, NOW_S, NOW_S, 0, -1, 59, 1e15),
    health: observed(fc.array(row, { maxLength: 60 })),
    failures: observed(fc.array(failure, { maxLength: 20 })),
    orphans: observed(fc.record({ intents: number, finalized: number, requests: number })),
    lastReductionS: observed(fc.oneof(fc.constant(null), number, fc.constant(NOW_S - 900))),
  });

  it("there is a verdict for each row, and problems, advice and verdict agree", () => {
    fc.assert(
      fc.property(observations, (some) => {
        const { findings, problems, recommendation, verdict } = evaluate(some, POLICY);
        expect(findings.map((f) => f.rule)).toEqual(RULES.map((r) => r.rule));
        for (const f of findings) {
          expect(f.detail).not.toBe("");
          expect(Number.isNaN(f.value)).toBe(false);
          if (f.because === null) continue;
          // Explained by one that fails itself and asks for no less.
          const cause = findings.find((other) => other.rule === f.because);
          expect([f.verdict, cause?.verdict, cause?.because]).toEqual(["fail", "fail", null]);
          expect(strongest(cause?.recommends ?? "none", f.recommends)).toBe(cause?.recommends);
        }
        const failing = findings.filter((f) => f.verdict === "fail");
        expect(problems).toHaveLength(failing.filter((f) => f.because === null).length);
        expect(verdict === "fail").toBe(failing.length > 0);
        expect(recommendation).toBe(problems[0]?.recommends ?? "none");
        const known = strongest(recommendation, "none");
        for (const f of failing) expect(strongest(known, f.recommends)).toBe(known);
        for (const f of backToNormal(some, POLICY)) expect(f.detail).not.toBe("");
      }),
      { seed: SEED, numRuns: 3_000 },
    );
  });
});
