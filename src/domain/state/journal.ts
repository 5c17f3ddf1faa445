/** The trace that every change leaves: one entry per command, in KV and in the local journal. */
import * as z from "zod";
import { eventSchema } from "../incident/event.ts";
import { rungSchema } from "../ladder/rung.ts";
import { once } from "../lib/lazy.ts";
import { readDocument } from "../lib/read-document.ts";
import type { ParsedState } from "./state.ts";
import { isEmergency } from "./state.ts";

export const JOURNAL_PREFIX = "journal/";
export const JOURNAL_TTL_S = 400 * 86_400;
/** What is longer is no entry of ours. */
export const MAX_ENTRY_CHARS = 65_536;

export const journalEntrySchema = once(() => {
  const text = z.string().max(2_000);

  /** One side of a change; null parts are unknown. */
  const snapshot = z.object({
    percent: z.number().nullable(),
    emergency: z.boolean().nullable(),
    revision: text.nullable(),
  });

  return z.object({
    schema: z.literal(1),
    id: text,
    at: text,
    command: text,
    actor: text,
    host: text,
    reason: text.nullable(),
    incident: text.nullable(),
    /** Null when the command wrote without reading first. */
    before: snapshot.nullable(),
    after: snapshot,
    revision: text.nullable(),
    /** How far the change was seen when the command ended. */
    verification: z.object({
      outcome: z.enum(["live", "stored", "written", "unknown", "interrupted"]),
      locations: z.array(text),
      elapsed_ms: z.number(),
    }),
    /** E.g. which failed checks were overridden with --force. */
    notes: z.array(text).default([]),
    tool: text,
    /** The KV namespace that was changed: a name like `staging` may move to another one. */
    namespace: text.nullable().default(null),
    /** Of an incident that was opened, noted or closed; such an entry changed no state. */
    event: eventSchema(),
    /** Of `not-aus --via`, and of the `restore` that undid it. One that cannot be read is no rung. */
    rung: rungSchema().optional().catch(undefined),
  });
});

export type JournalEntry = z.output<ReturnType<typeof journalEntrySchema>>;
export type Snapshot = JournalEntry["after"];
/** After a command that changed nothing: its first note says why. */
export const NO_CHANGE: Snapshot = { percent: null, emergency: null, revision: null };

export function hadNoEffect({ after }: Pick<JournalEntry, "after">): boolean {
  return after.percent === null && after.emergency === null && after.revision === null;
}

/** The parts of an entry that say who made the change, with what, and why. */
export type Signature = Pick<
  JournalEntry,
  "actor" | "host" | "reason" | "incident" | "tool" | "namespace"
>;

/** What a stored state means for people, for the journal and for before → after tables. */
export function snapshotOf(state: ParsedState): Snapshot {
  const config = state.config.kind === "valid" ? state.config.value : null;
  return {
    percent: config?.canary_percent ?? null,
    emergency: isEmergency(state),
    revision: config?.revision ?? null,
  };
}

/** Of entries that the Worker makes: its guardian's, and of stops that it took. */
export const WORKER_TOOL = "pixcanary worker";

/** Keys sort by time. `at` is RFC 3339 UTC, so they also list by day and month prefix. */
export function journalKey(entry: Pick<JournalEntry, "at" | "id">): string {
  return `${JOURNAL_PREFIX}${entry.at}-${entry.id}`;
}

export function parseJournalEntry(value: string): JournalEntry | null {
  return readDocument(value, journalEntrySchema(), MAX_ENTRY_CHARS);
}
