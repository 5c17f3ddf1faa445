/**
 * Reads the canary's state from Workers KV for one isolate, and never stands in a request's way:
 * young knowledge is used as it is, older is refreshed in the background, only what is too old is
 * waited for, and that not for long and not while KV is failing. (AT-5, AT-6)
 */

import type { EffectiveState, Memory } from "../src/domain/state/isolate-memory.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  remember,
  rememberFailure,
  rememberLate,
} from "../src/domain/state/isolate-memory.ts";
import type { RawState } from "../src/domain/state/state.ts";
import { rawState, STATE_KEYS } from "../src/domain/state/state.ts";

/** Younger than this: used without asking. */
export const FRESH_MS = 1_000;
/** Up to this age: used, and refreshed in the background. Older: waited for. */
export const STALE_MS = 5_000;
/** No request waits longer than this for KV. A read that takes longer goes on: slow is not failed. */
export const READ_LIMIT_MS = 250;
/** The runtime keeps work for 30 s after the answer; who has not answered by then never will. */
export const READ_END_MS = 30_000;
/**
 * However slow or broken KV is, a request that comes this long after the newest read began begins
 * another. With one request a second a stop is so read within 5 s, and obeyed when that read answers.
 */
export const NEXT_READ_MS = 4_000;
/** From this many reads under way, those for `/qa` keep that distance too. */
const MANY_READS = 3;
const BACKOFF_FIRST_MS = 250;
/** The least that KV allows. */
const CACHE_TTL_S = 30;

/** The bulk read of a KV binding, as text. */
export interface StateKv {
  get(
    keys: string[],
    options: { cacheTtl: number },
  ): Promise<ReadonlyMap<string, string | null | undefined>>;
}

export interface ReaderDeps {
  kv: StateKv;
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** Calls back after that time; returns how to call it off. */
  timer?(delayMs: number, callback: () => void): () => void;
}

/** Keeps work alive after the answer has been sent: `waitUntil` of the request that starts it. */
export type KeepAlive = (work: Promise<unknown>) => void;

export interface StateReader {
  /** What is known, read first if that is too old. Never throws; at most READ_LIMIT_MS. */
  current(keepAlive: KeepAlive): EffectiveState | Promise<EffectiveState>;
  /** As KV shows it here and now, if it answers in time. Never throws; at most READ_LIMIT_MS. */
  fresh(keepAlive: KeepAlive): Promise<EffectiveState>;
}

interface Flight {
  sequence: number;
  startedAtMs: number;
  /** Until answered, failed or given up. */
  open: boolean;
  /** Resolves by READ_END_MS, unless the request that owns it died. */
  settled: Promise<void>;
}

export function createStateReader(deps: ReaderDeps): StateReader {
  return new IsolateStateReader(deps);
}

class IsolateStateReader implements StateReader {
  readonly #deps: ReaderDeps;
  readonly #timer: NonNullable<ReaderDeps["timer"]>;
  #memory: Memory = EMPTY_MEMORY;
  /** When the newest folded read was started. */
  #readAtMs: number | null = null;
  #sequence = 0;
  #folded = 0;
  #failures = 0;
  #retryAtMs = 0;
  #newest: Flight | null = null;
  #newestFresh: Flight | null = null;
  readonly #underWay = new Set<Flight>();

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
    this.#timer = deps.timer ?? realTimer;
  }

  current(keepAlive: KeepAlive): EffectiveState | Promise<EffectiveState> {
    const nowMs = this.#deps.now();
    const ageMs = this.#readAtMs === null ? Number.POSITIVE_INFINITY : nowMs - this.#readAtMs;
    if (ageMs >= 0 && ageMs <= FRESH_MS) return effectiveState(this.#memory, nowMs);
    const flight = this.#isDue(nowMs) ? this.#begin(nowMs, keepAlive) : this.#newest;
    if (ageMs <= STALE_MS || !isPrompt(flight, nowMs)) return effectiveState(this.#memory, nowMs);
    return this.#after(flight);
  }

  /** Does not join a background read: that one may have been asked before a write was made. */
  fresh(keepAlive: KeepAlive): Promise<EffectiveState> {
    const nowMs = this.#deps.now();
    if (isPrompt(this.#newestFresh, nowMs)) return this.#after(this.#newestFresh);
    this.#giveUpDead(nowMs);
    const many = this.#underWay.size >= MANY_READS && !this.#isDue(nowMs);
    if (many && this.#newest !== null) return this.#after(this.#newest);
    this.#newestFresh = this.#begin(nowMs, keepAlive);
    return this.#after(this.#newestFresh);
  }

  /** A clock that was set back must not silence the reader. */
  #isDue(nowMs: number): boolean {
    if (this.#newest === null) return true;
    const elapsedMs = nowMs - this.#newest.startedAtMs;
    if (elapsedMs < 0 || elapsedMs >= NEXT_READ_MS) return true;
    return !this.#newest.open && nowMs >= this.#retryAtMs;
  }

  #begin(nowMs: number, keepAlive: KeepAlive): Flight {
    this.#giveUpDead(nowMs);
    this.#sequence += 1;
    const flight: Flight = {
      sequence: this.#sequence,
      startedAtMs: nowMs,
      open: true,
      settled: Promise.resolve(),
    };
    const ended = ask(this.#deps.kv)
      .then((raw) => this.#answered(flight, raw))
      .catch(() => this.#failed(flight));
    flight.settled = this.#atMost(READ_END_MS, ended).then(() => this.#failed(flight));
    this.#newest = flight;
    this.#underWay.add(flight);
    // The read itself: without its request the runtime would drop it, and a late answer never come.
    keepAlive(flight.settled);
    return flight;
  }

  /** Of a read whose request was torn down nothing is heard again: its age gives it away. */
  #giveUpDead(nowMs: number): void {
    for (const flight of this.#underWay) {
      const ageMs = nowMs - flight.startedAtMs;
      if (ageMs < 0 || ageMs > READ_END_MS) this.#failed(flight);
    }
  }

  /** A late answer still counts: in full, or for its stop alone when a younger read has answered. */
  #answered(flight: Flight, raw: RawState): void {
    const nowMs = this.#deps.now();
    if (flight.sequence > this.#folded) {
      this.#memory = remember(this.#memory, raw, nowMs);
      this.#folded = flight.sequence;
      this.#readAtMs = flight.startedAtMs;
      this.#failures = 0;
      this.#retryAtMs = 0;
    } else {
      this.#memory = rememberLate(this.#memory, raw, nowMs);
    }
    this.#end(flight);
  }

  #failed(flight: Flight): void {
    if (!flight.open) return;
    this.#end(flight);
    if (flight.sequence > this.#folded) this.#memory = rememberFailure(this.#memory);
    if (flight !== this.#newest) return;
    const ceilingMs = Math.min(NEXT_READ_MS, BACKOFF_FIRST_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#retryAtMs = this.#deps.now() + ceilingMs * (0.5 + this.#deps.random() / 2);
  }

  #end(flight: Flight): void {
    flight.open = false;
    this.#underWay.delete(flight);
  }

  /** Each waiter has a timer of its own: the one of the flight may die with its request. */
  async #after(flight: Flight): Promise<EffectiveState> {
    await this.#atMost(READ_LIMIT_MS, flight.settled);
    return effectiveState(this.#memory, this.#deps.now());
  }

  /** Resolves with the work, which must not reject, or at the limit. */
  #atMost(limitMs: number, work: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#timer(limitMs, resolve);
      void work.then(() => {
        callOff();
        resolve();
      });
    });
  }
}

/** Whether its answer may still come in the time that a request waits. */
function isPrompt(flight: Flight | null, nowMs: number): flight is Flight {
  if (flight === null || !flight.open) return false;
  const ageMs = nowMs - flight.startedAtMs;
  return ageMs >= 0 && ageMs < READ_LIMIT_MS;
}

/** Rejects, never throws, on whatever a broken KV may do. */
async function ask(kv: StateKv): Promise<RawState> {
  const values = await kv.get(STATE_KEYS, { cacheTtl: CACHE_TTL_S });
  return rawState((key) => textOrNull(values.get(key)));
}

function textOrNull(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  throw new TypeError("KV answered with something that is not text");
}

function realTimer(delayMs: number, callback: () => void): () => void {
  const handle = setTimeout(callback, delayMs);
  return () => clearTimeout(handle);
}
