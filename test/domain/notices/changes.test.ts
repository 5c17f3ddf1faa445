/** AT-30: one page per change of state, at most one reminder per 15 min, and no escalation swallowed. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { Condition, NextNotice, Told } from "../../../src/domain/notices/changes.ts";
import {
  nextNotice,
  noticeOf,
  parseTold,
  REMINDER_MS,
  toldAfter,
} from "../../../src/domain/notices/changes.ts";
import { pagerDutyEvent } from "../../../src/domain/notices/pagerduty.ts";
import type { Recommendation } from "../../../src/domain/policy/rule.ts";
import { RECOMMENDATIONS } from "../../../src/domain/policy/rule.ts";
import { PagerDuty } from "../../../src/sandbox/notices/pagerduty.ts";

const START_MS = Date.UTC(2026, 10, 15, 10, 0, 0);
const KEY = "b".repeat(32);

type Rule = (before: Told | null, now: Condition, nowMs: number) => NextNotice;
interface Check {
  atMs: number;
  level: Recommendation;
}

const condition = (level: Recommendation): Condition => ({ level, title: level, details: [] });

interface Heard {
  checks: number;
  changes: number;
  /** Notices by kind. */
  trigger: number;
  resolve: number;
  reminder: number;
  /** Incidents that PagerDuty opened. */
  pages: number;
  /** What is wrong with this history; empty when it is right. */
  wrong: string[];
}

/** Plays the checks, keeping what was told as a guardian would: as text, between two runs. */
function play(checks: readonly Check[], rule: Rule = nextNotice): Heard {
  const pagerDuty = new PagerDuty(KEY);
  const heard = { trigger: 0, resolve: 0, reminder: 0, wrong: [] as string[] };
  let stored: string | null = null;
  let level: Recommendation = "none";
  let saidMs = Number.NEGATIVE_INFINITY;
  let changes = 0;
  for (const { atMs, level: now } of checks) {
    const { told, notice } = rule(parseTold(stored), condition(now), atMs);
    stored = told === null ? null : JSON.stringify(told);
    const changed = now !== level;
    changes += changed ? 1 : 0;
    const due = !changed && now !== "none" && atMs - saidMs >= REMINDER_MS;
    const wanted = changed ? (now === "none" ? "resolve" : "trigger") : due ? "reminder" : null;
    const got = notice?.kind ?? null;
    if (got !== wanted) heard.wrong.push(`${level} → ${now} at ${atMs}: ${got}, not ${wanted}`);
    level = now;
    if (notice === null) continue;
    saidMs = atMs;
    heard[notice.kind] += 1;
    const where = { env: "test", topic: "health", next: null, nowMs: atMs, source: "t" } as const;
    const event = pagerDutyEvent(noticeOf(notice, where), KEY);
    if (event !== null) pagerDuty.enqueue(event, atMs);
  }
  const { pages } = pagerDuty;
  if (pages > changes) heard.wrong.push(`${pages} pages for ${changes} changes`);
  return { ...heard, checks: checks.length, changes, pages };
}

/** So many checks within `spanMs`, at levels that last for a while or flap. */
function checksWithin(count: number, spanMs: number): fc.Arbitrary<Check[]> {
  const times = fc.array(fc.nat(spanMs), { minLength: count, maxLength: count });
  const level = fc.constantFrom(...RECOMMENDATIONS);
  const length = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 100 }));
  const runs = fc.array(fc.tuple(level, length), { minLength: 10, maxLength: 200 });
  return fc.tuple(times, runs).map(([at, parts]) => {
    const levels = parts.flatMap(([one, length]) => Array(length).fill(one) as Recommendation[]);
    return at
      .toSorted((a, b) => a - b)
      .map((ms, nth) => ({ atMs: START_MS + ms, level: levels[nth % levels.length] ?? "none" }));
  });
}

describe("AT-30", () => {
  test("1,000 failing checks in a minute page once", () => {
    const checks = Array.from({ length: 1_000 }, (_, nth) => ({
      atMs: START_MS + nth * 60,
      level: "not-aus" as const,
    }));
    const { pages, trigger, reminder, wrong } = play(checks);
    expect({ pages, trigger, reminder, wrong }).toEqual({
      pages: 1,
      trigger: 1,
      reminder: 0,
      wrong: [],
    });
  });

  test.each([
    ["a minute", 60_000],
    ["six hours", 6 * 3_600_000],
  ])("1,000 checks of any kind within %s: one notice per change of state", (_, spanMs) => {
    const seed = Date.now() % 2 ** 31;
    const sum = { checks: 0, changes: 0, pages: 0, reminder: 0 };
    fc.assert(
      fc.property(checksWithin(1_000, spanMs), (checks) => {
        const heard = play(checks);
        expect(heard.wrong).toEqual([]);
        expect(heard.trigger + heard.resolve).toBe(heard.changes);
        for (const key of ["checks", "changes", "pages", "reminder"] as const)
          sum[key] += heard[key];
      }),
      { seed, numRuns: 50 },
    );
    console.log(`AT-30: seed ${seed}, within ${spanMs / 1_000} s: ${JSON.stringify(sum)}`);
  });

  const broken: readonly [string, Rule][] = [
    ["remembers nothing", (_, now, nowMs) => nextNotice(null, now, nowMs)],
    [
      "says only the first",
      (before, now, nowMs) =>
        before !== null && now.level !== "none"
          ? { told: before, notice: null }
          : nextNotice(before, now, nowMs),
    ],
    [
      "takes an escalation for the same",
      (before, now, nowMs) =>
        nextNotice(
          before,
          before === null || now.level === "none" ? now : { ...now, level: before.level },
          nowMs,
        ),
    ],
    [
      "reminds all the time",
      (before, now, nowMs) =>
        nextNotice(before && { ...before, sent: new Date(0).toISOString() }, now, nowMs),
    ],
    [
      "never reminds",
      (before, now, nowMs) =>
        nextNotice(before && { ...before, sent: new Date(nowMs).toISOString() }, now, nowMs),
    ],
  ];
  test.each(broken)("a rule that %s is caught", (_, rule) => {
    const found = fc.check(
      fc.property(
        checksWithin(200, 6 * 3_600_000),
        (checks) => play(checks, rule).wrong.length === 0,
      ),
      { numRuns: 20, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });
});

describe("what is kept between two looks", () => {
  const first = nextNotice(null, condition("reduce"), START_MS);

  it("since when, and when it was last said", () => {
    expect(first.told).toEqual({
      schema: 1,
      level: "reduce",
      since: "2026-11-15T10:00:00.000Z",
      sent: "2026-11-15T10:00:00.000Z",
    });
    const later = nextNotice(first.told, condition("reduce"), START_MS + REMINDER_MS);
    expect(later.notice).toMatchObject({ kind: "reminder", severity: "warning" });
    expect(later.told).toEqual({ ...first.told, sent: "2026-11-15T10:15:00.000Z" });
  });

  it("a notice that nobody took is said anew at the next look, and so is a release", () => {
    const told = toldAfter(null, first, false);
    expect(nextNotice(told, condition("reduce"), START_MS + 60_000).notice?.kind).toBe("trigger");
    const release = nextNotice(first.told, condition("none"), START_MS);
    expect(toldAfter(first.told, release, false)).toEqual(first.told);
    expect(toldAfter(first.told, release, true)).toBeNull();
    const nothing = nextNotice(first.told, condition("reduce"), START_MS);
    expect(toldAfter(first.told, nothing, false)).toEqual(first.told);
  });

  it("a clock that was set back by hours does not silence reminders", () => {
    const again = nextNotice(first.told, condition("reduce"), START_MS - 2 * 3_600_000);
    expect(again.notice?.kind).toBe("reminder");
    const skewed = nextNotice(first.told, condition("reduce"), START_MS - 5_000);
    expect(skewed.notice).toBeNull();
  });

  it.each([
    null,
    "",
    "{",
    "null",
    "[]",
    '{"schema":1}',
    '{"schema":1,"level":"none","since":"","sent":""}',
    '{"schema":1,"level":"panic","since":"","sent":""}',
    '{"schema":2,"level":"reduce","since":"","sent":""}',
    `"${"x".repeat(2_000)}"`,
  ])("%j is no record: what lasts is said anew", (text) => {
    expect(parseTold(text)).toBeNull();
  });

  it("a record whose times cannot be read reminds", () => {
    const told = parseTold('{"schema":1,"level":"reduce","since":"?","sent":"?"}');
    expect(nextNotice(told, condition("reduce"), START_MS).notice?.kind).toBe("reminder");
  });
});
