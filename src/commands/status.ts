/**
 * One screen: is anything wrong, what is in force and where, what changed last and by whom, what to
 * do next. Reads only. Exit 0 also when an emergency is on: the question was answered.
 */
import * as z from "zod";
import { escapeForTerminal } from "../domain/escape.ts";
import type { Sighting } from "../domain/expectation.ts";
import { compare, expectationOf } from "../domain/expectation.ts";
import type { JournalEntry } from "../domain/journal.ts";
import { placeOf } from "../domain/prerequisites.ts";
import type { CanaryConfig, Parsed, StopDocument } from "../domain/state.ts";
import { isEmergency, parseState } from "../domain/state.ts";
import type { Ports } from "../ports.ts";
import type { CommandDef, NoFlags, Outcome } from "./command.ts";
import { READ_LIMIT_MS, readBase, unreachable } from "./shared/change-config.ts";
import { entryLine } from "./shared/entry-line.ts";
import { invocation, timeWithAge } from "./shared/words.ts";

export interface LiveView {
  url: string;
  location: string;
  status: number | null;
  emergency: boolean | null;
  percent: number | null;
  revision: string | null;
  cohort: string | null;
  reason: string | null;
  source: string | null;
  native: string | null;
  proxy: string | null;
  /** Whether this location shows what is stored. */
  current: boolean;
  problem: string | null;
}

export interface StatusData {
  emergency: boolean;
  /** As stored; null when absent or unreadable. */
  config: CanaryConfig | null;
  stop: StopDocument | null;
  problems: string[];
  live: LiveView[];
  last: JournalEntry | null;
  at_ms: number;
}

export const status: CommandDef<NoFlags, null, StatusData> = {
  name: "status",
  summary: "Show what is in force, where, since when, by whom",
  details: "Reads the stored state, every /qa and the journal. Changes nothing.",
  examples: ["pixcanary status --env production", "pixcanary status --env production --json"],
  options: [],
  mutates: false,
  timeoutMs: 20_000,
  input: z.object({}),
  plan: async () => ({ kind: "answer", steps: null }),
  apply: (_steps, _input, ports) => look(ports),
  render,
};

async function look(ports: Ports): Promise<Outcome<StatusData>> {
  const signal = AbortSignal.any([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const [base, sightings, journal] = await Promise.all([
    readBase(ports, signal),
    Promise.all(ports.qa.urls.map((url) => ports.qa.look(url, { signal, health: "full" }))),
    ports.journal.recent(1, { signal }),
  ]);
  for (const warning of journal.warnings) ports.progress.warn(warning);
  const state = "state" in base ? base.state : parseState({ config: null, stop: null });
  const expected = expectationOf(state);
  const known = "state" in base;
  const live = sightings.map((s) => viewOf(s, known && compare(expected, s).seen));
  const data: StatusData = {
    emergency: known ? isEmergency(state) : live.some((l) => l.emergency === true),
    config: valid(state.config),
    stop: valid(state.stop),
    problems: [...problemOf("config", state.config), ...problemOf("stop", state.stop)],
    live,
    last: journal.entries.at(-1) ?? null,
    at_ms: ports.clock.now(),
  };
  if (!known) {
    const failure = unreachable(base, ports);
    return { ...failure, truth: `the API did not answer; ${liveTruth(live)}`, data };
  }
  const next = data.emergency
    ? `${invocation(ports.target, "restore")} --reason "…"   # when the cause is fixed`
    : invocation(ports.target, "not-aus");
  return { kind: "done", changed: false, data, next };
}

function liveTruth(live: readonly LiveView[]): string {
  const on = live.filter((l) => l.emergency === true).length;
  return `an emergency shows at ${on} of ${live.length} /qa`;
}

function valid<T>(parsed: Parsed<T>): T | null {
  return parsed.kind === "valid" ? parsed.value : null;
}

function problemOf(key: string, parsed: Parsed<unknown>): string[] {
  if (parsed.kind === "invalid") return [`${key} ${parsed.problem}`];
  return parsed.kind === "absent" && key === "config" ? ["config does not exist"] : [];
}

function viewOf(s: Sighting, current: boolean): LiveView {
  return {
    url: s.url,
    location: placeOf(s),
    status: s.status,
    emergency:
      s.qa?.canary.emergency_proxy ??
      (s.decision === null ? null : s.decision.reason === "emergency"),
    percent: s.qa?.canary.percent ?? null,
    revision: s.qa?.canary.revision ?? null,
    cohort: s.decision?.cohort ?? null,
    reason: s.decision?.reason ?? null,
    source: s.qa?.canary.source ?? null,
    native: s.qa?.health.native.status ?? null,
    proxy: s.qa?.health.proxy.status ?? null,
    current,
    problem: s.problem,
  };
}

function render(outcome: Outcome<StatusData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const wrong = [...data.problems];
  const lines: string[] = [];
  if (data.emergency) {
    const { stop } = data;
    const who =
      stop?.active === true
        ? ` since ${timeWithAge(stop.at, data.at_ms)} by ${stop.by ?? "?"}`
        : " (by config)";
    const why = stop?.active === true && stop.reason !== undefined ? `: ${stop.reason}` : "";
    lines.push(`! EMERGENCY: everybody is sent to proxy${escapeForTerminal(who + why)}`);
  }
  for (const problem of wrong) lines.push(`! ${escapeForTerminal(problem)}`);
  const percent = data.config?.canary_percent;
  lines.push(
    `  share     ${percent === undefined ? "unknown" : `${percent} % of new visitors to native`}` +
      (data.config === null ? "" : `, tag ${data.config.canary_tag}`),
  );
  if (data.config !== null) {
    const by = data.config.updated_by ?? "by hand";
    lines.push(
      `  config    ${escapeForTerminal(`${timeWithAge(data.config.last_updated, data.at_ms)}, ${by}`)}`,
    );
  }
  lines.push("  live");
  for (const view of data.live) lines.push(`    ${viewLine(view)}`);
  lines.push(
    `  last      ${data.last === null ? "no journal entry" : entryLine(data.last, data.at_ms)}`,
  );
  return lines.join("\n");
}

function viewLine(view: LiveView): string {
  const mark = view.current ? "✔" : "!";
  const state =
    view.emergency === null
      ? "unknown"
      : view.emergency
        ? "emergency"
        : view.percent === null
          ? `decides ${view.reason ?? "?"}`
          : `${view.percent} %`;
  const health = view.native === null ? "" : `, native ${view.native}, proxy ${view.proxy}`;
  const behind = view.current
    ? ""
    : view.problem === null
      ? ", not what is stored"
      : `, ${view.problem}`;
  return escapeForTerminal(`${mark} ${view.location.padEnd(5)} ${state}${health}${behind}`);
}
