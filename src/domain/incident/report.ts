/**
 * The post-incident report in the form of the team's template: what the machine knows, in blocks that a later run
 * renews, and marked blanks between them for what only people know.
 */

import { changeText, proofText } from "../state/entry-text.ts";
import type { JournalEntry } from "../state/journal.ts";
import { hadNoEffect } from "../state/journal.ts";
import {
  clockTime,
  countText,
  isoSeconds,
  percentText,
  roughDuration,
  seconds,
} from "../text/format.ts";
import { plain, tableLines } from "../text/markdown.ts";
import { errorLines } from "./errors-block.ts";
import type { IncidentFacts } from "./facts.ts";
import { failedText, impactText, visitorsText } from "./impact.ts";
import type { Block, Report } from "./merge.ts";

const BLANK = "[fill in:";

/** So many are left for people. */
export function blanksIn(document: string): number {
  return document.split(BLANK).length - 1;
}

function blank(what: string): string {
  return `${BLANK} ${what}]`;
}

export function reportOf(facts: IncidentFacts): Report {
  const { incident, tag } = facts;
  return {
    incident: incident.id,
    parts: [
      `# ${plain(tag)} Incident - ${plain(incident.title)}\n\n`,
      headerBlock(facts),
      "\n## Timeline (UTC)\n\n",
      timelineBlock(facts),
      `\n- **[HH:MM]** - ${blank("what only people saw: who was called, what was tried, when the cause was found")}\n`,
      `\n## Root Cause\n\n${blank("what failed, and why it reached visitors")}\n`,
      "\n## Impact Analysis\n\n",
      impactBlock(facts),
      `\n- **Users Affected:** ${blank("what users saw, and how many reported it")}\n`,
      `- **Data Loss:** ${blank("none, or what was lost")}\n`,
      `- **Revenue Impact:** ${blank("none, or how much")}\n`,
      "\n### Charts\n\n",
      chartsBlock(facts),
      "\n### Errors\n\n",
      errorsBlock(facts),
      "\n## Fix\n\nWhat pixcanary did, and how far each change was proved:\n\n",
      actionsBlock(facts),
      `\n1. ${blank("what was changed so that it is fixed, and where")}\n`,
      `\n## Prevention\n\n- [ ] ${blank("what keeps it from happening again, and who does it")}\n`,
      `\n## Lessons Learned\n\n1. ${blank("what worked, what delayed us, what the runbook should have said")}\n`,
      "\n## Sign-Off\n\n",
      signOffBlock(facts),
      `- **Incident Commander:** ${blank("name")}\n`,
    ],
  };
}

function headerBlock({ incident, environment, endMs, impact }: IncidentFacts): Block {
  const { id, severity, begunMs } = incident;
  const rows: [string, string][] = [
    ["Incident", `${id}, ${environment}`],
    ["Date", isoSeconds(begunMs).slice(0, 10)],
    ["Severity", severity === "critical" ? "Critical" : "Warning"],
    ["Duration", durationOf(begunMs, endMs)],
    ["Impact", impactText(impact)],
  ];
  return {
    name: "header",
    title: "Incident",
    // Broken by a backslash: blanks at the end of a line are what editors take away.
    lines: rows.map(
      ([name, text], nth) => `**${name}:** ${plain(text)}${nth < rows.length - 1 ? "\\" : ""}`,
    ),
    complete: impact.kind === "known",
  };
}

/** "14:30:00 - 14:45:12 UTC (16 min)", with the days where there are two. */
export function durationOf(fromMs: number, toMs: number): string {
  const [from, to] = [isoSeconds(fromMs), isoSeconds(toMs)];
  const length = roughDuration((toMs - fromMs) / 1_000);
  if (from.slice(0, 10) !== to.slice(0, 10)) return `${from} - ${to} (${length})`;
  return `${bareClock(fromMs)} - ${bareClock(toMs)} UTC (${length})`;
}

function bareClock(ms: number): string {
  return clockTime(ms).slice(0, 8);
}

function timelineBlock({ timeline, incident, journalGap, policyGap }: IncidentFacts): Block {
  const day = isoSeconds(incident.begunMs).slice(0, 10);
  const lines = timeline.map(({ atMs, text }) => {
    const own = isoSeconds(atMs).slice(0, 10);
    const date = own === day ? "" : `${own} `;
    return `- **${date}${bareClock(atMs)}** - ${plain(text)}`;
  });
  const gaps = [
    journalGap === null ? null : `Not the whole journal: ${journalGap}`,
    policyGap === null ? null : `Without the findings of the policy: ${policyGap}`,
  ].filter((gap) => gap !== null);
  const notes = gaps.length === 0 ? [] : ["", ...gaps.map((gap) => `- _${plain(gap)}_`)];
  return {
    name: "timeline",
    title: "Timeline (UTC)",
    lines: [...lines, ...notes],
    complete: gaps.length === 0,
  };
}

function impactBlock({ impact }: IncidentFacts): Block {
  const title = "Impact Analysis";
  if (impact.kind === "unknown") {
    const why = plain(impact.because);
    const lines = [`- **Requests Failed:** not known: ${why}`, `- **Visitors:** not known: ${why}`];
    return { name: "impact", title, lines, complete: false };
  }
  const known = (count: number | null) => (count === null ? "not known" : countText(count));
  const rows = impact.cohorts.map(({ cohort, requests, failed, p90Ms, ...visitors }) => [
    cohort,
    countText(requests),
    countText(failed),
    percentText((100 * failed) / requests),
    `${countText(p90Ms)} ms`,
    known(visitors.newVisitors),
    known(visitors.newVisitorsFailed),
  ]);
  const head = [
    "Cohort",
    "Requests",
    "Failed",
    "Failed, %",
    "p90",
    "New visitors",
    "Of these failed",
  ];
  const lines = [
    `- **Requests Failed:** ${plain(failedText(impact))}`,
    `- **Visitors:** ${visitorsText(impact) ?? "not known: they could not be asked for"}`,
    "",
    ...tableLines(head, rows),
    "",
    "Failed means answered with 5xx, or failed on native before proxy answered instead; requests to `/qa` are left " +
      "out. New visitors are those whose cohort was drawn " +
      "in that time, of whom the first request is counted: who came back with a cookie is not among them. Under heavy traffic counts are estimates.",
  ];
  return { name: "impact", title, lines, complete: true };
}

function chartsBlock({ charts }: IncidentFacts): Block {
  const lines = charts.flatMap(({ title, file, because }, nth) => [
    ...(nth === 0 ? [] : [""]),
    file === null
      ? `${plain(title)}: no chart: ${plain(because ?? "")}`
      : `![${plain(title)}](${file})`,
  ]);
  return {
    name: "charts",
    title: "Charts",
    lines,
    complete: charts.every(({ file }) => file !== null),
  };
}

function errorsBlock({ errors }: IncidentFacts): Block {
  const complete = errors.kind === "known";
  return { name: "errors", title: "Errors", lines: errorLines(errors), complete };
}

function actionsBlock({ changes, journalGap }: IncidentFacts): Block {
  const head = ["Time (UTC)", "Action", "Change", "By", "Why", "Proof", "Took"];
  const lines =
    changes.length === 0
      ? ["No change is in the journal for that time."]
      : tableLines(head, changes.map(actionCells));
  const gap = journalGap === null ? [] : ["", `_Not the whole journal: ${plain(journalGap)}_`];
  return {
    name: "actions",
    title: "Fix",
    lines: [...lines, ...gap],
    complete: journalGap === null,
  };
}

function actionCells(entry: JournalEntry): string[] {
  const { command, actor, reason, notes, verification } = entry;
  const nothing = hadNoEffect(entry);
  const { elapsed_ms: elapsedMs, outcome } = verification;
  return [
    isoSeconds(entry.at),
    command,
    nothing ? (notes[0] ?? "nothing written") : changeText(entry),
    actor,
    reason ?? "",
    nothing ? "–" : proofText(entry),
    outcome === "live" && elapsedMs > 0 ? seconds(elapsedMs) : "–",
  ];
}

function signOffBlock({ incident }: IncidentFacts): Block {
  const { closed } = incident;
  const lines =
    closed === null
      ? ["- **Date Closed:** not closed yet"]
      : [`- **Date Closed:** ${isoSeconds(closed.atMs)}, by ${plain(closed.by)}`];
  return { name: "sign-off", title: "Sign-Off", lines, complete: closed !== null };
}
