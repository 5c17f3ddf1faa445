/** The share to go back to after an incident, by the journal. */
import { timeOf } from "../lib/time.ts";
import type { JournalEntry } from "./journal.ts";

const RELIEF = new Set(["not-aus", "reduce", "disable"]);
/** An entry dated further ahead is by a clock that was wrong: nobody knows when it was. */
const AHEAD_MS = 60_000;

export interface ShareBefore {
  percent: number;
  /** RFC 3339; of the entry that says so. */
  at: string;
  actor: string;
}

/**
 * What was configured before the unbroken run of relief commands that ends the journal. The steps of a ramp that
 * did not get to its end were an attempt: what counts is the share that it started from. `entries` in order of
 * time. Null when the journal does not know.
 */
export function shareBeforeIncident(
  entries: readonly JournalEntry[],
  nowMs: number,
): ShareBefore | null {
  const past = entries.filter(({ at }) => timeOf(at) <= nowMs + AHEAD_MS);
  let before: ShareBefore | null = null;
  let inRamp = false;
  for (const entry of past.toReversed()) {
    if (changedNothing(entry)) {
      if (isFinish(entry)) return before ?? shareOf(entry, entry.after.percent);
      continue;
    }
    if (entry.command === "ramp") {
      before = shareOf(entry, entry.before?.percent);
      inRamp = true;
    } else if (inRamp) {
      return before;
    } else if (RELIEF.has(entry.command)) {
      before = shareOf(entry, entry.before?.percent) ?? before;
    } else {
      return before ?? shareOf(entry, entry.after.percent);
    }
  }
  return before;
}

/** Such as the end of a ramp, which is told and leaves everything as it is. */
function changedNothing({ before, after }: JournalEntry): boolean {
  return before?.percent === after.percent && before.emergency === after.emergency;
}

function isFinish({ command, id }: JournalEntry): boolean {
  return command === "ramp" && id.endsWith("-done");
}

/** Null for no share, or one of 0 %. */
function shareOf(
  { at, actor }: JournalEntry,
  percent: number | null | undefined,
): ShareBefore | null {
  return percent && percent > 0 ? { percent, at, actor } : null;
}
