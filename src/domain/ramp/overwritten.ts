/** What the journal shows of a change that a ramp has written over without having seen it. */

import { timeOf } from "../lib/time.ts";
import type { JournalEntry } from "../state/journal.ts";
import { isoSeconds } from "../text/format.ts";
import type { Covered } from "./advance.ts";
import type { RampDocument } from "./document.ts";

/** Of laptops: an entry that was not there when the ramp began may be dated before it by this much. */
const CLOCKS_MS = 3_600_000;

/**
 * The newest foreign change since this ramp began, while the ramp's own config is what is stored: it was
 * written after the ramp's last look and before its write. What the journal held before is known by its ids:
 * a laptop whose clock is ahead dates entries later than the ramp. `entries` in order of time.
 */
export function coveredBy(ramp: RampDocument, entries: readonly JournalEntry[]): Covered | null {
  const known = new Set(ramp.known_entries);
  const fromMs = timeOf(ramp.started_at) - (known.size > 0 ? CLOCKS_MS : 0);
  const own = new Set([ramp.base.revision, ...ramp.plan.map(({ revision }) => revision)]);
  const foreign = entries.findLast(
    (entry) =>
      timeOf(entry.at) >= fromMs &&
      !known.has(entry.id) &&
      entry.command !== "ramp" &&
      !own.has(entry.revision) &&
      entry.after.emergency === false &&
      entry.after.percent !== null &&
      changed(entry),
  );
  if (foreign === undefined) return null;
  const { actor, command, reason, after } = foreign;
  const said = reason === null ? "" : ` ("${reason}")`;
  return {
    by: actor,
    percent: after.percent ?? 0,
    why: `${command} to ${after.percent} % at ${isoSeconds(foreign.at)}${said}`,
  };
}

function changed({ before, after }: JournalEntry): boolean {
  return before?.percent !== after.percent || before.emergency !== after.emergency;
}
