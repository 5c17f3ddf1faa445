/** What the journal shows of a change that a ramp has written over without having seen it. */
import type { JournalEntry } from "./journal.ts";
import { timeOf } from "./memory.ts";
import type { Covered } from "./ramp.ts";
import type { RampDocument } from "./ramp-document.ts";

/**
 * The newest foreign change since this ramp began, while the ramp's own config is what is stored: it was
 * written after the ramp's last look and before its write. `entries` in order of time.
 */
export function coveredBy(ramp: RampDocument, entries: readonly JournalEntry[]): Covered | null {
  const startedMs = timeOf(ramp.started_at);
  const own = new Set([ramp.base.revision, ...ramp.plan.map(({ revision }) => revision)]);
  const foreign = entries.findLast(
    (entry) =>
      timeOf(entry.at) >= startedMs &&
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
    why: `${command} to ${after.percent} % at ${foreign.at}${said}`,
  };
}

function changed({ before, after }: JournalEntry): boolean {
  return before?.percent !== after.percent || before.emergency !== after.emergency;
}
