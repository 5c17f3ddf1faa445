/**
 * What a ramp leaves in the journal, whoever carries it out: one entry per step, one for its end or its pause, and one
 * for each request of a person, whether anybody obeys it or not.
 */
import { timeOf } from "../lib/time.ts";
import type { JournalEntry, Signature } from "../state/journal.ts";
import { NO_CHANGE, snapshotOf } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import type { RampControl, RampDocument } from "./document.ts";

/**
 * Written again after a crash, it is the same entry: its id is the step's revision, its time the config's.
 * Null before the first step.
 */
export function stepEntry(
  ramp: RampDocument,
  outcome: "live" | "stored",
  signature: Signature,
): JournalEntry | null {
  const step = ramp.plan[ramp.step];
  if (step === undefined || ramp.written_at === null) return null;
  const { percent, revision } = ramp.plan[ramp.step - 1] ?? ramp.base;
  const liveMs = timeOf(ramp.live_at ?? undefined) - timeOf(ramp.written_at);
  return {
    ...signature,
    schema: 1,
    command: "ramp",
    id: step.revision,
    at: ramp.written_at,
    before: { percent, emergency: false, revision },
    after: { percent: step.percent, emergency: false, revision: step.revision },
    revision: step.revision,
    verification: {
      outcome,
      locations: [],
      elapsed_ms: Number.isFinite(liveMs) ? Math.max(0, liveMs) : 0,
    },
    notes: [
      `step ${ramp.step + 1}/${ramp.plan.length} of ramp ${ramp.id}`,
      ...(ramp.gates ? [] : ["forced: no gates"]),
    ],
  };
}

/**
 * Changes nothing by itself: before and after are what is stored, and no revision was written. `state`: null where
 * it cannot be read.
 */
export function endEntry(
  ramp: RampDocument,
  state: ParsedState | null,
  signature: Signature,
): JournalEntry {
  const { at, by, why } = ramp.ended ??
    ramp.paused ?? { at: ramp.updated_at, by: ramp.by, why: "" };
  const present = state === null ? NO_CHANGE : snapshotOf(state);
  const how = ramp.ended?.keep === true ? `${ramp.state}, share kept` : ramp.state;
  return {
    ...signature,
    schema: 1,
    command: "ramp",
    id: `${ramp.id}-${ramp.state}`,
    at,
    before: present,
    after: present,
    revision: null,
    verification: { outcome: "stored", locations: [], elapsed_ms: 0 },
    notes: [`ramp ${how}: ${why} (${by})`.slice(0, 1_000)],
  };
}

/** What came of it, if anything did, the ramp's own document and its end tell. Repeated, it is the same entry. */
export function requestEntry(
  { id, at, by, want, reason, keep = false }: RampControl,
  outcome: "written" | "unknown",
  signature: Signature,
): JournalEntry {
  const what = `ramp ${want}${keep ? " --keep" : ""} requested`;
  const doubt = outcome === "unknown" ? ", not known to be written" : "";
  return {
    ...signature,
    ...{ schema: 1, command: "ramp", id, at },
    ...{ before: NO_CHANGE, after: NO_CHANGE, revision: null },
    verification: { outcome, locations: [], elapsed_ms: 0 },
    notes: [`${what}${doubt}: ${reason ?? "no reason recorded"} (${by})`.slice(0, 1_000)],
  };
}
