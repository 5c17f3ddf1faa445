/** One journal entry on one line. */

import type { JournalEntry } from "../../domain/state/journal.ts";
import { hadNoEffect } from "../../domain/state/journal.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { seconds, share, timeWithAge } from "./format.ts";

export function entryLine(entry: JournalEntry, nowMs: number): string {
  const told = toldOnly(entry);
  if (told !== null) {
    return escapeForTerminal(`${timeWithAge(entry.at, nowMs)}  ${told}`);
  }
  const [note = ""] = entry.notes;
  const from = entry.before === null ? "?" : shareOrStop(entry.before);
  const incident = entry.incident === null ? "" : ` [${entry.incident}]`;
  const reason = entry.reason === null ? "" : ` "${entry.reason}"`;
  const who = `${entry.actor}${incident}${reason}`;
  const { outcome, locations, elapsed_ms: elapsedMs } = entry.verification;
  const proof = outcome === "unknown" ? "not known to be written" : outcome;
  const seen =
    locations.length === 0
      ? proof
      : `${outcome} at ${locations.join(", ")} in ${seconds(elapsedMs)}`;
  const change = hadNoEffect(entry)
    ? `${note || "nothing written"}  ${who}`
    : `${from} → ${shareOrStop(entry.after)}  ${who}  (${seen})`;
  return escapeForTerminal(`${timeWithAge(entry.at, nowMs)}  ${entry.command}  ${change}`);
}

/** An entry that changed nothing says what happened, such as how a ramp ended. */
function toldOnly({ command, before, after, notes }: JournalEntry): string | null {
  const same = before?.percent === after.percent && before.emergency === after.emergency;
  return command === "ramp" && same ? (notes[0] ?? null) : null;
}

function shareOrStop(side: { percent: number | null; emergency: boolean | null }): string {
  return side.emergency === true ? "STOP" : share(side.percent);
}
