/** What happened when, from the journal, notes, notifications and the policy, as lines in order of time. */

import { timeOf } from "../lib/time.ts";
import { amount } from "../policy/finding-text.ts";
import { labelOf } from "../policy/rules.ts";
import type { FailedStretch, RuleOverWindow } from "../policy/window-rule.ts";
import { changeText, proofText } from "../state/entry-text.ts";
import { hadNoEffect, type JournalEntry } from "../state/journal.ts";
import type { Incident } from "./incident.ts";

export interface TimelineLine {
  /** Milliseconds since the epoch. */
  atMs: number;
  /** May hold text from outside. */
  text: string;
}

export interface TimelineSources {
  incident: Incident;
  /** Of `changesIn`. */
  changes: readonly JournalEntry[];
  /** Of the policy over the incident's time; none where it could not be judged. */
  rules: readonly RuleOverWindow[];
  /** The end of what was judged, seconds since the epoch: a rule that fails until then has not recovered. */
  judgedUntilS: number;
  /** What the guardian has notified of and is still open. */
  guardian: { since: string; level: string } | null;
}

/** A rule that flaps for hours is told by its first stretches. */
const MAX_STRETCHES = 20;

/** Oldest first; what is said twice of one second is said once. */
export function timelineOf(sources: TimelineSources): TimelineLine[] {
  const { incident, changes, rules, guardian, judgedUntilS } = sources;
  const lines = [
    ...incidentLines(incident),
    ...changes.map((entry) => ({ atMs: timeOf(entry.at), text: entryText(entry) })),
    ...rules.flatMap((rule) => ruleLines(rule, judgedUntilS)),
    ...(guardian === null ? [] : [guardianLine(guardian)]),
  ].filter(({ atMs }) => Number.isFinite(atMs));
  const said = new Set<string>();
  return lines
    .toSorted((a, b) => a.atMs - b.atMs || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .filter(({ atMs, text }) => {
      const key = `${Math.floor(atMs / 1_000)} ${text}`;
      if (said.has(key)) return false;
      said.add(key);
      return true;
    });
}

function incidentLines({ id, begunMs, openedMs, openedBy, notes, closed }: Incident) {
  const lines: TimelineLine[] = [
    { atMs: openedMs, text: `incident ${id} opened by ${openedBy}` },
    ...notes.map(({ atMs, by, text, kind }) => ({
      atMs,
      text: kind === "noted" ? `${text} (${by})` : text,
    })),
  ];
  if (begunMs !== openedMs) lines.push({ atMs: begunMs, text: "incident began" });
  if (closed !== null) {
    lines.push({ atMs: closed.atMs, text: `incident closed by ${closed.by}` });
    if (closed.endedMs !== closed.atMs) lines.push({ atMs: closed.endedMs, text: "incident over" });
  }
  return lines;
}

function entryText(entry: JournalEntry): string {
  const { command, actor, reason, notes } = entry;
  const why = reason === null ? "" : `: ${reason}`;
  if (hadNoEffect(entry)) return `${command} by ${actor}${why} (${notes[0] ?? "nothing written"})`;
  const name = command === "not-aus" ? "NOT-AUS" : command;
  const note = command === "ramp" && notes[0] !== undefined ? `, ${notes[0]}` : "";
  return `${name} ${changeText(entry)} by ${actor}${why} (${proofText(entry)}${note})`;
}

function ruleLines({ rule, limit, unit, failed }: RuleOverWindow, untilS: number): TimelineLine[] {
  const label = labelOf(rule);
  const most = amount(limit, unit);
  return failed.slice(0, MAX_STRETCHES).flatMap((stretch) => {
    const begins = {
      atMs: stretch.fromS * 1_000,
      text: `${label}: over ${most}${worstText(stretch, unit)}${causeText(stretch)}`,
    };
    const over = stretch.toS < untilS;
    const ends = { atMs: stretch.toS * 1_000, text: `${label}: no longer over ${most}` };
    return over ? [begins, ends] : [begins];
  });
}

function worstText({ worst }: FailedStretch, unit: RuleOverWindow["unit"]): string {
  return worst === null ? "" : `, up to ${amount(worst, unit)}`;
}

function causeText({ because }: FailedStretch): string {
  return because === null ? "" : ` (caused by: ${labelOf(because)})`;
}

function guardianLine({ since, level }: { since: string; level: string }): TimelineLine {
  return { atMs: timeOf(since), text: `guardian: notification sent, it recommends ${level}` };
}
