/** Each reason for GO just at its limit; whatever is not known is none. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { SeriesRow } from "../../../src/domain/metrics/queries.ts";
import type { Reason } from "../../../src/domain/policy/go-no-go.ts";
import {
  answerOf,
  coverageOf,
  heldOf,
  MIN_REQUESTS,
  obstaclesTo,
  sampleOf,
  shareJudged,
  targetsOf,
  worstOf,
} from "../../../src/domain/policy/go-no-go.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import type { Disturbance, Witnesses } from "../../../src/domain/policy/stops-in-window.ts";
import { isAutomatic, quietSince } from "../../../src/domain/policy/stops-in-window.ts";
import type { Verdict } from "../../../src/domain/policy/verdict.ts";
import type { PolicyOverWindow } from "../../../src/domain/policy/window.ts";
import { achievedShare } from "../../../src/domain/proof/achieved-share.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { journalEntry } from "../../support/journal-entries.ts";
import { NOW_S } from "./world.ts";

const VERDICTS: readonly Verdict[] = ["pass", "fail", "inconclusive", "no_data"];
const FROM_S = NOW_S - 86_400;
const iso = (seconds: number) => new Date(seconds * 1_000).toISOString();

const reasonOf = (verdict: Verdict, required = true): Reason => ({
  ...{ name: verdict, verdict, required, figures: "", details: [], next: null },
});

describe("the answer", () => {
  it("is GO only if every required reason passes, and there is one", () => {
    const reasons = fc.array(
      fc.record({ verdict: fc.constantFrom(...VERDICTS), required: fc.boolean() }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(reasons, (drawn) => {
        const all = drawn.map(({ verdict, required }) => reasonOf(verdict, required));
        const needed = all.filter(({ required }) => required);
        const go = needed.length > 0 && needed.every(({ verdict }) => verdict === "pass");
        expect(answerOf(all)).toBe(go ? "GO" : "NO-GO");
        expect(obstaclesTo(all).length === 0).toBe(go || needed.length === 0);
      }),
    );
  });
  it("names failures before what is open, and that before what is not known", () => {
    const all = VERDICTS.toReversed().map((verdict) => reasonOf(verdict));
    expect(obstaclesTo(all).map(({ name }) => name)).toEqual(["fail", "inconclusive", "no_data"]);
  });
  it("of several checks is the worst; of none it is none", () => {
    expect(worstOf([])).toBe("no_data");
    expect(worstOf(["pass", "pass"])).toBe("pass");
    expect(worstOf(["pass", "no_data", "inconclusive"])).toBe("inconclusive");
    expect(worstOf(["no_data", "fail"])).toBe("fail");
  });
});

const windowOf = (requests: number, errors = 0): PolicyOverWindow =>
  ({
    native: { requests, errors, observations: requests, error_observations: errors },
  }) as PolicyOverWindow;

test("the sample: one request short is too few", () => {
  expect(sampleOf(windowOf(999), 1_000)).toMatchObject({ verdict: "no_data" });
  expect(sampleOf(windowOf(1_000), 1_000)).toMatchObject({
    verdict: "pass",
    figures: "1,000 native requests (at least 1,000)",
  });
});

test("the coverage: one bucket short is too few, and none at all is none", () => {
  const covered = (count: number) =>
    coverageOf({ buckets: 1_440, with_native: 900, covered: count }, 50);
  expect(covered(719)).toMatchObject({
    verdict: "no_data",
    figures: "49.9 % of 1,440 buckets (at least 50 %)",
    details: ["900 with native traffic, 719 with enough to be judged"],
  });
  expect(covered(720)).toMatchObject({ verdict: "pass", details: [] });
  expect(coverageOf({ buckets: 0, with_native: 0, covered: 0 }, 0).verdict).toBe("no_data");
});

describe("the targets", () => {
  const row = (phase: string, p90: number, requests = 600): SeriesRow => ({
    ...{
      cohort: "native",
      phase,
      requests,
      observations: requests,
      errors: 0,
      p50: 0,
      p90,
      p99: 0,
    },
  });
  const rows = [row("b1a", 300), row("b1b", 100)];
  const judged = (requests: number, errors: number, series = rows) =>
    targetsOf(windowOf(requests, errors), series, DEFAULT_POLICY, 1_000).verdict;

  it("errors: below 1 %, not at it", () => {
    expect(judged(2_000, 19)).toBe("pass");
    expect(judged(2_000, 20)).toBe("fail");
  });
  it("p90: below 500 ms in each phase, not at it", () => {
    expect(judged(2_000, 0, [row("b1a", 499), row("b1b", 10)])).toBe("pass");
    expect(judged(2_000, 0, [row("b1a", 10), row("b1b", 500)])).toBe("fail");
  });
  it("of too few requests there is bad news alone", () => {
    expect(judged(999, 9)).toBe("no_data");
    expect(judged(999, 10)).toBe("fail");
    expect(judged(100, 2)).toBe("no_data");
    expect(judged(0, 0)).toBe("no_data");
    // A phase with fewer than 200 requests has no p90 to speak of, and other routes are proxied.
    expect(judged(2_000, 0, [row("b1a", 900, 199), row("b1b", 10)])).toBe("pass");
    expect(judged(2_000, 0, [row("proxy", 10)])).toBe("no_data");
    expect(judged(2_000, 0, [])).toBe("no_data");
  });
  it("of so few errors that chance may have made them, nothing is said", () => {
    const lenient = { ...DEFAULT_POLICY };
    lenient.backToNormal = { ...lenient.backToNormal, minErrors: 30 };
    expect(targetsOf(windowOf(2_000, 29), rows, lenient, 1_000).verdict).toBe("inconclusive");
    expect(targetsOf(windowOf(2_000, 30), rows, lenient, 1_000).verdict).toBe("fail");
  });
  it("with 1,000 requests tell a healthy native from one at the warning's limit", () => {
    const fewerThan = (k: number, n: number, p: number): number => {
      let term = (1 - p) ** n;
      let sum = 0;
      for (let i = 0; i < k; i += 1) {
        sum += term;
        term *= ((n - i) / (i + 1)) * (p / (1 - p));
      }
      return sum;
    };
    expect(MIN_REQUESTS).toBe(1_000);
    expect(Math.round(fewerThan(10, 1_000, 0.005) * 100)).toBe(97);
    expect(Math.round(fewerThan(10, 1_000, 0.015) * 100)).toBe(7);
  });
});

const CONFIG = {
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: iso(FROM_S - 60),
  revision: "01REV",
  updated_by: "anna",
};
const stateOf = (config: object = {}, stop: object | null = null) =>
  parseState({
    config: JSON.stringify({ ...CONFIG, ...config }),
    stop: stop === null ? null : JSON.stringify(stop),
  });

test("the achieved share says what was wanted, and how far chance may go", () => {
  const of = (native: number) => {
    const row = (cohort: "native" | "proxy", n: number) => ({
      ...{ cohort, sampled: n, squares: n, requests: n },
    });
    const rows = [row("native", native), row("proxy", 10_000 - native)];
    return shareJudged(achievedShare(rows, stateOf(), { fromS: FROM_S, toS: NOW_S }));
  };
  expect(of(1_120)).toEqual({
    verdict: "pass",
    figures: "11.2 % of 10,000 new visitors (10 % ± 1.2)",
    details: [],
  });
  expect(of(1_121)).toMatchObject({ verdict: "fail" });
});

const entry = (agoS: number, more: Partial<JournalEntry> = {}) =>
  journalEntry({
    id: `E${agoS}`,
    at: iso(NOW_S - agoS),
    actor: "anna",
    command: "restore",
    before: { percent: 5, emergency: false, revision: null },
    after: { percent: 10, emergency: false, revision: "01REV" },
    revision: "01REV",
    ...more,
  });
const STOPPED = { percent: 0, emergency: true, revision: null };

describe("no stop in the window", () => {
  const quiet = (more: Partial<Witnesses> = {}) =>
    quietSince(FROM_S, {
      state: { kind: "seen", value: stateOf() },
      entries: [entry(3_600)],
      journalGap: null,
      decided: { kind: "seen", value: { requests: 0, firstS: 0, lastS: 0 } },
      ...more,
    });
  const whoSays = ({ disturbances }: { disturbances: Disturbance[] }) =>
    disturbances.map(({ kind, what }) => `${kind}: ${what}`);

  it("passes when journal, state and requests know of none", () => {
    expect(quiet()).toEqual({ verdict: "pass", disturbances: [], unseen: [] });
  });
  it("fails by the journal: in the window, not before it", () => {
    const stop = (agoS: number) => [
      entry(agoS, { command: "not-aus", before: null, after: STOPPED, reason: "5xx" }),
    ];
    expect(quiet({ entries: stop(86_400) }).verdict).toBe("fail");
    expect(whoSays(quiet({ entries: stop(60) }))).toEqual(["emergency: not-aus by anna: 5xx"]);
    expect(quiet({ entries: stop(86_401) }).verdict).toBe("pass");
    const released = entry(60, { before: STOPPED });
    expect(quiet({ entries: [released] }).verdict).toBe("fail");
  });
  it("fails by the stored state: on now, or released in the window, also by hand", () => {
    const state = (config: object, stop: object | null) =>
      quiet({ state: { kind: "seen", value: stateOf(config, stop) } });
    expect(state({}, { active: true }).verdict).toBe("fail");
    expect(state({ emergency_proxy: true }, null).verdict).toBe("fail");
    expect(state({}, { active: false, at: iso(FROM_S) }).verdict).toBe("fail");
    expect(state({}, { active: false, at: iso(FROM_S - 1) }).verdict).toBe("pass");
    expect(state({}, { active: false }).verdict).toBe("pass");
    const unreadable = parseState({ config: JSON.stringify(CONFIG), stop: "{" });
    expect(quiet({ state: { kind: "seen", value: unreadable } }).verdict).toBe("fail");
  });
  it("fails by a single request that an emergency decided", () => {
    const decided = { requests: 0.5, firstS: NOW_S - 100, lastS: NOW_S - 90 };
    expect(quiet({ decided: { kind: "seen", value: decided } })).toMatchObject({
      verdict: "fail",
      disturbances: [{ kind: "emergency", atS: NOW_S - 100 }],
    });
  });
  it("fails by what acted by itself, whatever it did", () => {
    const guardian = entry(60, { command: "guardian reduce", actor: "guardian" });
    expect(whoSays(quiet({ entries: [guardian] }))).toEqual([
      "automatic: automatic guardian reduce (guardian)",
    ]);
    const lower = { ...entry(60), command: "ramp", before: entry(60).after };
    expect(isAutomatic({ ...lower, after: { ...lower.after, percent: 5 } })).toBe(true);
    expect(isAutomatic(entry(60, { command: "ramp" }))).toBe(false);
    expect(isAutomatic(entry(60, { command: "reduce", after: STOPPED }))).toBe(false);
  });
  it("is not known when one of the three cannot be asked; one that knows of a stop is enough", () => {
    const unseen = { kind: "unseen", because: "HTTP 503" } as const;
    expect(quiet({ state: unseen })).toMatchObject({ verdict: "no_data", unseen: ["HTTP 503"] });
    expect(quiet({ decided: unseen }).verdict).toBe("no_data");
    expect(quiet({ journalGap: "half of it" }).verdict).toBe("no_data");
    const entries = [entry(60, { command: "not-aus", after: STOPPED })];
    expect(quiet({ entries, state: unseen, journalGap: "half of it" }).verdict).toBe("fail");
  });
  it("takes an entry without a readable time for one in the window", () => {
    const entries = [entry(60, { at: "yesterday", after: STOPPED })];
    expect(quiet({ entries })).toMatchObject({ verdict: "fail", disturbances: [{ atS: null }] });
  });
});

describe("the time at this share", () => {
  const held = (config: object, entries: JournalEntry[] = []) =>
    heldOf(stateOf(config), entries, { fromS: FROM_S, toS: NOW_S });
  const recently = { last_updated: iso(NOW_S - 7_200) };

  it("is the whole window when config is older than that, or was written without a change", () => {
    expect(held({})).toMatchObject({ verdict: "pass", figures: "10 % for the whole window" });
    const renewed = entry(7_200, { before: { percent: 10, emergency: false, revision: null } });
    expect(held(recently, [renewed])).toMatchObject({ verdict: "pass" });
  });
  it("is shorter when the journal says so, or does not know", () => {
    expect(held(recently, [entry(7_200)])).toEqual({
      verdict: "inconclusive",
      figures: "10 % for 2 h of 24 h",
      details: ["restore by anna: 5 % → 10 %"],
    });
    expect(held({ ...recently, revision: "HAND" }).details).toEqual([
      "config was changed by anna; the journal has no earlier share",
    ]);
    expect(held({ last_updated: "soon" }).verdict).toBe("no_data");
  });
});
