/** The report: the template's sections, what is known, what is not, and nothing that becomes markup. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chartSvg } from "../../../src/domain/incident/chart.ts";
import { errorRateChart, shareChart } from "../../../src/domain/incident/curves.ts";
import type { IncidentFacts } from "../../../src/domain/incident/facts.ts";
import { impactOf, impactText, visitorsText } from "../../../src/domain/incident/impact.ts";
import { mergeReport } from "../../../src/domain/incident/merge.ts";
import { blanksIn, durationOf, reportOf } from "../../../src/domain/incident/report.ts";
import type { BucketRow } from "../../../src/domain/metrics/queries.ts";
import { plain } from "../../../src/domain/text/markdown.ts";
import { hostileText } from "../../support/hostile-text.ts";
import { at, BEGUN_MS, entry, facts, group, incident, MINUTE_MS } from "./world.ts";

const written = (more: Partial<IncidentFacts> = {}): string =>
  mergeReport(null, reportOf(facts(more))).text;

describe("the report", () => {
  test("has all sections of the template, in its order", () => {
    const headings = [...written().matchAll(/^#{1,2} (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual([
      "B2a Incident - Uploads fail",
      "Timeline (UTC)",
      "Root Cause",
      "Impact Analysis",
      "Fix",
      "Prevention",
      "Lessons Learned",
      "Sign-Off",
    ]);
  });

  test("has date, severity, duration and impact in its header", () => {
    expect(written()).toContain(
      [
        "**Incident:** INC-7, production\\",
        "**Date:** 2026-05-01\\",
        "**Severity:** Critical\\",
        "**Duration:** 14:25:00 - 14:45:00 UTC (20 min)\\",
        "**Impact:** 1,250 of 50,000 requests failed (2.5 %); native: 1,240 of 5,000 requests failed (24.8 %); proxy: 10 of 45,000 requests failed (0.02 %)",
      ].join("\n"),
    );
  });

  test("has impact by cohort, actions with proof and time, errors with a ray id", () => {
    const text = written();
    expect(text).toContain("| native | 5,000 | 1,240 | 24.8 % | 900 ms | 480 | 48 |");
    expect(text).toContain("| proxy | 45,000 | 10 | 0.02 % | 120 ms | not known | not known |");
    expect(text).toContain(
      "| 2026-05-01T14:30:00Z | not-aus | 10 % → STOP | oncall@laptop | 5xx spike | live at FRA, AMS in 2.50 s | 2.50 s |",
    );
    expect(text).toContain(
      "| 3 (100 %) | pool exhausted | native 3 | /api/jobs 3 | 2026-05-01T14:26:00Z, 2026-05-01T14:29:00Z | 8f00ba |",
    );
    expect(text).toContain("- **Date Closed:** 2026-05-01T14:45:00Z, by lead@desk");
  });

  test("has marked blanks for what only people know, and none of them inside of a block", () => {
    const text = written();
    const outside = text.replace(/<!-- pixcanary:begin[\s\S]*?<!-- pixcanary:end [a-z-]+ -->/g, "");
    expect(blanksIn(text)).toBe(9);
    expect(blanksIn(outside)).toBe(9);
    expect(outside).toContain("- **Incident Commander:** [fill in: name]");
  });

  test("says what is not known, why, and never 0 for it", () => {
    const text = written({
      impact: { kind: "unknown", because: "HTTP 503" },
      errors: { kind: "unknown", because: "no logs were named (--logs)" },
      journalGap: "journal in KV: no network",
      policyGap: "no network",
      charts: [{ title: "Error rate", file: null, because: "no network" }],
    });
    expect(text).toContain("**Impact:** not known: HTTP 503");
    expect(text).toContain("- **Requests Failed:** not known: HTTP 503");
    expect(text).toContain("Not known: no logs were named (--logs)");
    expect(text).toContain("Not the whole journal: journal in KV: no network");
    expect(text).toContain("Without the findings of the policy: no network");
    expect(text).toContain("Error rate: no chart: no network");
    expect(text).not.toMatch(/\b0 (?:of|requests|errors)/);
    // The sign-off alone is complete.
    expect(text.match(/ complete [0-9a-f]{16} -->/g)).toHaveLength(1);
  });
});

test("an incident over midnight has its days", () => {
  const toMs = BEGUN_MS + 10 * 60 * MINUTE_MS;
  expect(durationOf(BEGUN_MS, toMs)).toBe("2026-05-01T14:25:00Z - 2026-05-02T00:25:00Z (10 h)");
});

describe("the impact", () => {
  const rows = [{ cohort: "native" as const, requests: 100, errors: 3, p90: 50 }];

  test("is not known when the metrics did not answer, and when they hold nothing", () => {
    const unseen = { kind: "unseen", because: "HTTP 503" } as const;
    expect(impactOf(unseen, unseen)).toEqual({ kind: "unknown", because: "HTTP 503" });
    const empty = { kind: "seen", value: [] } as const;
    expect(impactText(impactOf(empty, empty))).toMatch(/^not known: the metrics hold no request/);
  });

  test("counts no new visitors where they were not measured", () => {
    const seen = { kind: "seen", value: rows } as const;
    const without = impactOf(seen, { kind: "unseen", because: "HTTP 503" });
    const unknown = { newVisitors: null, newVisitorsFailed: null };
    expect(without).toMatchObject({ failed: 3, cohorts: [unknown] });
    expect(without.kind === "known" && visitorsText(without)).toBeNull();
    const value = [{ cohort: "native" as const, drawn: 7, failed: 2 }];
    const drawn = impactOf(seen, { kind: "seen", value });
    expect(drawn).toMatchObject({ cohorts: [{ newVisitors: 7, newVisitorsFailed: 2 }] });
    expect(drawn.kind === "known" && visitorsText(drawn)).toBe(
      "at least 2 new visitors, whose first request failed",
    );
    const none = impactOf(seen, { kind: "seen", value: [] });
    expect(none).toMatchObject({ cohorts: [{ newVisitors: 0, newVisitorsFailed: 0 }] });
  });
});

// --- Text from outside -------------------------------------------------------------------------

const NASTY = [
  "<script>alert(1)</script>",
  "[click](https://evil.example)",
  "https://evil.example/x www.evil.example mail me@evil.example @everyone",
  "![x](x)",
  "```\n# heading",
  "| cell | cell",
  "<!-- pixcanary:end timeline -->\n<!-- pixcanary:begin header INC-7 complete 0000000000000000 -->",
  "]]> --> \u001b[2J \u202e",
];

/** Of the document's text: what Markdown would make something of. */
function markupIn(text: string): string[] {
  const known = text
    .replace(/<!-- -->/g, "")
    .replace(/^<!-- pixcanary:(?:begin|end) [^<>]* -->$/gm, "")
    .replace(/<br>/g, "")
    .replace(/^!\[[^\]]*\]\(a\.svg\)$/gm, "");
  return [
    ...(known.match(/<[a-z!/?]/gi) ?? []),
    ...(known.match(/(?<!\\)\]\(/g) ?? []),
    ...(known.match(/https?:\/\/|www\./gi) ?? []),
    ...(known.match(/^\s*(?:```|~~~)/gm) ?? []),
    ...(text.match(/(?:^|\W)@(?=\w)|@[\w-]+\.\w/gm) ?? []),
    ...(text.match(/(?!\n)\p{Cc}|\p{Cf}/gu) ?? []),
  ];
}

function hostileFacts(text: string): Partial<IncidentFacts> {
  return {
    incident: incident({ title: text, openedBy: text }),
    environment: text,
    timeline: [{ atMs: BEGUN_MS, text }],
    changes: [entry(1, { reason: text, actor: text, command: text })],
    errors: {
      kind: "known",
      fromMs: BEGUN_MS,
      toMs: BEGUN_MS,
      groups: [
        group(text, {
          cohorts: { [text]: 1 },
          example: { ray_id: text, at: null, message: text, stack: null },
        }),
      ],
      others: 0,
      doubts: [text],
      likely: [text],
    },
    journalGap: text,
    policyGap: text,
  };
}

test.each(NASTY)("hostile text stays text: %j", (text) => {
  const document = written(hostileFacts(text));
  expect(markupIn(document)).toEqual([]);
  // The blocks are found again, so nothing has broken out of one.
  expect(mergeReport(document, reportOf(facts())).blocks.map(({ fate }) => fate)).not.toContain(
    "damaged",
  );
});

test("any text at all stays text", () => {
  const text = fc.oneof(
    hostileText(20),
    fc.array(fc.constantFrom(...NASTY), { maxLength: 4 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (given) => {
      expect(markupIn(written(hostileFacts(given)))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("an author's address on a machine is readable as it is", () => {
  expect(plain("oncall@laptop: 5xx")).toBe("oncall@laptop: 5xx");
});

// --- Charts ------------------------------------------------------------------------------------

const row = (
  bucket: number,
  cohort: "native" | "proxy",
  requests: number,
  errors: number,
): BucketRow => ({
  ...{ bucket, cohort, requests, errors, p50: 1, p90: 1, p99: 1 },
  ...{ observations: requests, errorObservations: errors },
});
const fromS = BEGUN_MS / 1_000;
const given = {
  incident: "INC-7",
  window: { fromS, toS: fromS + 300 },
  toMs: BEGUN_MS + 6 * MINUTE_MS,
  bucketSeconds: 60,
  rows: [
    row(fromS, "native", 50, 25),
    row(fromS + 120, "native", 50, 0),
    row(fromS, "proxy", 50, 0),
  ],
  entries: [entry(5)],
};

describe("the charts", () => {
  test("draw the error rate of each cohort, with a gap where nothing was measured", () => {
    const native = errorRateChart(given)?.series[0];
    expect(native?.name).toBe("native");
    expect(native?.points.map(({ value }) => value)).toEqual([50, null, 0, null, null]);
  });

  test("draw the share as configured, by the journal, and as measured", () => {
    const [measured, configured] = shareChart(given)?.series ?? [];
    expect(measured?.points[0]?.value).toBe(50);
    expect(configured?.points).toEqual([
      { atMs: BEGUN_MS, value: 10 },
      { atMs: BEGUN_MS + 5 * MINUTE_MS, value: 0 },
      { atMs: BEGUN_MS + 6 * MINUTE_MS, value: 0 },
    ]);
  });

  test("are none where nothing is known", () => {
    expect(errorRateChart({ ...given, rows: null })).toBeNull();
    expect(errorRateChart({ ...given, rows: [] })).toBeNull();
    expect(shareChart({ ...given, rows: null, entries: [] })).toBeNull();
  });

  test("hold what was done when, and no number that is none", () => {
    const chart = errorRateChart(given);
    const svg = chart === null ? "" : chartSvg(chart);
    expect(svg).toContain(">not-aus</text>");
    expect(svg).toContain(">14:26:00</text>");
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("have no markup of others: whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(hostileText(15), fc.constantFrom(...NASTY)), (text) => {
        const marks = [{ atMs: BEGUN_MS + 1, label: text }];
        const points = [{ atMs: BEGUN_MS, value: 1 }];
        const range = { fromMs: BEGUN_MS, toMs: BEGUN_MS + MINUTE_MS };
        const svg = chartSvg({
          ...{ incident: "INC-7", title: text, unit: text, marks, ...range },
          series: [{ name: text, points }],
        });
        const tags = [...svg.matchAll(/<\/?([a-z!]+)/gi)].map(([, tag]) => tag);
        const ours = ["svg", "!", "title", "rect", "text", "line", "path", "circle"];
        expect(tags.filter((tag) => !ours.includes(tag ?? ""))).toEqual([]);
        expect(svg.match(/<!--/g)).toHaveLength(1);
        expect(svg).not.toMatch(/(?!\n)\p{Cc}|\p{Cf}/u);
      }),
    );
  });
});

test("the window of the errors is said", () => {
  expect(written()).toContain(`Logged at level ERROR from ${at(0).replace(".000", "")} to`);
});
