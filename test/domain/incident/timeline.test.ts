/** The timeline: everything in order of time, and nothing twice. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TimelineSources } from "../../../src/domain/incident/timeline.ts";
import { timelineOf } from "../../../src/domain/incident/timeline.ts";
import type { RuleOverWindow } from "../../../src/domain/policy/window-rule.ts";
import { at, BEGUN_MS, entry, incident, MINUTE_MS } from "./world.ts";

const sources = (more: Partial<TimelineSources> = {}): TimelineSources => ({
  incident: incident(),
  changes: [],
  rules: [],
  judgedUntilS: (BEGUN_MS + 30 * MINUTE_MS) / 1_000,
  guardian: null,
  ...more,
});
const second = (minutes: number): number => BEGUN_MS / 1_000 + minutes * 60;

const rule = (failed: RuleOverWindow["failed"]): RuleOverWindow => ({
  rule: "error_rate_critical",
  family: "errors",
  severity: "critical",
  recommends: "not-aus",
  verdict: "fail",
  evaluations: { pass: 0, fail: 3, inconclusive: 0, no_data: 0 },
  first_failed_s: null,
  last_failed_s: null,
  failed,
  open: [],
  limit: 3,
  unit: "%",
  detail: "",
});
const shown = (given: TimelineSources): string[] =>
  timelineOf(given).map(
    ({ atMs, text }) => `${new Date(atMs).toISOString().slice(11, 16)} ${text}`,
  );

describe("the timeline", () => {
  test("has changes with who, why and proof, notes, findings and what the guardian sent", () => {
    const notes = [
      {
        kind: "noted" as const,
        atMs: BEGUN_MS + 3 * MINUTE_MS,
        by: "oncall@laptop",
        text: "paged",
      },
    ];
    const stretch = { fromS: second(-2), toS: second(6), buckets: 3, worst: 12.5, because: null };
    const lines = shown(
      sources({
        incident: incident({ notes }),
        changes: [entry(5)],
        rules: [rule([stretch])],
        guardian: { since: at(1), level: "not-aus" },
      }),
    );
    expect(lines).toEqual([
      "14:23 error rate, critical: over 3 %, up to 12.5 %",
      "14:25 incident INC-7 opened by oncall@laptop",
      "14:26 guardian: notification sent, it recommends not-aus",
      "14:28 paged (oncall@laptop)",
      "14:30 NOT-AUS 10 % → STOP by oncall@laptop: 5xx spike (live at FRA, AMS in 2.50 s)",
      "14:31 error rate, critical: no longer over 3 %",
      "14:45 incident closed by lead@desk",
    ]);
  });

  test("does not say that a rule has recovered that failed until the end of what is known", () => {
    const stretch = { fromS: second(1), toS: second(30), buckets: 3, worst: null, because: null };
    expect(shown(sources({ rules: [rule([stretch])] })).join("\n")).not.toContain("no longer");
  });

  test("says what was tried and had no effect, and how little is known of a write", () => {
    const none = { percent: null, emergency: null, revision: null };
    const failed = entry(2, { before: null, after: none, notes: ["FAILED (HTTP 503)"] });
    const verification = { outcome: "unknown" as const, locations: [], elapsed_ms: 0 };
    const unknown = entry(3, { before: null, reason: null, verification });
    expect(shown(sources({ changes: [failed, unknown] })).slice(1, 3)).toEqual([
      "14:27 not-aus by oncall@laptop: 5xx spike (FAILED (HTTP 503))",
      "14:28 NOT-AUS ? → STOP by oncall@laptop (not known to be written)",
    ]);
  });

  test("says once what two sources tell of one second, and leaves out what has no time", () => {
    const lines = shown(sources({ changes: [entry(5), entry(5), entry(6, { at: "yesterday" })] }));
    expect(lines.filter((line) => line.includes("NOT-AUS"))).toHaveLength(1);
  });
});

test("whatever comes in, it goes out in order of time, each line once, and always the same", () => {
  const minutes = fc.integer({ min: -500, max: 500 });
  const change = fc.record({ minutes, reason: fc.string(), actor: fc.string() });
  fc.assert(
    fc.property(fc.array(change), (given) => {
      const changes = given.map((one) =>
        entry(one.minutes, { reason: one.reason, actor: one.actor }),
      );
      const lines = timelineOf(sources({ changes }));
      const times = lines.map(({ atMs }) => atMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      const keys = lines.map(({ atMs, text }) => `${Math.floor(atMs / 1_000)} ${text}`);
      expect(new Set(keys).size).toBe(keys.length);
      expect(timelineOf(sources({ changes: changes.toReversed() }))).toEqual(lines);
    }),
  );
});
