/** The open incident, as this machine's journal knows it: asked by every change, so it costs one file and no request. */
import { openIncidentIn } from "../domain/incident/event.ts";
import { type JournalEntry, parseJournalEntry } from "../domain/state/journal.ts";
import type { LocalFile } from "./local-journal.ts";

/** As `JSON.stringify` writes it. Most lines are of changes, and need not be parsed. */
const MARK = '"event":{';

export async function localOpenIncident(local: Pick<LocalFile, "tail">): Promise<string | null> {
  const lines = await local.tail();
  const entries = lines.filter((line) => line.includes(MARK)).map(parseJournalEntry);
  return openIncidentIn(entries.filter((entry) => entry !== null).toSorted(byTime));
}

/** What another machine has opened, noted or closed is known here from this time on. */
export async function adopt(
  local: LocalFile,
  kv: readonly JournalEntry[],
  here: readonly JournalEntry[],
): Promise<void> {
  const known = new Set(here.map(({ id }) => id));
  for (const entry of kv) {
    if (entry.event === undefined || known.has(entry.id)) continue;
    await local.append(JSON.stringify(entry));
  }
}

function byTime(a: JournalEntry, b: JournalEntry): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0;
}
