/** Which incidents there are, newest last. Reads the journal in KV and the local one. */
import { changesIn, endOf, type Incident } from "../../domain/incident/incident.ts";
import { counted, isoSeconds, roughDuration } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, ReadingVerb } from "../command.ts";
import { noFlags } from "../flag.ts";
import { knownIncidents } from "./known.ts";

export interface ListedIncident {
  incident: string;
  severity: string;
  title: string;
  begun_at: string;
  opened_by: string;
  /** Null while it is open. */
  closed_at: string | null;
  duration_s: number;
  changes: number;
}

export interface ListData {
  incidents: ListedIncident[];
}

export const incidentList: ReadingVerb<typeof noFlags, ListData> = {
  name: "incident list",
  summary: "List incidents: open or closed, how long, by whom",
  details:
    "Reads the journal in KV, merged with the one on this machine. What another machine has opened is known " +
    "here afterwards: later changes are tied to it.",
  examples: ["pixcanary incident list --env production"],
  anyHost: true,
  timeoutMs: 20_000,
  input: noFlags,
  run: (_input, ports) => list(ports),
  render,
};

async function list(ports: Ports): Promise<Outcome<ListData>> {
  const { entries, incidents } = await knownIncidents(ports);
  const nowMs = ports.clock.now();
  const listed = (incident: Incident): ListedIncident => ({
    incident: incident.id,
    severity: incident.severity,
    title: incident.title,
    begun_at: isoSeconds(incident.begunMs),
    opened_by: incident.openedBy,
    closed_at: incident.closed === null ? null : isoSeconds(incident.closed.atMs),
    duration_s: Math.max(0, Math.round((endOf(incident, nowMs) - incident.begunMs) / 1_000)),
    changes: changesIn(entries, incident, nowMs).length,
  });
  return { kind: "done", changed: false, data: { incidents: incidents.map(listed) } };
}

function render(outcome: Outcome<ListData>): string {
  if (outcome.kind !== "done") return "";
  const lines = outcome.data.incidents.map((one) => {
    const state = one.closed_at === null ? "open" : "closed";
    const what = `${one.incident}  ${state} (${one.severity})  ${one.title}`;
    const length = `${one.begun_at}, ${roughDuration(one.duration_s)}`;
    return `  ${what}  ${length}, ${counted(one.changes, "change")}, opened by ${one.opened_by}`;
  });
  return lines.length === 0 ? "  no incident is in the journal" : lines.join("\n");
}
