/** The team's three messages during an incident, with numbers. Claims only what was seen. Not escaped. */

import { timeOf } from "../lib/time.ts";
import { proofText } from "../state/entry-text.ts";
import { hadNoEffect, type JournalEntry } from "../state/journal.ts";
import { clockTime, share } from "../text/format.ts";
import { failedText, type Impact, impactText } from "./impact.ts";
import { endOf, type Incident } from "./incident.ts";
import { durationOf } from "./report.ts";

export const MESSAGE_KINDS = ["slack", "status-page", "internal"] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** Requests of both cohorts in the newest minutes, and in as many before; null: none were measured. */
export interface Trend {
  minutes: number;
  now: { requests: number; failed: number } | null;
  before: { requests: number; failed: number } | null;
}

export interface MessageFacts {
  incident: Incident;
  environment: string;
  tag: string;
  nowMs: number;
  changes: readonly JournalEntry[];
  impact: Impact;
  /** Null: could not be asked. */
  trend: Trend | null;
  contacts: { onCall: string | null; slack: string | null; docs: string | null };
  /** As given; else a promise to say more in half an hour. */
  next: string | null;
}

const UPDATE_MS = 30 * 60_000;
/** Of all requests: below this, "most users are unaffected" is true. */
const FEW_PERCENT = 5;

export function messageLines(kind: MessageKind, facts: MessageFacts): string[] {
  switch (kind) {
    case "slack":
      return slackLines(facts);
    case "status-page":
      return statusPageLines(facts);
    case "internal":
      return internalLines(facts);
    default:
      return kind satisfies never;
  }
}

function slackLines(facts: MessageFacts): string[] {
  const { contacts } = facts;
  return [
    headline(facts),
    ...commonLines(facts),
    `Next: ${nextOf(facts)}`,
    ...(contacts.slack === null ? [] : [`Updates: ${contacts.slack} channel`]),
  ];
}

function internalLines(facts: MessageFacts): string[] {
  const { incident, changes, contacts, environment } = facts;
  const contact = (name: string, text: string | null) =>
    text === null ? [] : [`${name}: ${text}`];
  return [
    headline(facts),
    `Environment: ${environment}; opened by ${incident.openedBy}`,
    ...commonLines(facts),
    ...changes.map((entry) => `${clockTime(timeOf(entry.at))} ${actionText(entry)}`),
    `Next: ${nextOf(facts)}`,
    ...contact("On call", contacts.onCall),
    ...contact("Updates", contacts.slack),
    ...contact("Runbook", contacts.docs),
  ];
}

function commonLines(facts: MessageFacts): string[] {
  const { incident, nowMs, impact, trend } = facts;
  const last = lastChange(facts);
  return [
    `Status: ${statusOf(facts)}`,
    `Time: ${durationOf(incident.begunMs, endOf(incident, nowMs))}`,
    `Action: ${last === null ? "none in the journal so far" : actionText(last)}`,
    `Impact: ${impactText(impact)}`,
    `Error rate: ${trendText(trend)}`,
  ];
}

function headline({ incident, tag }: MessageFacts): string {
  const mark = incident.closed !== null ? "✅" : incident.severity === "critical" ? "🚨" : "⚠️";
  return `${mark} ${tag} Incident ${incident.id} - ${incident.title}`;
}

function statusOf(facts: MessageFacts): string {
  if (facts.incident.closed !== null) return "RESOLVED";
  const last = lastChange(facts);
  if (last === null) return "ONGOING, nothing was changed so far";
  if (last.after.emergency === true) {
    const seen = last.verification.outcome === "live" ? "" : "not yet seen live everywhere; ";
    return `MITIGATED, ${seen}all traffic goes to proxy (the legacy origin)`;
  }
  return `ONGOING, ${share(last.after.percent)} of new visitors go to native`;
}

function actionText(entry: JournalEntry): string {
  const { command, after, reason } = entry;
  if (hadNoEffect(entry)) return `${command}: ${entry.notes[0] ?? "nothing written"}`;
  const what =
    after.emergency === true
      ? "all traffic to proxy (the legacy origin)"
      : `${share(after.percent)} of new visitors to native`;
  const name = command === "not-aus" ? "NOT-AUS" : command;
  return `${name}: ${what}, ${proofText(entry)}${reason === null ? "" : `; ${reason}`}`;
}

function trendText(trend: Trend | null): string {
  if (trend === null) return "not known: the metrics could not be asked";
  const { now, before, minutes } = trend;
  if (now === null) return `not known: no request measured in the last ${minutes} min`;
  const earlier = before === null ? "" : `; in the ${minutes} min before: ${failedText(before)}`;
  return `last ${minutes} min: ${failedText(now)}${earlier}`;
}

function nextOf({ next, incident, nowMs }: MessageFacts): string {
  if (next !== null) return next;
  if (incident.closed !== null) return "post-incident report";
  return `investigation ongoing, next update ${minuteOf(nowMs + UPDATE_MS)}`;
}

/** For users: no names, no ids, nothing of how it works inside. */
function statusPageLines(facts: MessageFacts): string[] {
  const { incident, nowMs, next } = facts;
  const { begunMs, closed } = incident;
  const update = `Update: ${minuteOf(nowMs)} - `;
  if (closed !== null) {
    const times = `${minuteOf(begunMs)} and ${minuteOf(closed.endedMs)}`;
    return [
      "Resolved: Performance Issues",
      "",
      `Between ${times} some uploads failed or were slow. The issue is resolved.`,
      "If an upload was interrupted, please start it again.",
      ...(next === null ? [] : ["", `${update}${next}`]),
    ];
  }
  const last = lastChange(facts);
  const done =
    last === null
      ? "Our team is investigating."
      : "Our team has taken a precaution and is monitoring the situation.";
  return [
    "Investigating Performance Issues",
    "",
    `Since ${minuteOf(begunMs)} some uploads have failed or been slow.`,
    done,
    ...(areFew(facts.impact) ? ["Most users are unaffected."] : []),
    "If an upload was interrupted, please start it again.",
    "",
    `${update}${next ?? `we will say more by ${minuteOf(nowMs + UPDATE_MS)}.`}`,
  ];
}

function areFew(impact: Impact): boolean {
  if (impact.kind === "unknown" || impact.requests === 0) return false;
  return (100 * impact.failed) / impact.requests < FEW_PERCENT;
}

function minuteOf(ms: number): string {
  return `${clockTime(ms).slice(0, 5)} UTC`;
}

/** The newest that had an effect. */
function lastChange({ changes }: Pick<MessageFacts, "changes">): JournalEntry | null {
  return changes.findLast((entry) => !hadNoEffect(entry)) ?? null;
}
