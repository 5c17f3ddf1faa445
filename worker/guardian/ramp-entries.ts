/** What the journal says of a ramp that the cron carries out. */
import { GUARDIAN } from "../../src/domain/guardian/document.ts";
import type { RampDocument } from "../../src/domain/ramp/document.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import type { ParsedState } from "../../src/domain/state/state.ts";
import { isEmergency } from "../../src/domain/state/state.ts";

/** As the attached ramp tells its steps: the same id and the same time, however often it is told. */
export function stepEntry(ramp: RampDocument, host: string): JournalEntry {
  const step = ramp.plan[ramp.step];
  const previous = ramp.plan[ramp.step - 1];
  const liveMs = Date.parse(ramp.live_at ?? "") - Date.parse(ramp.written_at ?? "");
  return {
    ...entryBase(ramp, host),
    id: step?.revision ?? ramp.id,
    at: ramp.written_at ?? ramp.updated_at,
    before: {
      percent: previous?.percent ?? ramp.base.percent,
      emergency: false,
      revision: previous?.revision ?? ramp.base.revision,
    },
    after: { percent: step?.percent ?? null, emergency: false, revision: step?.revision ?? null },
    revision: step?.revision ?? null,
    verification: { outcome: "live", locations: [], elapsed_ms: Math.max(0, liveMs) },
    notes: [`step ${ramp.step + 1}/${ramp.plan.length} of ramp ${ramp.id}`],
  };
}

/** Changes nothing by itself. */
export function endEntry(ramp: RampDocument, state: ParsedState, host: string): JournalEntry {
  const { config } = state;
  const percent = config.kind === "valid" ? config.value.canary_percent : null;
  const present = { percent, emergency: isEmergency(state), revision: null };
  const { at, by, why } = ramp.ended ??
    ramp.paused ?? { at: ramp.updated_at, by: GUARDIAN, why: "" };
  return {
    ...entryBase(ramp, host),
    id: `${ramp.id}-${ramp.state}`,
    at,
    before: present,
    after: present,
    revision: null,
    verification: { outcome: "stored", locations: [], elapsed_ms: 0 },
    notes: [`ramp ${ramp.state}: ${why} (${by})`.slice(0, 1_000)],
  };
}

function entryBase(ramp: RampDocument, host: string) {
  const { reason, incident, by } = ramp;
  const tool = "pixcanary worker";
  return {
    schema: 1 as const,
    command: "ramp",
    actor: by,
    host,
    reason,
    incident,
    tool,
    namespace: null,
  };
}
