/** The rollout over time: the share as steps, as the journal tells it, and each change with who, what, why and proof. */
import { timeOf } from "../lib/time.ts";
import { emergencyAtS, timeOfCapS } from "../situation/since.ts";
import { changeText, proofText } from "../state/entry-text.ts";
import type { JournalEntry, Snapshot } from "../state/journal.ts";
import { hadNoEffect } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";
import type { ChangeMark, Plot } from "./document.ts";
import type { Range } from "./range.ts";
import { MOST_ENTRIES } from "./range.ts";

export interface Timeline {
  plot: Plot;
  marks: ChangeMark[];
  /** Older entries of the range were not read. */
  cut: boolean;
}

interface Told {
  /** In order of time. */
  entries: readonly JournalEntry[];
  /** The share in force, for where the journal says nothing; null: not known. */
  present: Present | null;
}

export function timelineOf({ window }: Range, nowS: number, { entries, present }: Told): Timeline {
  const { fromS, toS } = window;
  const isInside = (entry: JournalEntry): boolean => atS(entry) >= fromS && atS(entry) < toS;
  const changes = entries.filter((entry) => !hadNoEffect(entry));
  const before = changes.findLast((entry) => atS(entry) < fromS)?.after;
  const cut = before === undefined && entries.length >= MOST_ENTRIES;
  const first = changes.find((entry) => atS(entry) >= fromS);
  const silent = before === undefined && first === undefined && !cut;
  const known = shareOf(before ?? (cut ? null : (first?.before ?? null)));
  const isOlder = silent && present !== null && present.sinceS <= fromS;
  const steps: (readonly [number, number | null])[] = [
    [fromS, isOlder ? present.percent : known],
    ...changes.filter(isInside).map((entry) => [atS(entry), shareOf(entry.after)] as const),
  ];
  const [lastS, last] = steps.at(-1) ?? [fromS, null];
  // Changed by hand, or so lately that the journal does not show it here yet.
  if (
    present !== null &&
    present.sinceS > lastS &&
    present.sinceS < toS &&
    present.percent !== last
  ) {
    steps.push([present.sinceS, present.percent]);
  }
  const [endS, end] = steps.at(-1) ?? [fromS, null];
  steps.push([Math.max(Math.min(nowS, toS), endS), end]);
  const share = { name: "share of new visitors", cohort: null, kind: "set" } as const;
  const plot: Plot = {
    unit: "%",
    t: steps.map(([t]) => t),
    curves: [{ ...share, values: steps.map(([, value]) => value) }],
  };
  return { plot, marks: entries.filter(isInside).map(markOf), cut };
}

function atS({ at }: JournalEntry): number {
  return timeOf(at) / 1_000;
}

interface Present {
  /** A stop is 0 %. */
  percent: number;
  /** Seconds since the epoch. */
  sinceS: number;
}

/** Null where it, or since when it is in force, cannot be read. */
export function presentShare(state: ParsedState | null): Present | null {
  if (state === null) return null;
  const isStopped = isEmergency(state);
  if (!isStopped && state.config.kind !== "valid") return null;
  const config = state.config.kind === "valid" ? state.config.value : null;
  const sinceS = isStopped
    ? emergencyAtS(state)
    : Math.max(timeOf(config?.last_updated) / 1_000, timeOfCapS(state));
  const percent = isStopped ? 0 : (config?.canary_percent ?? 0);
  return Number.isFinite(sinceS) ? { percent, sinceS } : null;
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
