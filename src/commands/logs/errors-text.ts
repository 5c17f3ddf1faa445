/** What `logs errors` found, for a person: who is affected, since when, why, and what that rests on. */

import type { AnalysisReport, GroupReport } from "../../domain/logs/analysis.ts";
import { CATEGORIES } from "../../domain/logs/classify.ts";
import type { Mark } from "../../domain/logs/marks.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { counted, countText, isoSeconds, percentText } from "../../domain/text/format.ts";
import type { LogReading } from "../../ports/logs.ts";
import { bytesText } from "../lib/time-window.ts";

export interface LogsErrorsData extends AnalysisReport {
  /** `cannot_say`: for the reasons in `doubts`, there may be errors that were not found. */
  verdict: "errors" | "none" | "cannot_say";
  doubts: string[];
  /** Those that were grouped. */
  levels: string[];
  /** Of event times, RFC 3339; null is open. */
  window: { since: string | null; until: string | null };
  /** Changes of state, from the journal, oldest first. */
  changes_known: { at: string; command: string; revision: string | null }[];
  reading: LogReading;
  /** How many groups a person is shown. */
  top: number;
}

const MAX_VALUES = 4;
const MAX_STACK_LINES = 4;
const MAX_PROBLEMS = 10;
const MAX_RATES = 12;

export function errorsText(data: LogsErrorsData): string {
  const parts = [
    summary(data),
    data.causes.length === 0 ? "" : causesText(data),
    ...data.groups.slice(0, data.top).map((group, index) => groupText(group, index + 1)),
    rest(data),
    ratesText(data),
    problemsText(data.reading),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function summary(data: LogsErrorsData): string {
  const { lines, records, quiet, reading } = data;
  const read = `${counted(reading.files, "file")}, ${bytesText(reading.expanded_bytes)}, ${counted(lines, "line")}`;
  const span =
    data.first_at === null || data.last_at === null
      ? ""
      : `, ${isoSeconds(data.first_at)} to ${isoSeconds(data.last_at)}`;
  const silent = quiet > 0 ? ` and ${counted(quiet, "event")} without a line` : "";
  const outcomes = values(data.outcomes);
  const flaws = flawsOf(data);
  const groups = data.matched > 0 ? `, in ${counted(data.groups.length, "group")}` : "";
  return [
    `  ${found(data)} in ${counted(records, "log line")}${silent}${span}${groups}`,
    `  read      ${read}`,
    ...(outcomes === "" ? [] : [`  outcomes  ${outcomes}`]),
    ...(flaws.length === 0 ? [] : [`! ${flaws.join(", ")}`]),
  ].join("\n");
}

/** Where errors may have been missed, "no ERROR" would be read as good news. */
function found({ matched, levels, verdict }: LogsErrorsData): string {
  const names = escapeForTerminal(levels.join(", "));
  return matched === 0 && verdict === "none" ? `no ${names}` : `${countText(matched)} ${names}`;
}

function flawsOf(data: LogsErrorsData): string[] {
  const { broken, unclear, truncated, without_time: untimed, undecided } = data;
  const told: [number, string][] = [
    [broken, `${counted(broken, "line")} broken`],
    [unclear, `${counted(unclear, "line")} without level or outcome`],
    [truncated, `${counted(truncated, "message")} cut by Logpush`],
    [untimed, `${counted(untimed, "line")} without a readable time (counted in any window)`],
    [
      undecided,
      `${counted(undecided, "error")} without the route or cohort asked for (not counted)`,
    ],
  ];
  return told.filter(([count]) => count > 0).map(([, text]) => text);
}

function causesText({ causes, matched }: LogsErrorsData): string {
  const lines = causes.flatMap(({ name, count, look, evidence }) => [
    count === 0
      ? `  ${name}: look at ${look}`
      : `  ${name}: ${countText(count)} of ${countText(matched)}; look at ${look}`,
    ...evidence.map((text) => `    because ${escapeForTerminal(text)}`),
  ]);
  return ["  likely causes (runbook, section 5)", ...lines].join("\n");
}

function groupText(group: GroupReport, rank: number): string {
  const { count, share, message, example } = group;
  const head = `${rank}. ${countText(count)} (${percentText(share * 100)})  ${escapeForTerminal(message)}`;
  const when =
    group.first_seen === null || group.last_seen === null
      ? "unknown"
      : `${isoSeconds(group.first_seen)} to ${isoSeconds(group.last_seen)}`;
  const rows: [string, string][] = [
    ["when", when],
    ["cohort", values(group.cohorts)],
    ["phase", values(group.phases)],
    ["route", values(group.routes)],
    ["location", values(group.locations)],
    ["country", values(group.countries)],
    ["device", values(group.devices)],
    ["status", values(group.statuses)],
    ...group.categories.map(({ category, evidence }): [string, string] => [
      "cause",
      `${CATEGORIES[category].name}: ${escapeForTerminal(evidence.join("; "))}`,
    ]),
    ["example", exampleText(example)],
  ];
  return [
    head,
    ...group.changes.map(markText),
    ...rows.filter(([, text]) => text !== "").map(([name, text]) => `   ${name.padEnd(9)} ${text}`),
    ...stackLines(example.stack),
  ].join("\n");
}

function exampleText({ ray_id: rayId, at, message }: GroupReport["example"]): string {
  const where = [rayId === null ? null : `ray ${rayId}`, at === null ? null : isoSeconds(at)];
  const known = where.filter((text) => text !== null).join(", ");
  return escapeForTerminal(known === "" ? message : `${known}: ${message}`);
}

function stackLines(stack: string | null): string[] {
  const frames = (stack ?? "").split("\n").filter((line) => /^\s*at /.test(line));
  return frames
    .slice(0, MAX_STACK_LINES)
    .map((line) => `             ${escapeForTerminal(line.trim())}`);
}

function markText({ kind, since, count, factor }: Mark): string {
  const change = escapeForTerminal(`${since.command} at ${isoSeconds(since.at)}`);
  return kind === "new"
    ? `! new since ${change} (${countText(count)} since then, none before)`
    : `! up ${factor?.toFixed(1)}× per request since ${change}`;
}

function rest({ groups, top, others }: LogsErrorsData): string {
  const hidden = groups.slice(top).reduce((sum, group) => sum + group.count, 0);
  const lines = [
    hidden > 0
      ? `  … ${countText(hidden)} more in ${counted(groups.length - top, "group")} (--top ${groups.length})`
      : "",
    others > 0 ? `! ${countText(others)} more in further groups, counted only` : "",
  ];
  return lines.filter((line) => line !== "").join("\n");
}

function ratesText({ rates }: LogsErrorsData): string {
  const shown = rates.filter(({ requests }) => requests > 0).slice(0, MAX_RATES);
  if (shown.length === 0) return "";
  const lines = shown.map(({ cohort, phase, requests, errors, error_rate: rate }) => {
    const name = escapeForTerminal(`${cohort} ${phase}`).padEnd(16);
    return `   ${name} ${countText(errors)} of about ${countText(requests)} (${percentText((rate ?? 0) * 100)})`;
  });
  return ["  error rates (successes weighted by their sample rate)", ...lines].join("\n");
}

function problemsText({ problems, problem_count: all, partial }: LogReading): string {
  if (all === 0) return partial ? "! incomplete: not everything was read" : "";
  const lines = problems.slice(0, MAX_PROBLEMS).map(({ file, offset, what }) => {
    const at = offset === null ? "" : ` at byte ${offset}`;
    return `!   ${escapeForTerminal(`${file}${at}: ${what}`)}`;
  });
  const more = all > lines.length ? [`!   … and ${countText(all - lines.length)} more`] : [];
  const head = partial ? "! incomplete: counted only what could be read" : "! read in full, but";
  return [head, ...lines, ...more].join("\n");
}

function values(counts: Readonly<Record<string, number>>): string {
  const pairs = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const shown = pairs.slice(0, MAX_VALUES).map(([value, count]) => `${value} ${countText(count)}`);
  if (pairs.length > MAX_VALUES) shown.push("…");
  return escapeForTerminal(shown.join(" · "));
}
