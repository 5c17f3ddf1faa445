/**
 * Reads the canary's state from Workers KV for one isolate, and never stands in a request's way:
 * young knowledge is used as it is, older is refreshed in the background, only what is too old is
 * waited for, and that not for long and not while KV is failing. (AT-5, AT-6)
 */
import type { EffectiveState, Memory } from "../src/domain/memory.ts";
import { EMPTY_MEMORY, effectiveState, remember, rememberFailure } from "../src/domain/memory.ts";
import type { RawState } from "../src/domain/state.ts";
import { rawState, STATE_KEYS } from "../src/domain/state.ts";

/** Younger than this: used without asking. */
export const FRESH_MS = 1_000;
/** Up to this age: used, and refreshed in the background. Older: waited for. */
export const STALE_MS = 5_000;
/** No request waits longer than this for KV, and no read counts as under way after it. */
export const READ_LIMIT_MS = 250;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_CAP_MS = 5_000;
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
  /** Resolves by READ_LIMIT_MS, unless the request that owns it died. */
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
  #flight: Flight | null = null;
  #freshFlight: Flight | null = null;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
    this.#timer = deps.timer ?? realTimer;
  }

  current(keepAlive: KeepAlive): EffectiveState | Promise<EffectiveState> {
    const nowMs = this.#deps.now();
    const ageMs = this.#readAtMs === null ? Number.POSITIVE_INFINITY : nowMs - this.#readAtMs;
    if (ageMs >= 0 && ageMs <= FRESH_MS) return effectiveState(this.#memory, nowMs);
    const running = this.#running(this.#flight, nowMs);
    if (running === null && this.#backingOff(nowMs)) return effectiveState(this.#memory, nowMs);
    const flight = running ?? this.#begin(nowMs, keepAlive);
    return ageMs <= STALE_MS ? effectiveState(this.#memory, nowMs) : this.#after(flight);
  }

  /** Does not join a background read: that one may have been asked before a write was made. */
  fresh(keepAlive: KeepAlive): Promise<EffectiveState> {
    const nowMs = this.#deps.now();
    const flight = this.#running(this.#freshFlight, nowMs) ?? this.#begin(nowMs, keepAlive);
    this.#freshFlight = flight;
    return this.#after(flight);
  }

  #backingOff(nowMs: number): boolean {
    const leftMs = this.#retryAtMs - nowMs;
    return leftMs > 0 && leftMs <= BACKOFF_CAP_MS;
  }

  /** A flight whose request was torn down never settles: its age gives it away. */
  #running(flight: Flight | null, nowMs: number): Flight | null {
    if (flight === null || !flight.open) return null;
    const ageMs = nowMs - flight.startedAtMs;
    if (ageMs >= 0 && ageMs <= READ_LIMIT_MS) return flight;
    this.#failed(flight);
    return null;
  }

  #begin(nowMs: number, keepAlive: KeepAlive): Flight {
    this.#sequence += 1;
    const answer = ask(this.#deps.kv);
    const flight: Flight = {
      sequence: this.#sequence,
      startedAtMs: nowMs,
      open: true,
      settled: Promise.resolve(),
    };
    flight.settled = new Promise((resolve) => {
      const callOff = this.#timer(READ_LIMIT_MS, () => {
        this.#failed(flight);
        resolve();
      });
      const done = (): void => {
        callOff();
        resolve();
      };
      answer.then(
        (raw) => {
          this.#answered(flight, raw);
          done();
        },
        () => {
          this.#failed(flight);
          done();
        },
      );
    });
    this.#flight = flight;
    keepAlive(flight.settled);
    return flight;
  }

  /** A late answer still counts, unless a younger read has been folded in meanwhile. */
  #answered(flight: Flight, raw: RawState): void {
    if (flight.sequence > this.#folded) {
      this.#memory = remember(this.#memory, raw, this.#deps.now());
      this.#folded = flight.sequence;
      this.#readAtMs = flight.startedAtMs;
    }
    if (flight.open) {
      this.#failures = 0;
      this.#retryAtMs = 0;
    }
    flight.open = false;
  }

  #failed(flight: Flight): void {
    if (!flight.open) return;
    flight.open = false;
    if (flight.sequence > this.#folded) this.#memory = rememberFailure(this.#memory);
    const ceilingMs = Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#retryAtMs = this.#deps.now() + ceilingMs * (0.5 + this.#deps.random() / 2);
  }

  /** Each waiter has a timer of its own: the one of the flight may die with its request. */
  async #after(flight: Flight): Promise<EffectiveState> {
    await new Promise<void>((resolve) => {
      const callOff = this.#timer(READ_LIMIT_MS, resolve);
      void flight.settled.then(() => {
        callOff();
        resolve();
      });
    });
    return effectiveState(this.#memory, this.#deps.now());
  }
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
