/**
 * Ends an incident and writes its report: what the machine knows into blocks that a later run renews, blanks for
 * what only people know. Run again, it only renews the report. Touches no traffic and never asks.
 */
import * as z from "zod";
import { endOf, type Incident, incidentsOf } from "../../domain/incident/incident.ts";
import { durationOf } from "../../domain/incident/report.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { mapStrings } from "../../domain/text/escape.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import { LocalError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ReportFolder } from "../../ports/reports.ts";
import {
  type ChangingVerb,
  type Given,
  interruptedBy,
  type Outcome,
  type Planned,
} from "../command.ts";
import { flag, textUpTo } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { eventNow, recordEntry } from "../lib/record-change.ts";
import { type CloseData, closeText } from "./close-text.ts";
import { gatherFacts } from "./gather.ts";
import {
  isIncident,
  type Known,
  knownIncidents,
  meantOf,
  momentOf,
  usage,
  whenFlag,
} from "./known.ts";
import { type Place, placeOf, writeReport } from "./write-report.ts";

const FOLDER = "docs/INCIDENTS";

const input = z.object({
  at: whenFlag("when it was over"),
  logs: flag("--logs <path>", "pulled logs: a folder or a file", textUpTo(4_096).optional()),
  out: flag("--out <dir>", `folder of the report (${FOLDER})`, textUpTo(1_000).optional()),
});
type Input = Given<typeof input>;

interface Steps {
  known: Known;
  incident: Incident;
  endMs: number;
  place: Place;
}

export const incidentClose: ChangingVerb<typeof input, Steps, CloseData> = {
  name: "incident close",
  summary: "Close the incident and write its report",
  details:
    "Writes docs/INCIDENTS/YYYY-MM-DD_<tag>_incident.md with charts beside it, then closes the incident in the " +
    "journal: later changes are no longer tied to it. Run it again to renew the report: it replaces only what it " +
    "has generated itself and what no hand has edited. Without a network it uses this machine's journal and --logs, " +
    "and says what it does not know. Changes no traffic.",
  examples: [
    "pixcanary incident close --env production --logs incident-logs",
    "pixcanary incident close --at 2026-05-01T01:10:00Z --out ../postmortems",
  ],
  anyHost: true,
  offlineToo: true,
  timeoutMs: 5 * 60_000,
  input,
  plan,
  apply,
  render: (outcome) => ("data" in outcome && outcome.data ? closeText(outcome.data) : ""),
};

async function plan(given: Input, ports: Ports): Promise<Planned<Steps, CloseData>> {
  const refuse = (outcome: Outcome<never>) => ({ kind: "ended", outcome }) as const;
  const help = "pixcanary incident close --help";
  const nowMs = ports.clock.now();
  const atMs = momentOf(given.at, nowMs);
  if (atMs === null) return refuse(usage("--at is in the future", help));
  const known = await knownIncidents(ports);
  const meant = meantOf(known, given, ports);
  if (!isIncident(meant)) return refuse(meant);
  // The clock of who opened it may be ahead: it has begun all the same.
  const incident = { ...meant, begunMs: Math.min(meant.begunMs, nowMs) };
  const endMs = incident.closed === null ? atMs : endOf(incident, nowMs);
  if (endMs < incident.begunMs) {
    return refuse(usage(`--at is before it began (${isoSeconds(incident.begunMs)})`, help));
  }
  try {
    const folder = folderOf(given, ports);
    const place = await placeOf(folder, incident, ports.target.canaryTag);
    const state = incident.closed === null ? "open" : "closed";
    const file = place.before === null ? "not there yet" : "is there";
    const report = { what: "report", before: file, after: `${folder.path}/${place.name}` };
    const changes = [{ what: incident.id, before: state, after: "closed" }, report];
    const steps = { known, incident, endMs, place };
    return { kind: "plan", risk: "none", changes, notes: [], steps };
  } catch (error) {
    return refuse(diskRefused(error, incident, ports));
  }
}

async function apply(steps: Steps, given: Input, ports: Ports): Promise<Outcome<CloseData>> {
  const { incident, known, endMs, place } = steps;
  const signal = anySignal([ports.clock.timeout(given.timeoutMs), ports.interrupt]);
  const ending = incident.closed === null ? await closing(steps, given, ports) : null;
  const after = ending === null ? known.entries : [...known.entries, ending];
  const closed = incidentsOf(after).find(({ id }) => id === incident.id) ?? incident;
  const logs = given.logs ?? null;
  const gathered = await gatherFacts(ports, { incident: closed, known, endMs, logs }, signal);
  const stopped = interruptedBy(ports.interrupt);
  if (stopped !== null) {
    const truth = `${incident.id} is as it was; nothing was written`;
    const next = invocation(ports.target, "incident close");
    return { kind: "interrupted", signal: stopped, truth, next };
  }
  const facts = mapStrings(gathered.facts, ports.redact);
  const folder = folderOf(given, ports);
  let written: Awaited<ReturnType<typeof writeReport>>;
  try {
    written = await writeReport(folder, place, facts, gathered.charts);
  } catch (error) {
    return diskRefused(error, incident, ports);
  }
  // Only now: an incident without its report can be closed again, and stays open until then.
  if (ending !== null) await recordEntry(ports, ending, "none");
  if (isStopped(known)) ports.progress.warn("by the journal the emergency is still on");
  const data = dataOf(closed, { ...written, file: `${folder.path}/${written.file}` }, facts);
  return done(data, ending !== null, given, ports);
}

function folderOf({ out }: Input, { reports }: Ports): ReportFolder {
  return reports.at(out ?? FOLDER, { named: out !== undefined });
}

function closing(steps: Steps, given: Input, ports: Ports) {
  const when = given.at === undefined ? null : new Date(steps.endMs).toISOString();
  const event = { kind: "closed", severity: null, text: "", when } as const;
  return eventNow(ports, given, steps.incident.id, event);
}

function isStopped({ entries }: Known): boolean {
  return entries.findLast(({ after }) => after.emergency !== null)?.after.emergency === true;
}

type Facts = Awaited<ReturnType<typeof gatherFacts>>["facts"];

function dataOf(
  { id, begunMs, closed }: Incident,
  report: Omit<CloseData, "incident" | "closed_at" | "duration" | "unknown">,
  { impact, errors, journalGap, policyGap, endMs }: Facts,
): CloseData {
  const unknown = [
    journalGap === null ? null : `journal: ${journalGap}`,
    impact.kind === "known" ? null : `impact: ${impact.because}`,
    policyGap === null ? null : `findings: ${policyGap}`,
    errors.kind === "known" ? null : `errors: ${errors.because}`,
  ].filter((line) => line !== null);
  return {
    incident: id,
    closed_at: isoSeconds(closed?.atMs ?? endMs),
    duration: durationOf(begunMs, endMs),
    ...report,
    unknown,
  };
}

function done(data: CloseData, closedNow: boolean, given: Input, ports: Ports): Outcome<CloseData> {
  const file = data.changed ? `report ${data.existed ? "renewed" : "written"}` : "report unchanged";
  const headline = `${data.incident} ${closedNow ? "closed" : "was closed before"}; ${file}`;
  const pull = invocation(ports.target, "logs pull --out incident-logs");
  const next = given.logs === undefined && data.unknown.length > 0 ? pull : "";
  return { kind: "done", changed: closedNow || data.changed, data, headline, next };
}

/** What this machine refuses; anything else is a bug. */
function diskRefused(error: unknown, { id, closed }: Incident, ports: Ports): Outcome<never> {
  if (!(error instanceof LocalError)) throw error;
  const state = closed === null ? "open" : "closed";
  const next = invocation(ports.target, "incident close --out incident-reports");
  return {
    kind: "failed",
    code: "usage",
    message: error.message,
    truth: `${id} is still ${state}; its report was not written completely`,
    next,
  };
}
