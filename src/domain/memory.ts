/**
 * What one Worker isolate knows of the canary's state, folded from the KV reads it has made.
 * KV reads may be stale, may go back in time and may fail; two rules hold all the same:
 * a stop once seen stays in force until a newer release is read, and a configuration that can no
 * longer be read serves for at most ten minutes. (AT-5, AT-6)
 */
import type { GuardianCap } from "./cap.ts";
import { capInForce, newerCap, parseCap, withCap } from "./cap.ts";
import { parseRampShare } from "./ramp-share.ts";
import type { Sightings } from "./sightings.ts";
import { inForce, NOTHING_SEEN, see } from "./sightings.ts";
import type { CanaryConfig, Parsed, RawState, StopDocument } from "./state.ts";
import { parseConfig, parseStop } from "./state.ts";
import { timeOf } from "./time.ts";

export const LAST_GOOD_MAX_MS = 10 * 60_000;

/** A stop in force. */
export interface SeenStop {
  value: StopDocument;
  /** Its own time; without a readable one, when it was first seen. Milliseconds since the epoch. */
  atMs: number;
}

export interface Memory {
  config: { value: CanaryConfig; readAtMs: number } | null;
  /** When which `config` was read, and the newest `ramp-share`. */
  seen: Sightings;
  /** The newest stop seen and not released. */
  stop: SeenStop | null;
  /** The last release read: read again, it is an old copy and cannot release a stop seen since. */
  release: StopDocument | null;
  /** The `config` value that last switched `emergency_proxy` on, until a newer one switches it off. */
  configEmergency: CanaryConfig | null;
  /**
   * By key: a value that asks for an emergency but cannot be parsed was read, and no valid value of
   * that key since. Somebody tried to stop: an absent key or the other one does not take that back.
   */
  unreadable: { config: boolean; stop: boolean };
  /** The newest cap of the guardian that was read; a key that is not there takes nothing back. */
  cap: GuardianCap | null;
  /** Whether the newest attempt gave a valid configuration. */
  fresh: boolean;
}

/** The state in force for one request. */
export interface EffectiveState {
  source: "kv" | "last-good" | "none";
  /** With the share in force, not as stored. */
  config: CanaryConfig | null;
  /** The guardian's, where it is in force. */
  cap: GuardianCap | null;
  /** The share is what a lease that has run out falls back to. */
  leaseRunOut: boolean;
  emergency: boolean;
  stop: StopDocument | null;
  /** Since the configuration was read from KV; null without one. */
  ageMs: number | null;
}

export const EMPTY_MEMORY: Memory = {
  config: null,
  seen: NOTHING_SEEN,
  stop: null,
  release: null,
  configEmergency: null,
  unreadable: { config: false, stop: false },
  cap: null,
  fresh: false,
};

/** Folds one successful KV read (also one that found nothing, or nonsense) into the memory. */
export function remember(memory: Memory, raw: RawState, nowMs: number): Memory {
  const config = parseConfig(raw.config);
  const stop = parseStop(raw.stop);
  return {
    cap: newerCap(memory.cap, parseCap(raw.cap ?? null)),
    seen:
      config.kind === "valid"
        ? see(memory.seen, config.value, parseRampShare(raw.rampShare ?? null), nowMs)
        : memory.seen,
    config: config.kind === "valid" ? { value: config.value, readAtMs: nowMs } : memory.config,
    stop: stop.kind === "valid" ? foldStop(memory, stop.value, nowMs) : memory.stop,
    release: stop.kind === "valid" && !stop.value.active ? stop.value : memory.release,
    configEmergency:
      config.kind === "valid"
        ? foldConfigEmergency(memory.configEmergency, config.value)
        : memory.configEmergency,
    unreadable: {
      config: foldUnreadable(memory.unreadable.config, config),
      stop: foldUnreadable(memory.unreadable.stop, stop),
    },
    fresh: config.kind === "valid",
  };
}

/**
 * Folds the answer to a read that is older than one already folded. Its share is out of date, but
 * whatever asks for an emergency counts, in whatever order reads are answered.
 */
export function rememberLate(memory: Memory, raw: RawState, nowMs: number): Memory {
  const late = remember(memory, raw, nowMs);
  return {
    ...late,
    config: memory.config,
    unreadable: {
      config: memory.unreadable.config || late.unreadable.config,
      stop: memory.unreadable.stop || late.unreadable.stop,
    },
    fresh: memory.fresh,
  };
}

/** The KV read failed: everything known stays known, but is no longer fresh. */
export function rememberFailure(memory: Memory): Memory {
  return { ...memory, fresh: false };
}

export function effectiveState(memory: Memory, nowMs: number): EffectiveState {
  const { stop, configEmergency, unreadable } = memory;
  const emergency =
    stop !== null || configEmergency !== null || unreadable.config || unreadable.stop;
  const ageMs = memory.config === null ? null : nowMs - memory.config.readAtMs;
  const usable = ageMs !== null && ageMs <= LAST_GOOD_MAX_MS;
  const stored = usable && memory.config !== null ? memory.config.value : null;
  const now = stored === null ? null : inForce(memory.seen, stored, nowMs);
  const cap = stored === null ? null : capInForce(stored, memory.cap);
  return {
    source: stored === null ? "none" : memory.fresh ? "kv" : "last-good",
    config: now === null ? null : withCap(now.config, cap),
    cap,
    leaseRunOut: now?.runOut ?? false,
    emergency,
    stop: stop?.value ?? null,
    ageMs: usable ? ageMs : null,
  };
}

function foldUnreadable(before: boolean, read: Parsed<unknown>): boolean {
  if (read.kind === "valid") return false;
  return before || (read.kind === "invalid" && read.emergency);
}

function foldStop(memory: Memory, read: StopDocument, nowMs: number): SeenStop | null {
  const { stop: seen, release } = memory;
  if (read.active) {
    const atMs = hasTime(read) ? timeOf(read.at) : firstSeenMs(seen, read, nowMs);
    return seen !== null && seen.atMs > atMs ? seen : { value: read, atMs };
  }
  if (seen === null) return null;
  // Read again after an old copy of the very stop that it names, it still releases that one.
  if (isSameRelease(read, release)) return names(read, seen.value) ? null : seen;
  return releaseCovers(read, seen) ? null : seen;
}

/** Without a time of its own, a stop must not look older than a release that was written before it. */
function firstSeenMs(seen: SeenStop | null, read: StopDocument, nowMs: number): number {
  const again = seen !== null && JSON.stringify(seen.value) === JSON.stringify(read);
  return again ? seen.atMs : nowMs;
}

function hasTime(stop: StopDocument): boolean {
  return Number.isFinite(timeOf(stop.at));
}

/** By id; a stop written by hand has none and goes by its time. */
function names(release: StopDocument, stop: StopDocument): boolean {
  const { id, at } = release.releases ?? {};
  return id === undefined && stop.id === undefined
    ? at !== undefined && at === stop.at
    : id === stop.id;
}

/** Clocks of operators differ, so times alone would let a stale copy release a younger stop. */
function isSameRelease(read: StopDocument, known: StopDocument | null): boolean {
  return known !== null && known.id === read.id && known.at === read.at;
}

/**
 * A release written by `restore` names the newest stop it releases, so that it cannot undo one that
 * was pulled while it was on its way. One written by hand covers what is not younger than itself. A
 * stop without a time is covered by what was written after it was first seen: no release can name
 * a time that only the isolate knows.
 */
export function releaseCovers(release: StopDocument, { value: stop, atMs }: SeenStop): boolean {
  const { releases } = release;
  if (releases?.id !== undefined && releases.id === stop.id) return true;
  const until = releases === undefined || !hasTime(stop) ? release.at : releases.at;
  return atMs <= timeOf(until);
}

function foldConfigEmergency(seen: CanaryConfig | null, read: CanaryConfig): CanaryConfig | null {
  if (read.emergency_proxy) {
    return seen !== null && timeOf(seen.last_updated) > timeOf(read.last_updated) ? seen : read;
  }
  if (seen === null) return null;
  return timeOf(seen.last_updated) <= timeOf(read.last_updated) ? null : seen;
}

export { timeOf };
