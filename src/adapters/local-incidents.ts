/** The open incident, as this machine's journal knows it: asked by every change, so it costs one file and no request. */
import { openIncidentIn, openIncidentsIn } from "../domain/incident/event.ts";
import { type JournalEntry, parseJournalEntry } from "../domain/state/journal.ts";
import type { LocalFile } from "./local-journal.ts";

/** As `JSON.stringify` writes it. Most lines are of changes, and need not be parsed. */
const MARK = '"event":{';

export async function localOpenIncident(local: Pick<LocalFile, "tail">): Promise<string | null> {
  const lines = await local.tail();
  const entries = lines.filter((line) => line.includes(MARK)).map(parseJournalEntry);
  return openIncidentIn(entries.filter((entry) => entry !== null).toSorted(byTime));
}

/** A note of 1,000 characters stands in its entry twice: what is longer than this, pixcanary did not write. */
const MAX_ENTRY_BYTES = 8_192;
/** An eighth of the tail that is read: the operator's own entries are never pushed out of it. */
const MAX_ADOPTED_BYTES = 128 * 1024;
/** Of that, what notes leave to what opens and closes incidents. */
const NOT_FOR_NOTES_BYTES = 64 * 1024;
/** Ends each line that is not of this machine. A version that does not know it passes it over. */
const ADOPTED = ',"adopted":true}';

/** The tail of the file. */
export interface Here {
  entries: readonly JournalEntry[];
  lines: readonly string[];
}

/**
 * What another machine has opened, noted or closed is known here from this time on. Who can write the KV can
 * forge such entries without end: what was adopted before takes the place of more until the operator's own
 * entries have moved it out of the tail. What closes an incident that is open here always has room.
 */
export async function adopt(
  local: LocalFile,
  kv: readonly JournalEntry[],
  here: Here,
): Promise<void> {
  const known = new Set(here.entries.map(({ id }) => id));
  const adopted = here.lines.filter((line) => line.endsWith(ADOPTED));
  let room = MAX_ADOPTED_BYTES - adopted.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
  const openHere = new Set(openIncidentsIn(here.entries));
  for (const entry of kv.toSorted(byTime).reverse()) {
    const { event, incident } = entry;
    if (event === undefined || known.has(entry.id)) continue;
    const line = `${JSON.stringify(entry).slice(0, -1)}${ADOPTED}`;
    const bytes = Buffer.byteLength(line);
    const ends = event.kind === "closed" && openHere.delete(incident ?? "");
    const mayTake = event.kind === "noted" ? room - NOT_FOR_NOTES_BYTES : room;
    if (bytes > MAX_ENTRY_BYTES || (bytes > mayTake && !ends)) continue;
    room -= bytes;
    await local.append(line);
  }
}

function byTime(a: JournalEntry, b: JournalEntry): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0;
}
