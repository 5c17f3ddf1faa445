/** The changes of state that logs are compared with, and the spans of time between them. */
import { hadNoEffect, type JournalEntry } from "../state/journal.ts";

export interface StateChange {
  atMs: number;
  command: string;
  /** ULID of the configuration that it wrote; null when there is none. */
  revision: string | null;
}

/** More are not told apart: an incident has a handful. */
export const MAX_CHANGES = 8;

/** The newest changes, oldest first; what was only requested is none. */
export function changesOf(entries: readonly JournalEntry[]): StateChange[] {
  return entries
    .filter((entry) => entry.event === undefined && !hadNoEffect(entry))
    .map((entry) => ({
      atMs: Date.parse(entry.at),
      command: entry.command,
      revision: entry.revision,
    }))
    .filter(({ atMs }) => !Number.isNaN(atMs))
    .sort((a, b) => a.atMs - b.atMs)
    .slice(-MAX_CHANGES);
}

/** Which span: 0 before the first change, n after the n-th. Null for a line without a time. */
export function spanOf(changes: readonly StateChange[], ms: number | null): number | null {
  if (ms === null) return null;
  let span = changes.length;
  while (span > 0 && ms < (changes[span - 1]?.atMs ?? 0)) span -= 1;
  return span;
}

/** What KV promises: a location may serve the old value for 60 s; isolates hold state for 6 s and a read more. */
const LATE_MS = 67_000;

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/**
 * Whether a line was decided with an older configuration than a location should have had by then.
 * Revisions are ULIDs: they sort by time. Null when that cannot be told.
 */
export function isLate(
  changes: readonly StateChange[],
  span: number | null,
  line: { ms: number | null; revision: string | null },
): boolean | null {
  const change = span === null ? undefined : changes[span - 1];
  if (change === undefined || change.revision === null) return null;
  if (line.ms === null || line.revision === null || !ULID.test(line.revision)) return null;
  if (!ULID.test(change.revision) || line.ms < change.atMs + LATE_MS) return null;
  return line.revision < change.revision;
}
