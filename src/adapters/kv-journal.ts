/** The journal's half in Workers KV: one key per entry, listed newest first. */
import * as z from "zod";
import {
  JOURNAL_PREFIX,
  JOURNAL_TTL_S,
  type JournalEntry,
  journalKey,
} from "../domain/state/journal.ts";
import { ApiFailure, callApi, parsed, parseJson, resultOf } from "./cloudflare-call.ts";
import { type KvPlace, namespacePath, putValue } from "./cloudflare-store.ts";
import { journalWords as words } from "./journal-words.ts";

/** Entries expire after 400 days: no month before these can hold one. */
const MONTHS = 14;
const PAGE = 1_000;
/** Per month: ten thousand changes. */
const MAX_PAGES = 10;
const BULK = 100;

export interface KvCall {
  /** For all its requests. */
  signal: AbortSignal;
  /** For each. */
  timeoutMs: number;
}

interface RemoteValues {
  values: string[];
  warnings: string[];
}

/** Its methods throw. */
export interface KvJournal {
  append(entry: JournalEntry, call: KvCall): Promise<void>;
  /** The newest `limit` entries, as text. */
  recent(limit: number, nowMs: number, call: KvCall): Promise<RemoteValues>;
}

export function kvJournal(place: KvPlace): KvJournal {
  return {
    append: (entry, { signal, timeoutMs }) => appendRemote(place, entry, signal, timeoutMs),
    recent: (limit, nowMs, call) => readRemote({ place, ...call }, limit, nowMs),
  };
}

/** The key names the entry and the value is the same each time, so repeating is harmless. */
async function appendRemote(
  place: KvPlace,
  entry: JournalEntry,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<void> {
  const write = (): Promise<void> =>
    putValue(place, journalKey(entry), JSON.stringify(entry), {
      signal,
      timeoutMs,
      ttlS: JOURNAL_TTL_S,
    });
  await write().catch(async (error: unknown) => {
    const mayHelp =
      error instanceof ApiFailure && (error.kind === "unavailable" || error.kind === "ambiguous");
    if (!mayHelp || signal.aborted) throw error;
    await write();
  });
}

async function readRemote(reader: Reader, limit: number, nowMs: number): Promise<RemoteValues> {
  const { keys, warnings } = await newestKeys(reader, limit, nowMs);
  const values: string[] = [];
  for (let start = 0; start < keys.length; start += BULK) {
    try {
      values.push(...(await bulkGet(reader, keys.slice(start, start + BULK))));
    } catch (error) {
      // What has been read is worth more than nothing; the newest were asked for first.
      warnings.push(`journal in KV, not all entries: ${words(error)}`);
      break;
    }
  }
  return { values, warnings };
}

interface Reader extends KvCall {
  place: KvPlace;
}

/**
 * Newest first. KV lists upwards only: one page usually holds the whole journal; a longer one is
 * read month by month, backwards, until there are enough.
 */
async function newestKeys(
  reader: Reader,
  limit: number,
  nowMs: number,
): Promise<{ keys: string[]; warnings: string[] }> {
  const all = await listPage(reader, JOURNAL_PREFIX, null);
  if (all.cursor === null) return { keys: newest(all.keys, limit), warnings: [] };
  const keys: string[] = [];
  const warnings: string[] = [];
  for (const prefix of monthPrefixes(nowMs)) {
    let cursor: string | null = null;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const part = await listPage(reader, prefix, cursor);
      keys.push(...part.keys);
      cursor = part.cursor;
      if (cursor === null) break;
    }
    if (cursor !== null) warnings.push(`journal in KV: ${prefix} is too long to list completely`);
    if (keys.length >= limit) break;
  }
  return { keys: newest(keys, limit), warnings };
}

function newest(keys: readonly string[], limit: number): string[] {
  return [...new Set(keys)].sort().reverse().slice(0, limit);
}

/** From tomorrow's month (another clock may be ahead) backwards. */
function monthPrefixes(nowMs: number): string[] {
  const from = new Date(nowMs + 86_400_000);
  return Array.from({ length: MONTHS + 1 }, (_, back) => {
    const month = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() - back, 1));
    return `${JOURNAL_PREFIX}${month.toISOString().slice(0, 7)}`;
  });
}

const keysSchema = z.array(z.object({ name: z.string().max(512) }));
const pageInfoSchema = z.object({
  result_info: z.object({ cursor: z.string().nullish() }).nullish(),
});

async function listPage(
  { place, signal, timeoutMs }: Reader,
  prefix: string,
  cursor: string | null,
): Promise<{ keys: string[]; cursor: string | null }> {
  const call = {
    what: "list the journal",
    method: "get" as const,
    path: `${namespacePath(place)}/keys`,
    query: { prefix, limit: PAGE, ...(cursor === null ? {} : { cursor }) },
    signal,
    timeoutMs,
  };
  const answer = await callApi(place.client, call);
  const keys = parsed(call.what, keysSchema, resultOf(place.client, call, answer));
  const info = pageInfoSchema.safeParse(parseJson(answer.text));
  const next = info.success ? (info.data.result_info?.cursor ?? "") : "";
  return { keys: keys.map((key) => key.name), cursor: next === "" ? null : next };
}

const bulkSchema = z.object({ values: z.record(z.string(), z.unknown()) });

async function bulkGet({ place, signal, timeoutMs }: Reader, keys: string[]): Promise<string[]> {
  const call = {
    what: "read the journal",
    method: "post" as const,
    path: `${namespacePath(place)}/bulk/get`,
    body: { text: JSON.stringify({ keys, type: "text" }), type: "application/json" as const },
    signal,
    timeoutMs,
  };
  const result = resultOf(place.client, call, await callApi(place.client, call));
  const { values } = parsed(call.what, bulkSchema, result);
  return Object.values(values).filter((value) => typeof value === "string");
}
