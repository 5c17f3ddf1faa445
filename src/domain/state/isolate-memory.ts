/**
 * What one Worker isolate knows of the canary's state, folded from the KV reads it has made.
 * KV reads may be stale, may go back in time and may fail; two rules hold all the same:
 * an emergency once seen stays in force until something that ends it is read, and a configuration that
 * can no longer be read serves for at most ten minutes. (AT-5, AT-6)
 */
import type { GuardianCap } from "../guardian/cap.ts";
import { lowestInForce, parseCap, withCap, withSeen } from "../guardian/cap.ts";
import { timeOf } from "../lib/time.ts";
import { parseRampShare } from "../ramp/share.ts";
import type { BeaconAnswer, BeaconSeen } from "./beacon.ts";
import { inForceAtBeacon, NO_BEACON_SEEN, seeBeacon } from "./beacon.ts";
import type { CanaryConfig, StopDocument } from "./documents.ts";
import { parseConfig, parseStop } from "./documents.ts";
import type { Asked, Ending, Read } from "./emergency.ts";
import { readEmergencies } from "./emergency.ts";
import type { Held, Ledger } from "./emergency-ledger.ts";
import { EMPTY_LEDGER, end, hold } from "./emergency-ledger.ts";
import type { Sightings } from "./sightings.ts";
import { inForce as configInForce, NOTHING_SEEN, see, seeUnreadable } from "./sightings.ts";
import type { RawState } from "./state.ts";

export const LAST_GOOD_MAX_MS = 10 * 60_000;
const MAX_RELEASED = 32;

export interface Memory {
  config: { value: CanaryConfig; readAtMs: number } | null;
  /** When which `config` was read, and the newest `ramp-share`. */
  seen: Sightings;
  stops: Ledger;
  configs: Ledger;
  /** Ids of stops whose release was read, and when first: their mirrors in `config` end as well. */
  released: readonly { id: string; seenMs: number }[];
  /** The guardian's that were read and may be in force; a key that is not there takes nothing back. */
  caps: readonly GuardianCap[];
  /** Whether the newest attempt gave a valid configuration. */
  fresh: boolean;
  /** Nothing where there is none. */
  beacon: BeaconSeen;
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
  /** The newest readable stop in force. */
  stop: StopDocument | null;
  /** All that ask for the emergency: each once, whoever carries it. */
  inForce: readonly Asked[];
  /** The same by carrier: releasing takes both. */
  carried: { kv: readonly Asked[]; beacon: readonly Asked[] };
  /** Since the configuration was read from KV; null without one. */
  ageMs: number | null;
}

export const EMPTY_MEMORY: Memory = {
  config: null,
  seen: NOTHING_SEEN,
  stops: EMPTY_LEDGER,
  configs: EMPTY_LEDGER,
  released: [],
  caps: [],
  fresh: false,
  beacon: NO_BEACON_SEEN,
};

/** Folds one successful KV read (also one that found nothing, or nonsense) into the memory. */
export function remember(memory: Memory, raw: RawState, nowMs: number): Memory {
  const parsed = { config: parseConfig(raw.config), stop: parseStop(raw.stop) };
  const { config, stop } = readEmergencies(raw, parsed);
  const known = parsed.config.kind === "valid" ? parsed.config.value : null;
  const released = foldReleased(memory.released, stop.ending, nowMs);
  const isMirror = ({ id, seenMs }: Held): boolean =>
    released.some((one) => one.id === id && seenMs <= one.seenMs);
  return {
    config: known === null ? memory.config : { value: known, readAtMs: nowMs },
    stops: fold(memory.stops, stop, nowMs),
    configs: fold(memory.configs, config, nowMs, isMirror),
    released,
    caps: withSeen(memory.caps, parseCap(raw.cap ?? null), nowMs),
    seen:
      known === null
        ? seeUnreadable(memory.seen, raw.config, nowMs)
        : see(memory.seen, known, parseRampShare(raw.rampShare ?? null), nowMs),
    fresh: known !== null,
    beacon: memory.beacon,
  };
}

/** Folds an answer of the beacon, in whatever order they come. */
export function rememberBeacon(memory: Memory, answer: BeaconAnswer): Memory {
  const beacon = seeBeacon(memory.beacon, answer);
  return beacon === memory.beacon ? memory : { ...memory, beacon };
}

/**
 * The answer to a read that a younger one has overtaken: an emergency in it counts, and the guardian's cap,
 * whose newest one is known by its own time. Nothing else does.
 */
export function rememberLate(memory: Memory, raw: RawState, nowMs: number): Memory {
  const { config, stop } = readEmergencies(raw);
  return {
    ...memory,
    stops: fold(memory.stops, { ...stop, ending: null }, nowMs),
    configs: fold(memory.configs, { ...config, ending: null }, nowMs),
    caps: withSeen(memory.caps, parseCap(raw.cap ?? null), nowMs),
  };
}

/** The KV read failed: everything known stays known, but is no longer fresh. */
export function rememberFailure(memory: Memory): Memory {
  return { ...memory, fresh: false };
}

export function effectiveState(memory: Memory, nowMs: number): EffectiveState {
  const { stops, configs } = memory;
  const kv = [...stops.held, ...configs.held];
  const beacon = inForceAtBeacon(memory.beacon);
  const ageMs = memory.config === null ? null : nowMs - memory.config.readAtMs;
  const usable = ageMs !== null && ageMs <= LAST_GOOD_MAX_MS;
  const stored = usable && memory.config !== null ? memory.config.value : null;
  const now = stored === null ? null : configInForce(memory.seen, stored, nowMs);
  const cap = stored === null ? null : lowestInForce(stored, memory.caps);
  return {
    source: stored === null ? "none" : memory.fresh ? "kv" : "last-good",
    config: now === null ? null : withCap(now.config, cap),
    cap,
    leaseRunOut: now?.runOut ?? false,
    emergency: kv.length > 0 || beacon.length > 0,
    stop: newestStop(beacon.length === 0 ? stops.held : [...stops.held, ...beacon]),
    inForce: beacon.length === 0 ? kv : [...kv, ...othersThan(kv, beacon)],
    carried: { kv, beacon },
    ageMs: usable ? ageMs : null,
  };
}

function fold(ledger: Ledger, read: Read, nowMs: number, also?: (held: Held) => boolean): Ledger {
  if (read.asked !== null) return hold(ledger, read.asked, nowMs);
  return read.ending === null ? ledger : end(ledger, read.ending, nowMs, also);
}

function foldReleased(
  before: Memory["released"],
  ending: Ending | null,
  nowMs: number,
): Memory["released"] {
  const ids = (ending?.names ?? []).flatMap(({ id }) => (id === undefined ? [] : [id]));
  const news = ids.filter((id) => before.every((one) => one.id !== id));
  if (news.length === 0) return before;
  return [...before, ...news.map((id) => ({ id, seenMs: nowMs }))].slice(-MAX_RELEASED);
}

function othersThan(known: readonly Asked[], all: readonly Asked[]): Asked[] {
  return all.filter(({ mark }) => !known.some((one) => one.mark === mark));
}

function newestStop(held: readonly (Asked & Partial<Pick<Held, "seenMs">>)[]): StopDocument | null {
  const readable = held.filter((one) => one.readable);
  if (readable.length === 0) return null;
  const whenMs = ({ at, seenMs = 0 }: (typeof held)[number]): number => {
    const ownMs = timeOf(at);
    return Number.isFinite(ownMs) ? ownMs : seenMs;
  };
  const { id, at, by, reason } = readable.reduce((a, b) => (whenMs(b) >= whenMs(a) ? b : a));
  return { active: true, id, at, by, reason };
}
