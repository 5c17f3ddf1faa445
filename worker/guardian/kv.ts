/** What the guardian reads and writes in KV. Reads may be a minute old, each key by itself. */
import { GUARDIAN_ARM_KEY, GUARDIAN_KEY } from "../../src/domain/guardian-document.ts";
import type { JournalEntry } from "../../src/domain/journal.ts";
import {
  JOURNAL_PREFIX,
  JOURNAL_TTL_S,
  journalKey,
  parseJournalEntry,
} from "../../src/domain/journal.ts";
import { RAMP_CONTROL_KEY, RAMP_KEY } from "../../src/domain/ramp-document.ts";
import type { RampShare } from "../../src/domain/ramp-share.ts";
import { RAMP_SHARE_KEY, serialiseRampShare } from "../../src/domain/ramp-share.ts";
import type { CanaryConfig, RawState, StopDocument } from "../../src/domain/state.ts";
import {
  CONFIG_KEY,
  rawState,
  STATE_KEYS,
  STOP_KEY,
  serialiseConfig,
  serialiseStop,
} from "../../src/domain/state.ts";
import { withLimit } from "../limit.ts";

/** The least that KV allows. */
const CACHE_TTL_S = 30;
const READ_LIMIT_MS = 5_000;
const WRITE_LIMIT_MS = 5_000;
const WRITE_TRIES = 3;
const ENTRIES = 20;
const DAY_MS = 86_400_000;

export interface GuardianTexts {
  state: RawState;
  ramp: string | null;
  control: string | null;
  guardian: string | null;
  arm: string | null;
}

const KEYS = [...STATE_KEYS, RAMP_KEY, RAMP_CONTROL_KEY, GUARDIAN_KEY, GUARDIAN_ARM_KEY];

export async function readTexts(kv: KVNamespace): Promise<GuardianTexts> {
  const found = await withLimit("KV read", READ_LIMIT_MS, kv.get(KEYS, { cacheTtl: CACHE_TTL_S }));
  const text = (key: string): string | null => found.get(key) ?? null;
  return {
    state: rawState(text),
    ramp: text(RAMP_KEY),
    control: text(RAMP_CONTROL_KEY),
    guardian: text(GUARDIAN_KEY),
    arm: text(GUARDIAN_ARM_KEY),
  };
}

export function writeStop(kv: KVNamespace, stop: StopDocument): Promise<void> {
  return put(kv, STOP_KEY, serialiseStop(stop));
}

export function writeConfig(kv: KVNamespace, config: CanaryConfig): Promise<void> {
  return put(kv, CONFIG_KEY, serialiseConfig(config));
}

export function writeRampShare(kv: KVNamespace, share: RampShare): Promise<void> {
  return put(kv, RAMP_SHARE_KEY, serialiseRampShare(share));
}

export function writeRamp(kv: KVNamespace, text: string): Promise<void> {
  return put(kv, RAMP_KEY, text);
}

export function writeGuardian(kv: KVNamespace, text: string): Promise<void> {
  return put(kv, GUARDIAN_KEY, text);
}

export function writeEntry(kv: KVNamespace, entry: JournalEntry): Promise<void> {
  return put(kv, journalKey(entry), JSON.stringify(entry), JOURNAL_TTL_S);
}

/** The same bytes each time: repeating is harmless. KV takes one write per key and second. */
async function put(kv: KVNamespace, key: string, text: string, ttlS?: number): Promise<void> {
  const options = ttlS === undefined ? {} : { expirationTtl: ttlS };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withLimit(`KV write of ${key}`, WRITE_LIMIT_MS, kv.put(key, text, options));
    } catch (error) {
      if (attempt >= WRITE_TRIES) throw error;
      await pause((500 + Math.random() * 700) * attempt);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The newest entries of today and yesterday (UTC), in order of time. Rejects when KV does not answer. */
export async function recentEntries(kv: KVNamespace, nowMs: number): Promise<JournalEntry[]> {
  const days = [nowMs - DAY_MS, nowMs].map((ms) => new Date(ms).toISOString().slice(0, 10));
  const keys: string[] = [];
  for (const day of days) keys.push(...(await keysOf(kv, `${JOURNAL_PREFIX}${day}`)));
  const newest = keys.slice(-ENTRIES);
  if (newest.length === 0) return [];
  const found = await withLimit("KV read", READ_LIMIT_MS, kv.get(newest));
  return newest.flatMap((key) => {
    const entry = parseJournalEntry(found.get(key) ?? "");
    return entry === null ? [] : [entry];
  });
}

/** Sorted, as KV lists them; a day has fewer changes than a page. */
async function keysOf(kv: KVNamespace, prefix: string): Promise<string[]> {
  const { keys } = await withLimit("KV list", READ_LIMIT_MS, kv.list({ prefix }));
  return keys.map(({ name }) => name);
}
