/** The rollout over time: the share as steps, as the journal tells it, and each change with who, what, why and proof. */
import { timeOf } from "../lib/time.ts";
import { changeText, proofText } from "../state/entry-text.ts";
import type { JournalEntry, Snapshot } from "../state/journal.ts";
import { hadNoEffect } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";
import type { ChangeMark, Plot } from "./document.ts";
import type { Range } from "./range.ts";

/** `entries` in order of time. `present`: the share in force, for where the journal says nothing; null: not known. */
export function timelineOf(
  { window }: Range,
  nowS: number,
  { entries, present }: { entries: readonly JournalEntry[]; present: Present | null },
): { plot: Plot; marks: ChangeMark[] } {
  const atS = ({ at }: JournalEntry): number => timeOf(at) / 1_000;
  const changes = entries.filter((entry) => !hadNoEffect(entry));
  const inside = changes.filter((entry) => atS(entry) >= window.fromS && atS(entry) < window.toS);
  const before = changes.findLast((entry) => atS(entry) < window.fromS)?.after;
  const t = [window.fromS];
  const silent = before === undefined && inside.length === 0 ? present : null;
  const values = [silent?.percent ?? shareOf(before ?? inside[0]?.before ?? null)];
  if (silent !== null && silent.sinceS > window.fromS && silent.sinceS < window.toS) {
    t.push(silent.sinceS);
    values.splice(0, 1, null, silent.percent);
  }
  for (const entry of inside) {
    t.push(atS(entry));
    values.push(shareOf(entry.after));
  }
  const endS = Math.max(Math.min(nowS, window.toS), t.at(-1) ?? 0);
  const share = { name: "share of new visitors", cohort: null, kind: "set" } as const;
  const plot: Plot = {
    unit: "%",
    t: [...t, endS],
    curves: [{ ...share, values: [...values, values.at(-1) ?? null] }],
  };
  const shown = entries.filter((entry) => atS(entry) >= window.fromS && atS(entry) < window.toS);
  return { plot, marks: shown.map(markOf) };
}

interface Present {
  /** A stop is 0 %. */
  percent: number;
  /** Seconds since the epoch. */
  sinceS: number;
}

/** Null where nothing readable is stored. */
export function presentShare(state: ParsedState | null): Present | null {
  if (state?.config.kind !== "valid") return null;
  const { canary_percent: stored, last_updated: at } = state.config.value;
  const sinceS = timeOf(at) / 1_000;
  return Number.isFinite(sinceS) ? { percent: isEmergency(state) ? 0 : stored, sinceS } : null;
}

/** A stop is 0 %. */
function shareOf(side: Snapshot | null): number | null {
  return side?.emergency === true ? 0 : (side?.percent ?? null);
}

function markOf(entry: JournalEntry): ChangeMark {
  const [note] = entry.notes;
  const change = hadNoEffect(entry) ? (note ?? "nothing changed") : changeText(entry);
  return {
    id: entry.id,
    at: entry.at,
    who: entry.actor,
    what: `${entry.command}: ${change}`,
    why: entry.reason,
    proof: proofText(entry),
  };
}
