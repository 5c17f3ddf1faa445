/** The incidents of an environment, from its journal: in KV and on this machine. */

import { isIncidentId } from "../../domain/incident/event.ts";
import { chosen, type Incident, incidentsOf } from "../../domain/incident/incident.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { flag } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import { TIME_HELP, type TimePoint, timePoint } from "../lib/time-window.ts";

/** More changes than people and ramps make in a week. */
const ENTRIES = 500;
/** What was noted in a hurry may lie a little ahead: clocks differ. */
const AHEAD_MS = 60_000;

export interface Known {
  entries: readonly JournalEntry[];
  incidents: readonly Incident[];
  /** Why the journal may hold more; null when it was read completely. */
  gap: string | null;
}

/** Never throws: where the API is out of reach, this machine's journal has to do. */
export async function knownIncidents(ports: Ports): Promise<Known> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const { entries, warnings } = await ports.journal.recent(ENTRIES, { signal });
  for (const warning of warnings) ports.progress.warn(warning);
  const [warning = null] = warnings;
  const full = entries.length >= ENTRIES ? `only the newest ${ENTRIES} entries were read` : null;
  return { entries, incidents: incidentsOf(entries), gap: warning ?? full };
}

/** The one that is meant: named with `--incident`, or the open one, or the newest. */
export function meantOf(
  { incidents }: Known,
  { incident: id }: Pick<CommonInput, "incident">,
  ports: Ports,
): Incident | Outcome<never> {
  const found = chosen(incidents, id);
  if (found !== null) return found;
  const message =
    id === undefined ? "no incident is in the journal" : `no incident ${id} is in the journal`;
  const next = id === undefined ? openNext(ports) : invocation(ports.target, "incident list");
  return { kind: "failed", code: "usage", message, truth: "nothing was written", next };
}

export function openNext({ target }: Pick<Ports, "target">): string {
  return `${invocation(target, "incident open")} "what is wrong"`;
}

export function isIncident(found: Incident | Outcome<never>): found is Incident {
  return "title" in found;
}

export const whenFlag = (help: string) =>
  flag("--at <time>", `${help}: ${TIME_HELP} (now)`, timePoint.optional());

/** Milliseconds since the epoch; null for a time that is still in the future. */
export function momentOf(at: TimePoint | undefined, nowMs: number): number | null {
  if (at === undefined) return nowMs;
  const ms = "atMs" in at ? at.atMs : nowMs - at.agoMs;
  return ms > nowMs + AHEAD_MS ? null : ms;
}

export function usage(message: string, next: string): Outcome<never> {
  return { kind: "failed", code: "usage", message, truth: "nothing was written", next };
}

export function isUsableId(id: string | undefined): boolean {
  return id === undefined || isIncidentId(id);
}

/** Of a positional argument of several words, on one line. */
export function joinedWords(words: readonly string[], ports: Pick<Ports, "redact">): string {
  return ports.redact(words.join(" ").replace(/\s+/g, " ").trim());
}
