/** Incidents, as the journal tells of them. */
import { timeOf } from "../lib/time.ts";
import type { Window } from "../metrics/sql.ts";
import type { JournalEntry } from "../state/journal.ts";
import { type IncidentSeverity, isIncidentId } from "./event.ts";

export interface IncidentNote {
  kind: "noted" | "notified";
  atMs: number;
  by: string;
  text: string;
}

export interface Incident {
  id: string;
  severity: IncidentSeverity;
  title: string;
  /** When it began, by who opened it; all times are milliseconds since the epoch. */
  begunMs: number;
  openedMs: number;
  openedBy: string;
  notes: IncidentNote[];
  /** Null while it is open. `endedMs`: when it was over, which may be earlier. */
  closed: { atMs: number; endedMs: number; by: string } | null;
}

/** The first eight characters of a ULID are its second, the last two are chance: short enough to be said aloud. */
export function incidentId(ulid: string): string {
  return `INC-${ulid.slice(0, 8)}${ulid.slice(-2)}`;
}

/** In the order in which they were opened. `entries` in order of time. */
export function incidentsOf(entries: readonly JournalEntry[]): Incident[] {
  const known = new Map<string, Incident>();
  // Without a time it is in no order.
  const dated = entries.filter(({ at }) => Number.isFinite(timeOf(at)));
  for (const entry of dated) {
    const { incident: id, event } = entry;
    if (id === null || event?.kind !== "opened" || !isIncidentId(id)) continue;
    if (!known.has(id)) known.set(id, opened(id, entry));
  }
  // Only then: by a clock that was ahead, it was opened after what follows.
  for (const entry of dated) {
    const found = known.get(entry.incident ?? "");
    if (found !== undefined) follow(found, entry);
  }
  return [...known.values()];
}

function opened(id: string, entry: JournalEntry): Incident {
  const { event } = entry;
  return {
    id,
    severity: event?.severity ?? "critical",
    title: event?.text ?? "",
    begunMs: whenOf(entry),
    openedMs: timeOf(entry.at),
    openedBy: entry.actor,
    notes: [],
    closed: null,
  };
}

function follow(incident: Incident, entry: JournalEntry): void {
  const { event, actor: by } = entry;
  switch (event?.kind) {
    case "noted":
    case "notified":
      incident.notes.push({ kind: event.kind, atMs: whenOf(entry), by, text: event.text });
      return;
    case "closed":
      // Who closed it first did.
      incident.closed ??= { atMs: timeOf(entry.at), endedMs: whenOf(entry), by };
      incident.begunMs = Math.min(incident.begunMs, incident.closed.endedMs);
      return;
    default:
      return;
  }
}

function whenOf({ at, event }: JournalEntry): number {
  const when = timeOf(event?.when ?? undefined);
  return Number.isFinite(when) ? when : timeOf(at);
}

/** The named one; without a name the newest open one, or else the newest of all. */
export function chosen(incidents: readonly Incident[], id: string | undefined): Incident | null {
  if (id !== undefined) return incidents.find((one) => one.id === id) ?? null;
  return incidents.findLast(({ closed }) => closed === null) ?? incidents.at(-1) ?? null;
}

/** Until now while it is open. */
export function endOf({ closed }: Incident, nowMs: number): number {
  return closed?.endedMs ?? nowMs;
}

/** In whole seconds, for questions to the metrics; never empty. */
export function spanOf(begunMs: number, endMs: number): Window {
  const fromS = Math.max(0, Math.floor(begunMs / 1_000));
  return { fromS, toS: Math.max(fromS + 1, Math.ceil(endMs / 1_000)) };
}

/**
 * The changes that belong to it: those that name it, and those of its time that name no other, as a stop may
 * come before anyone opens an incident.
 */
export function changesIn(
  entries: readonly JournalEntry[],
  incident: Incident,
  nowMs: number,
): JournalEntry[] {
  const endMs = endOf(incident, nowMs);
  return entries.filter(({ at, event, incident: id }) => {
    if (event !== undefined) return false;
    if (id !== null) return id === incident.id;
    const atMs = timeOf(at);
    return atMs >= incident.begunMs && atMs <= endMs;
  });
}

/** `nth` from 1: a second incident of a day has a file of its own. */
export function reportName(
  { begunMs }: Pick<Incident, "begunMs">,
  tag: string,
  nth: number,
): string {
  const day = new Date(begunMs).toISOString().slice(0, 10);
  const safeTag = tag.toLowerCase().replace(/[^a-z0-9_-]/g, "_");
  return `${day}_${safeTag}_incident${nth === 1 ? "" : `_${nth}`}.md`;
}
