/**
 * A post-incident report, written once more from what the sandbox knows: its data points, the journal in KV, the lines
 * that the Workers logged. Shares nothing with the program but how numbers and times are written.
 */
import { countText, isoSeconds, percentText, roughDuration } from "../../src/domain/text/format.ts";
import {
  findingLines,
  impactOf,
  MINUTE_MS,
  type SeenPoint,
  type Times,
} from "./whole-way-measured.ts";

export interface SeenEntry {
  at: string;
  incident: string | null;
  command: string;
  verification: { outcome: string; locations: string[]; elapsed_ms: number };
  notes: string[];
  event?: { kind: string; when: string | null };
}

/** Logged at level ERROR, or thrown and logged by nobody. */
export interface SeenError {
  atMs: number;
  ray: string;
  /** Null where no line of the Worker's tells of the request. */
  cohort: string | null;
  route: string | null;
  message: string;
}

export interface SeenWorld {
  /** Everything that was measured, and added as measured. */
  points: readonly SeenPoint[];
  /** In order of time. */
  journal: readonly SeenEntry[];
  errors: readonly SeenError[];
}

const BY = "oncall@laptop";
const BLANK = {
  timeline:
    "[fill in: what only people saw: who was called, what was tried, when the cause was found]",
  cause: "[fill in: what failed, and why it reached visitors]",
  users: "[fill in: what users saw, and how many reported it]",
  data: "[fill in: none, or what was lost]",
  revenue: "[fill in: none, or how much]",
  fix: "[fill in: what was changed so that it is fixed, and where]",
  prevention: "[fill in: what keeps it from happening again, and who does it]",
  lessons: "[fill in: what worked, what delayed us, what the runbook should have said]",
  commander: "[fill in: name]",
};

/** Line by line; hashes of blocks are left out. */
export function documentOf(world: SeenWorld, incident: string, times: Times): string[] {
  const { begunMs, endMs } = times;
  const block = (name: string, lines: readonly string[]): string[] => [
    `<!-- pixcanary:begin ${name} ${incident} complete -->`,
    ...lines,
    `<!-- pixcanary:end ${name} -->`,
  ];
  const day = isoSeconds(begunMs).slice(0, 10);
  const impact = impactOf(world.points, times);
  const length = roughDuration((endMs - begunMs) / 1_000);
  const chart = `${day}_b2a_incident`;
  return [
    "# B2a Incident - uploads fail on native",
    "",
    ...block("header", [
      `**Incident:** ${incident}, production\\`,
      `**Date:** ${day}\\`,
      "**Severity:** Critical\\",
      `**Duration:** ${clock(begunMs)} - ${clock(endMs)} UTC (${length})\\`,
      `**Impact:** ${impact.all.failedText}; native: ${impact.native.failedText}; proxy: ${impact.proxy.failedText}`,
    ]),
    ...["", "## Timeline (UTC)", ""],
    ...block("timeline", timelineOf(world, incident, times)),
    ...["", `- **[HH:MM]** - ${BLANK.timeline}`],
    ...["", "## Root Cause", "", BLANK.cause],
    ...["", "## Impact Analysis", ""],
    ...block("impact", impact.lines),
    ...["", `- **Users Affected:** ${BLANK.users}`],
    ...[`- **Data Loss:** ${BLANK.data}`, `- **Revenue Impact:** ${BLANK.revenue}`],
    ...["", "### Charts", ""],
    ...block("charts", [
      `![Error rate by cohort](${chart}_error-rate.svg)`,
      "",
      `![Share of native](${chart}_share.svg)`,
    ]),
    ...["", "### Errors", ""],
    ...block("errors", errorLines(world.errors, times)),
    ...["", "## Fix", "", "What pixcanary did, and how far each change was proved:", ""],
    ...block("actions", actionLines(world.journal)),
    ...["", `1. ${BLANK.fix}`, "", "## Prevention", "", `- [ ] ${BLANK.prevention}`],
    ...["", "## Lessons Learned", "", `1. ${BLANK.lessons}`, "", "## Sign-Off", ""],
    ...block("sign-off", [`- **Date Closed:** ${isoSeconds(closedAt(world.journal))}, by ${BY}`]),
    `- **Incident Commander:** ${BLANK.commander}`,
    "",
  ];
}

const clock = (ms: number): string => isoSeconds(ms).slice(11, 19);

export function closedAt(journal: readonly SeenEntry[]): number {
  return Date.parse(journal.find(({ event }) => event?.kind === "closed")?.at ?? "");
}

// --- Timeline and actions ------------------------------------------------------------------------

/** What the script did, in order: name, change, reason. */
const CHANGES = [
  ["restore", "0 % → 50 %", "first visitors"],
  ["not-aus", "50 % → STOP", "5xx spike on native"],
  ["restore", "STOP → 25 %", "pool size is 50"],
  ["ramp", "25 % → 30 %", "no errors at 25 %"],
  ["ramp", "30 % → 50 %", "no errors at 25 %"],
  ["ramp", "50 % → 50 %", "no errors at 25 %"],
] as const;

/** Each change with the entry that the journal has of it. */
function changesIn(journal: readonly SeenEntry[]) {
  const entries = journal.filter(({ event }) => event === undefined);
  return entries.map((entry, nth) => {
    const [command, change, reason] = CHANGES[nth] ?? ["?", "?", "?"];
    const { outcome, locations, elapsed_ms: ms } = entry.verification;
    const took = `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
    const proof = locations.length === 0 ? outcome : `live at ${locations.join(", ")} in ${took}`;
    return { ...{ entry, command, change, reason, proof }, took: outcome === "live" ? took : "–" };
  });
}

function actionLines(journal: readonly SeenEntry[]): string[] {
  return [
    "| Time (UTC) | Action | Change | By | Why | Proof | Took |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...changesIn(journal).map(
      ({ entry, command, change, reason, proof, took }) =>
        `| ${isoSeconds(entry.at)} | ${command} | ${change} | ${BY} | ${reason} | ${proof} | ${took} |`,
    ),
  ];
}

function timelineOf(world: SeenWorld, incident: string, times: Times): string[] {
  const events: Readonly<Record<string, string>> = {
    opened: `incident ${incident} opened by ${BY}`,
    noted: `database pool exhausted: 10 of 10 connections (${BY})`,
    closed: `incident closed by ${BY}`,
  };
  const lines = [
    { atMs: times.begunMs, text: "incident began" },
    ...world.journal.flatMap(({ at, event }) =>
      event === undefined ? [] : [{ atMs: Date.parse(at), text: events[event.kind] ?? "?" }],
    ),
    ...changesIn(world.journal).map(({ entry, command, change, reason, proof }) => {
      const name = command === "not-aus" ? "NOT-AUS" : command;
      const note = command === "ramp" ? `, ${entry.notes[0]}` : "";
      return {
        atMs: Date.parse(entry.at),
        text: `${name} ${change} by ${BY}: ${reason} (${proof}${note})`,
      };
    }),
    ...findingLines(world.points, times),
  ];
  return lines
    .toSorted((a, b) => a.atMs - b.atMs || (a.text < b.text ? -1 : 1))
    .map(({ atMs, text }) => `- **${clock(atMs)}** - ${text}`);
}

// --- Errors --------------------------------------------------------------------------------------

/** Fifteen minutes and what led to them are looked through before an incident began. */
function errorLines(errors: readonly SeenError[], { begunMs, endMs }: Times): string[] {
  const lookedMinutes = Math.ceil((Math.floor(endMs / 1_000) - begunMs / 1_000) / 60 + 15);
  const fromMs = (Math.floor(endMs / MINUTE_MS) - lookedMinutes) * MINUTE_MS;
  const toMs = Math.ceil(endMs / 1_000) * 1_000;
  const groups = Object.entries(Object.groupBy(errors, (error) => error.message)).map(
    ([message, own = []]) => ({
      message,
      own,
    }),
  );
  groups.sort((a, b) => b.own.length - a.own.length || (a.message < b.message ? -1 : 1));
  return [
    `Logged at level ERROR from ${isoSeconds(fromMs)} to ${isoSeconds(toMs)}:`,
    "",
    "| Errors | Message | Cohort | Route | First, last (UTC) | Ray id |",
    "| --- | --- | --- | --- | --- | --- |",
    ...groups.map(({ message, own }) => {
      const times = own.map(({ atMs }) => atMs);
      const cells = [
        `${countText(own.length)} (${percentText((100 * own.length) / errors.length)})`,
        message,
        counts(own.map(({ cohort }) => cohort)),
        counts(own.map(({ route }) => route)),
        `${isoSeconds(Math.min(...times))}, ${isoSeconds(Math.max(...times))}`,
        "a ray of it",
      ];
      return `| ${cells.join(" | ")} |`;
    }),
    "",
    "Likely causes: Database Connection (look at database dashboard, connection count)",
  ];
}

function counts(values: readonly (string | null)[]): string {
  const known = values.filter((value) => value !== null);
  const groups = Object.entries(Object.groupBy(known, (value) => value));
  const pairs = groups.map(([value, own = []]) => ({ value, count: own.length }));
  pairs.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  return pairs.map(({ value, count }) => `${value} ${countText(count)}`).join(", ");
}

/**
 * A document's lines without the hashes of its blocks, which are the program's own, and with what may be written in
 * either order in one: equal counts by name. A ray id is replaced where it is one of the errors of its row.
 */
export function comparable(text: string, errors: readonly SeenError[]): string[] {
  return text.split("\n").map((line) => {
    const cells = line.split(" | ");
    const [message = "", ray = ""] = [cells[1], cells[5]?.replace(/ \|$/, "")];
    const isOurs = errors.some((error) => error.ray === ray && error.message === message);
    if (!isOurs) return line.replace(/ complete [0-9a-f]{16} -->$/, " complete -->");
    return [...cells.slice(0, 3), byCount(cells[3] ?? ""), cells[4], "a ray of it |"].join(" | ");
  });
}

function byCount(cell: string): string {
  const pairs = cell.split(", ").map((pair) => /^(.*) ([\d,]+)$/.exec(pair) ?? [pair, pair, "0"]);
  const sorted = pairs.toSorted(
    ([, a = "", m], [, b = "", n]) => Number(n) - Number(m) || (a < b ? -1 : 1),
  );
  return sorted.map(([pair]) => pair).join(", ");
}
