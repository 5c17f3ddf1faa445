/**
 * The journal entry of a change, and the notice to people that is made of it. Either may fail with a
 * warning; neither ever fails the change.
 */

import type { JournalEntry, Snapshot } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { tellOthers } from "./notify.ts";

/** Long enough for one slow write; an incident has better things to wait for. */
const LIMIT_MS = 2_000;
/** After Ctrl-C the program leaves within two seconds, and the report comes after this. */
const INTERRUPTED_LIMIT_MS = 500;

export interface Trace {
  command: string;
  id: string;
  before: Snapshot | null;
  after: Snapshot;
  outcome: JournalEntry["verification"]["outcome"];
  locations: readonly string[];
  elapsedMs: number;
  notes?: readonly string[];
  /** When it was made, RFC 3339; now unless given. The same change told twice needs the same time. */
  at?: string;
  /** Nothing was written: it is journaled that somebody tried, and nobody is told. */
  unwritten?: boolean;
  /** A stop was released although none was stored. */
  released?: boolean;
}

export async function leaveTrace(ports: Ports, input: CommonInput, trace: Trace): Promise<void> {
  const entry: JournalEntry = {
    schema: 1,
    id: trace.id,
    at: trace.at ?? new Date(ports.clock.now()).toISOString(),
    command: trace.command,
    actor: ports.identity.actor,
    host: ports.identity.host,
    reason: input.reason ?? null,
    incident: input.incident ?? null,
    before: trace.before,
    after: trace.after,
    revision: trace.after.revision,
    verification: {
      outcome: trace.outcome,
      locations: [...trace.locations],
      elapsed_ms: Math.round(trace.elapsedMs),
    },
    notes: [...(trace.notes ?? [])],
    tool: ports.identity.tool,
    namespace: ports.target.namespaceId,
  };
  const limitMs = ports.interrupt.aborted ? INTERRUPTED_LIMIT_MS : LIMIT_MS;
  const [warnings] = await Promise.all([
    ports.journal.append(entry, { signal: ports.clock.timeout(limitMs) }),
    trace.unwritten === true
      ? undefined
      : tellOthers(ports, entry, { limitMs, released: trace.released === true }),
  ]);
  for (const warning of warnings) ports.progress.warn(warning);
}

/** What a stored state means for people, for the journal and for before → after tables. */
export function snapshotOf(state: ParsedState): Snapshot {
  const config = state.config.kind === "valid" ? state.config.value : null;
  return {
    percent: config?.canary_percent ?? null,
    emergency: isEmergency(state),
    revision: config?.revision ?? null,
  };
}
