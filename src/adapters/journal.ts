/** The journal in Workers KV and, next to it, on this machine. It warns; it never fails an action. */
import * as z from "zod";
import { anySignal, unlessAborted } from "../domain/lib/abort.ts";
import {
  JOURNAL_PREFIX,
  JOURNAL_TTL_S,
  type JournalEntry,
  journalKey,
  parseJournalEntry,
} from "../domain/state/journal.ts";
import type { Journal } from "../ports/api.ts";
import type { Clock } from "../ports/machine.ts";
import { createClock } from "./clock.ts";
import { ApiFailure, callApi, parseJson, resultOf } from "./cloudflare-call.ts";
import { type KvPlace, namespacePath, putValue } from "./cloudflare-store.ts";
import { localJournal } from "./local-journal.ts";
import { remoteText } from "./redact.ts";
import { formerFolder, type StatePlace, stateFolder } from "./state-folder.ts";

export interface JournalOptions extends KvPlace, StatePlace {
  clock?: Clock;
  limits?: Partial<JournalLimits>;
}

interface JournalLimits {
  /** For one KV call. */
  callMs: number;
  /** For all KV calls of one `append` or `recent`. */
  remoteMs: number;
  /** For the file: a network home may hang. */
  localMs: number;
}

const LIMITS: JournalLimits = { callMs: 5_000, remoteMs: 10_000, localMs: 2_000 };

/** Entries expire after 400 days: no month before these can hold one. */
const MONTHS = 14;
const PAGE = 1_000;
/** Per month: ten thousand changes. */
const MAX_PAGES = 10;
const BULK = 100;

export function createJournal(options: JournalOptions): Journal {
  const clock = options.clock ?? createClock();
  const limits = { ...LIMITS, ...options.limits };
  const local = localJournal(stateFolder(options));
  const former = localJournal(formerFolder(options));
  const remoteSignal = (signal: AbortSignal): AbortSignal =>
    anySignal([signal, clock.timeout(limits.remoteMs)]);
  return {
    append: (entry, { signal }) =>
      problems("journal in KV", appendRemote(options, entry, remoteSignal(signal), limits.callMs)),
    appendHere: (entry) =>
      problems(
        `journal ${local.path}`,
        within(clock, limits.localMs, local.append(JSON.stringify(entry))),
      ),
    async recent(limit, { signal }) {
      const [remote, file] = await Promise.allSettled([
        readRemote(options, limit, clock.now(), remoteSignal(signal), limits.callMs),
        within(clock, limits.localMs, Promise.all([local.tail(), former.tail().catch(() => [])])),
      ]);
      const warnings: string[] = [];
      if (remote.status === "rejected") warnings.push(`journal in KV: ${words(remote.reason)}`);
      else warnings.push(...remote.value.warnings);
      if (file.status === "rejected") warnings.push(`journal ${local.path}: ${words(file.reason)}`);
      const kv = remote.status === "fulfilled" ? parsed(remote.value.values) : NOTHING;
      const [here, before] = file.status === "fulfilled" ? file.value.map(parsed) : [];
      const disk = here ?? NOTHING;
      const old = oursIn(before ?? NOTHING, options.namespaceId);
      const corrupt = kv.corrupt + disk.corrupt;
      if (corrupt > 0) warnings.push(`journal: skipped ${corrupt} unreadable entries`);
      return { entries: merge(kv.entries, [...old, ...disk.entries], limit), warnings };
    },
  };
}

async function problems(where: string, work: Promise<void>): Promise<string[]> {
  return work.then(
    () => [],
    (error: unknown) => [`${where}: ${words(error)}`],
  );
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

interface RemoteValues {
  values: string[];
  warnings: string[];
}

async function readRemote(
  place: KvPlace,
  limit: number,
  nowMs: number,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<RemoteValues> {
  const reader = { place, signal, timeoutMs };
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

interface Reader {
  place: KvPlace;
  signal: AbortSignal;
  timeoutMs: number;
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
  const keys = keysSchema.safeParse(resultOf(place.client, call, answer));
  if (!keys.success) throw new ApiFailure("unavailable", "list the journal: unexpected answer");
  const info = pageInfoSchema.safeParse(parseJson(answer.text));
  const next = info.success ? (info.data.result_info?.cursor ?? "") : "";
  return { keys: keys.data.map((key) => key.name), cursor: next === "" ? null : next };
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
  const bulk = bulkSchema.safeParse(result);
  if (!bulk.success) throw new ApiFailure("unavailable", "read the journal: unexpected answer");
  return Object.values(bulk.data.values).filter((value) => typeof value === "string");
}

interface ParsedEntries {
  entries: JournalEntry[];
  corrupt: number;
}

const NOTHING: ParsedEntries = { entries: [], corrupt: 0 };

function parsed(values: readonly string[]): ParsedEntries {
  const entries = values.map(parseJournalEntry).filter((entry) => entry !== null);
  return { entries, corrupt: values.length - entries.length };
}

/** Of a file by an environment's name: a name may have meant several namespaces. */
function oursIn({ entries }: ParsedEntries, namespaceId: string): JournalEntry[] {
  const alone = entries.every(({ namespace }) => namespace === null || namespace === namespaceId);
  return entries.filter(({ namespace }) =>
    namespace === null ? alone : namespace === namespaceId,
  );
}

/** KV wins over the file for the same id; oldest first, the newest `limit`. */
function merge(
  kv: readonly JournalEntry[],
  disk: readonly JournalEntry[],
  limit: number,
): JournalEntry[] {
  const byId = new Map([...disk, ...kv].map((entry) => [entry.id, entry]));
  const key = (entry: JournalEntry): string => journalKey(entry);
  const sorted = [...byId.values()].sort((a, b) =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0,
  );
  return limit <= 0 ? [] : sorted.slice(-limit);
}

/** The work itself cannot be cancelled; it is only waited for no longer. */
function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T> {
  return unlessAborted(work, clock.timeout(limitMs), () => {
    throw new Error(`no answer within ${limitMs / 1000} s`);
  });
}

/** ApiFailures are redacted already; a file error names its path and code. */
function words(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return FILE_WORDS[error.code] ?? error.code;
  }
  return remoteText((text) => text, error instanceof Error ? error.message : String(error), 300);
}

const FILE_WORDS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "the folder cannot be made",
  ENOTDIR: "part of the path is not a folder",
  EISDIR: "is a folder",
  ENOTFILE: "is not a regular file",
  ENXIO: "is not a regular file",
  EDQUOT: "the disk quota is used up",
};
