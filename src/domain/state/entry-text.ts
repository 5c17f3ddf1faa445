/** What an entry of the journal changed and how far that was proved, in a few words. Not escaped. */
import { seconds, share } from "../text/format.ts";
import type { JournalEntry, Snapshot } from "./journal.ts";

/** "10 % → STOP"; "?" where nothing was read before. */
export function changeText({ before, after }: Pick<JournalEntry, "before" | "after">): string {
  return `${before === null ? "?" : shareOrStop(before)} → ${shareOrStop(after)}`;
}

/** "live at FRA, AMS in 2.50 s". */
export function proofText({ verification }: Pick<JournalEntry, "verification">): string {
  const { outcome, locations, elapsed_ms: elapsedMs } = verification;
  if (locations.length > 0) return `${outcome} at ${locations.join(", ")} in ${seconds(elapsedMs)}`;
  return outcome === "unknown" ? "not known to be written" : outcome;
}

function shareOrStop({ emergency, percent }: Pick<Snapshot, "emergency" | "percent">): string {
  return emergency === true ? "STOP" : share(percent);
}
