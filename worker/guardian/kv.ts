/** What the guardian reads and writes in KV. Reads may be a minute old, each key by itself. */
import { MOST_ENTRIES, type Past } from "../../src/domain/dashboard/range.ts";
import type { GuardianCap } from "../../src/domain/guardian/cap.ts";
import { GUARDIAN_CAP_KEY, serialiseCap } from "../../src/domain/guardian/cap.ts";
import { GUARDIAN_ARM_KEY, GUARDIAN_KEY } from "../../src/domain/guardian/document.ts";
import { RAMP_CONTROL_KEY, RAMP_KEY } from "../../src/domain/ramp/document.ts";
import type { RampShare } from "../../src/domain/ramp/share.ts";
import { RAMP_SHARE_KEY, serialiseRampShare } from "../../src/domain/ramp/share.ts";
import type { StopDocument } from "../../src/domain/state/documents.ts";
import { STOP_KEY, serialiseStop } from "../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import {
  JOURNAL_PREFIX,
  JOURNAL_TTL_S,
  journalKey,
  parseJournalEntry,
} from "../../src/domain/state/journal.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import { rawState, STATE_KEYS } from "../../src/domain/state/state.ts";
import { sleep, withLimit } from "../limit.ts";

/** The least that KV allows. */
const CACHE_TTL_S = 30;
const READ_LIMIT_MS = 5_000;
const WRITE_LIMIT_MS = 5_000;
const WRITE_TRIES = 3;
/** As many as KV reads at once. */
const ENTRIES = MOST_ENTRIES;
/** A thousand keys each. */
const MAX_PAGES = 30;
const DAY_MS = 86_400_000;

export interface GuardianTexts {
  ramp: string | null;
  control: string | null;
  guardian: string | null;
  arm: string | null;
}

const KEYS = [RAMP_KEY, RAMP_CONTROL_KEY, GUARDIAN_KEY, GUARDIAN_ARM_KEY];

export async function readTexts(kv: KVNamespace): Promise<GuardianTexts> {
  const text = await read(kv, KEYS);
  return {
    ramp: text(RAMP_KEY),
    control: text(RAMP_CONTROL_KEY),
    guardian: text(GUARDIAN_KEY),
    arm: text(GUARDIAN_ARM_KEY),
  };
}

/** Once in a tick, and last: a second read would be answered by the copy that the first one has made here. */
export async function readState(kv: KVNamespace): Promise<RawState> {
  return rawState(await read(kv, STATE_KEYS));
}

async function read(kv: KVNamespace, keys: string[]): Promise<(key: string) => string | null> {
  const found = await withLimit("KV read", READ_LIMIT_MS, kv.get(keys, { cacheTtl: CACHE_TTL_S }));
  return (key) => found.get(key) ?? null;
}

export function writeCap(kv: KVNamespace, cap: GuardianCap): Promise<void> {
  return put(kv, GUARDIAN_CAP_KEY, serialiseCap(cap));
}

export function writeStop(kv: KVNamespace, stop: StopDocument, until?: WriteUntil): Promise<void> {
  return put(kv, STOP_KEY, serialiseStop(stop), { ...until });
}

export function writeRampShare(kv: KVNamespace, share: RampShare): Promise<void> {
  return put(kv, RAMP_SHARE_KEY, serialiseRampShare(share));
}

export function dropRampShare(kv: KVNamespace): Promise<void> {
  return withLimit(`KV delete of ${RAMP_SHARE_KEY}`, WRITE_LIMIT_MS, kv.delete(RAMP_SHARE_KEY));
}

export function writeRamp(kv: KVNamespace, text: string): Promise<void> {
  return put(kv, RAMP_KEY, text);
}

export function writeGuardian(kv: KVNamespace, text: string): Promise<void> {
  return put(kv, GUARDIAN_KEY, text);
}

export function writeEntry(
  kv: KVNamespace,
  entry: JournalEntry,
  until?: WriteUntil,
): Promise<void> {
  return put(kv, journalKey(entry), JSON.stringify(entry), { ttlS: JOURNAL_TTL_S, ...until });
}

/** As `writeEntry`, of a change whose author may write it as well, and knows more: a refused write is not put over that. */
export function leaveEntry(
  kv: KVNamespace,
  entry: JournalEntry,
  until: Pick<WriteUntil, "untilMs">,
): Promise<void> {
  const isOver = async (): Promise<boolean> => {
    const found = withLimit("KV read", READ_LIMIT_MS, kv.get(journalKey(entry)));
    return (await found.catch(() => null)) !== null;
  };
  return writeEntry(kv, entry, { ...until, isOver });
}

export interface WriteUntil {
  /** No try begins later: whoever asked has been told that it was not written. Milliseconds since the epoch. */
  untilMs?: number;
  /** Asked before each further try: true ends them. */
  isOver?(): Promise<boolean>;
}

/** The same bytes each time: repeating is harmless. KV takes one write per key and second. */
async function put(
  kv: KVNamespace,
  key: string,
  text: string,
  {
    ttlS,
    untilMs = Number.POSITIVE_INFINITY,
    isOver = async () => false,
  }: { ttlS?: number } & WriteUntil = {},
): Promise<void> {
  const options = ttlS === undefined ? {} : { expirationTtl: ttlS };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withLimit(`KV write of ${key}`, WRITE_LIMIT_MS, kv.put(key, text, options));
    } catch (error) {
      if (attempt >= WRITE_TRIES || Date.now() >= untilMs) throw error;
      await sleep((500 + Math.random() * 700) * attempt);
      if (Date.now() >= untilMs || (await isOver())) throw error;
    }
  }
}

/**
 * The newest entries, in order of time: of yesterday, today and tomorrow (UTC), as clocks of others may be
 * ahead. Rejects when KV does not answer.
 */
export async function recentEntries(kv: KVNamespace, nowMs: number): Promise<JournalEntry[]> {
  const days = [nowMs - DAY_MS, nowMs, nowMs + DAY_MS].map((ms) =>
    new Date(ms).toISOString().slice(0, 10),
  );
  return entriesOf(kv, (await keysOfAll(kv, days)).slice(-ENTRIES));
}

/** The newest of that past, in order of time. Rejects when KV does not answer. */
export async function entriesOfPast(
  kv: KVNamespace,
  { months, toS }: Pick<Past, "months" | "toS">,
): Promise<JournalEntry[]> {
  const keys = await keysOfAll(kv, months);
  const end = `${JOURNAL_PREFIX}${new Date(toS * 1_000).toISOString()}`;
  return entriesOf(kv, keys.filter((key) => key < end).slice(-ENTRIES));
}

async function keysOfAll(kv: KVNamespace, times: readonly string[]): Promise<string[]> {
  const keys = await Promise.all(times.map((time) => keysOf(kv, `${JOURNAL_PREFIX}${time}`)));
  return keys.flat();
}

async function entriesOf(kv: KVNamespace, keys: string[]): Promise<JournalEntry[]> {
  if (keys.length === 0) return [];
  const found = await withLimit("KV read", READ_LIMIT_MS, kv.get(keys));
  return keys.flatMap((key) => {
    const entry = parseJournalEntry(found.get(key) ?? "");
    return entry === null ? [] : [entry];
  });
}

/** Sorted, as KV lists them: upwards, so that the newest are on the last page. */
async function keysOf(kv: KVNamespace, prefix: string): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const from = cursor === undefined ? {} : { cursor };
    const found = await withLimit("KV list", READ_LIMIT_MS, kv.list({ prefix, ...from }));
    names.push(...found.keys.map(({ name }) => name));
    if (found.list_complete) return names;
    cursor = found.cursor;
  }
  throw new Error(`more than ${MAX_PAGES} pages of ${prefix}`);
}
