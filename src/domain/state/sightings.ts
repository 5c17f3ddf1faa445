/**
 * Which configurations one isolate has read, and when. KV's copies age key by key and may go back in
 * time, so what is read now does not say what is newest: a ramp's share must not come back over a later
 * word, and a lease counts from its first sight. Pure.
 */

import { timeOf } from "../lib/time.ts";
import type { RampShare } from "../ramp/share.ts";
import { withRampShare } from "../ramp/share.ts";
import type { CanaryConfig } from "./documents.ts";
import { configText, isSameConfig } from "./documents.ts";
import { leaseEndsMs } from "./lease.ts";

/** One value of `config`; times are the isolate's clock, milliseconds since the epoch. */
interface Sight {
  text: string;
  lastUpdated: string;
  firstMs: number;
  lastMs: number;
  /** Another value was read just before: this one was written lately. */
  isNews: boolean;
}

export interface Sightings {
  /** In the order of their first sight. */
  configs: readonly Sight[];
  /** The newest that was read; an older copy never takes its place. */
  share: RampShare | null;
  /** Whether the last read showed one: what is not there raises nothing. */
  shared: boolean;
}

export const NOTHING_SEEN: Sightings = { configs: [], share: null, shared: false };

/** Values that are remembered; what has not been read for the longest goes first. */
const MAX_CONFIGS = 16;
/** One sight for all of them: they may be long. */
const UNREADABLE = { text: "unreadable", lastUpdated: "" };
/** A value that takes another's place within this was not there before. */
const NEWS_MS = 2 * 60_000;
/** What the clock of whoever started a ramp may be off. */
const CLOCKS_MS = 60_000;

/** After a read that showed this `config`, and this share or none. */
export function see(
  before: Sightings,
  config: CanaryConfig,
  share: RampShare | null,
  nowMs: number,
): Sightings {
  return {
    configs: seeConfig(before.configs, config, nowMs),
    share: newer(before.share, share),
    shared: share !== null,
  };
}

/**
 * After a read that showed no configuration. What somebody wrote and nobody can read is a word all the same: no
 * share raises over it. Nothing at all may be a fault of KV's, and counts until the next read.
 */
export function seeUnreadable(before: Sightings, text: string | null, nowMs: number): Sightings {
  if (text === null) return { ...before, shared: false };
  const configs = seeText(before.configs, UNREADABLE, nowMs);
  return { ...before, configs, shared: false };
}

export interface InForce {
  config: CanaryConfig;
  /** Its lease has run out: the share is what it falls back to. */
  runOut: boolean;
}

/** `config` is the value that was read last. */
export function inForce(seen: Sightings, config: CanaryConfig, nowMs: number): InForce {
  const { share, shared } = seen;
  if (shared && share !== null && raises(seen.configs, config, share)) {
    return { config: withRampShare(config, share), runOut: false };
  }
  const { lease } = config;
  const sight = seen.configs.find(({ text }) => text === configText(config));
  if (lease === undefined || leaseEndsMs(lease, sight ?? null) > nowMs) {
    return { config, runOut: false };
  }
  const percent = Math.min(config.canary_percent, lease.fallback_percent);
  return { config: { ...config, canary_percent: percent }, runOut: true };
}

function seeConfig(before: readonly Sight[], config: CanaryConfig, nowMs: number): Sight[] {
  return seeText(before, { text: configText(config), lastUpdated: config.last_updated }, nowMs);
}

function seeText(
  before: readonly Sight[],
  { text, lastUpdated }: Pick<Sight, "text" | "lastUpdated">,
  nowMs: number,
): Sight[] {
  const known = before.some((sight) => sight.text === text);
  if (known) {
    return before.map((sight) => (sight.text === text ? { ...sight, lastMs: nowMs } : sight));
  }
  const isNews = before.some(({ lastMs }) => nowMs - lastMs <= NEWS_MS);
  const sight = { text, lastUpdated, firstMs: nowMs, lastMs: nowMs, isNews };
  return [...withoutOldest(before), sight];
}

function withoutOldest(sights: readonly Sight[]): readonly Sight[] {
  if (sights.length < MAX_CONFIGS) return sights;
  const oldestMs = Math.min(...sights.map(({ lastMs }) => lastMs));
  const index = sights.findIndex(({ lastMs }) => lastMs === oldestMs);
  return sights.filter((_, at) => at !== index);
}

function newer(before: RampShare | null, read: RampShare | null): RampShare | null {
  if (before === null || read === null) return read ?? before;
  return timeOf(read.at) > timeOf(before.at) ? read : before;
}

/**
 * A value that is not its base and was read since the ramp began is somebody's word over it, and stays
 * that even when the base is read again: such a read is an old copy. Unless the value itself is the old
 * one: read before the base, and older by its own time as well.
 */
function raises(configs: readonly Sight[], config: CanaryConfig, share: RampShare): boolean {
  if (!isSameConfig(config, share.base)) return false;
  const base = configs.findIndex(({ text }) => text === configText(config));
  const sinceMs = timeOf(share.since) - CLOCKS_MS;
  const baseMs = timeOf(share.base.last_updated);
  return configs.every(({ lastUpdated, lastMs }, index) => {
    const ownMs = timeOf(lastUpdated);
    const older = index < base && Number.isFinite(ownMs) && ownMs < baseMs;
    return index === base || lastMs < sinceMs || older;
  });
}
