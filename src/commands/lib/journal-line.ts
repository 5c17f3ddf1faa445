/** One journal entry on one line. */

import { changeText, proofText } from "../../domain/state/entry-text.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import { hadNoEffect } from "../../domain/state/journal.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { timeWithAge } from "./format.ts";

export function entryLine(entry: JournalEntry, nowMs: number): string {
  const told = toldOnly(entry);
  if (told !== null) {
    return escapeForTerminal(`${timeWithAge(entry.at, nowMs)}  ${told}`);
  }
  const [note = ""] = entry.notes;
  const incident = entry.incident === null ? "" : ` [${entry.incident}]`;
  const reason = entry.reason === null ? "" : ` "${entry.reason}"`;
  const who = `${entry.actor}${incident}${reason}`;
  const change = hadNoEffect(entry)
    ? `${note || "nothing written"}  ${who}`
    : `${changeText(entry)}  ${who}  (${proofText(entry)})`;
  const command = taken(entry) ? `${entry.command} --via ${entry.rung?.via}` : entry.command;
  return escapeForTerminal(`${timeWithAge(entry.at, nowMs)}  ${command}  ${change}`);
}

function taken({ rung }: JournalEntry): boolean {
  return rung?.action === "taken";
}

/** An entry that changed nothing says what happened, such as how a ramp ended. */
function toldOnly({ command, before, after, notes }: JournalEntry): string | null {
  const same = before?.percent === after.percent && before.emergency === after.emergency;
  return command === "ramp" && same ? (notes[0] ?? null) : null;
}
