/**
 * The journal entry of a change, and the notice to people that is made of it. Either may fail with a
 * warning; neither ever fails the change.
 */

import type { JournalEntry, Signature, Snapshot } from "../../domain/state/journal.ts";
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
  /** Nothing was written: it is journaled that somebody tried, and nobody is told. */
  unwritten?: boolean;
  /** A stop was released although none was stored. */
  released?: boolean;
}

export async function leaveTrace(ports: Ports, input: CommonInput, trace: Trace): Promise<void> {
  const entry: JournalEntry = {
    ...signatureOf(ports, input),
    schema: 1,
    id: trace.id,
    at: new Date(ports.clock.now()).toISOString(),
    command: trace.command,
    before: trace.before,
    after: trace.after,
    revision: trace.after.revision,
    verification: {
      outcome: trace.outcome,
      locations: [...trace.locations],
      elapsed_ms: Math.round(trace.elapsedMs),
    },
    notes: [...(trace.notes ?? [])],
  };
  await recordEntry(ports, entry, trace.unwritten === true ? "none" : "others", trace.released);
}

export function signatureOf(
  { identity, target }: Ports,
  { reason, incident }: CommonInput,
): Signature {
  const { actor, host, tool } = identity;
  const namespace = target.namespaceId;
  return { actor, host, reason: reason ?? null, incident: incident ?? null, tool, namespace };
}

/** `none` where nothing was changed, or where people get a notice of another kind. */
export async function recordEntry(
  ports: Ports,
  entry: JournalEntry,
  told: "others" | "none",
  released = false,
): Promise<void> {
  const limitMs = ports.interrupt.aborted ? INTERRUPTED_LIMIT_MS : LIMIT_MS;
  const [warnings] = await Promise.all([
    ports.journal.append(entry, { signal: ports.clock.timeout(limitMs) }),
    told === "none" ? undefined : tellOthers(ports, entry, { limitMs, released }),
  ]);
  for (const warning of warnings) ports.progress.warn(warning);
}
