/**
 * When one isolate reads a carrier of the state, KV or the beacon, and who waits for it. A read never stands in a
 * request's way: young knowledge is used as it is, older is refreshed in the background, only what is too old is
 * waited for, and that not for long and not while the carrier is failing. (AT-5, AT-6)
 */

/** No request waits longer than this for a carrier. A read that takes longer goes on: slow is not failed. */
export const READ_LIMIT_MS = 250;
/** The runtime keeps work for 30 s after the answer; who has not answered by then never will. */
export const READ_END_MS = 30_000;
/**
 * However slow or broken a carrier is, a request that comes this long after the newest read began begins
 * another. With one request a second a stop is so read within 5 s, and obeyed when that read answers.
 */
export const NEXT_READ_MS = 4_000;
/** From this many reads under way, those for `/qa` keep that distance too. */
const MANY_READS = 3;
const BACKOFF_FIRST_MS = 250;

/** Keeps work alive after the answer has been sent: `waitUntil` of the request that starts it. */
export type KeepAlive = (work: Promise<unknown>) => void;

export interface Clock {
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** Calls back after that time; returns how to call it off. */
  timer?(delayMs: number, callback: () => void): () => void;
}

export interface CarrierDeps<Raw> extends Clock {
  /** Younger than this: used without asking. Up to `staleMs`: used, and refreshed in the background. */
  freshMs: number;
  staleMs: number;
  /** May do whatever a broken carrier does. */
  ask(keepAlive: KeepAlive): Promise<Raw>;
  /** `late`: a younger read has answered already. */
  answered(raw: Raw, late: boolean, keepAlive: KeepAlive): void;
  /** Of the newest read so far. */
  failed(): void;
}

interface Flight {
  sequence: number;
  startedAtMs: number;
  /** Until answered, failed or given up. */
  open: boolean;
  /** Resolves by READ_END_MS, unless the request that owns it died. */
  settled: Promise<void>;
}

export class CarrierReader<Raw> {
  readonly #deps: CarrierDeps<Raw>;
  readonly #timer: NonNullable<Clock["timer"]>;
  /** When the newest folded read was started. */
  #readAtMs: number | null = null;
  #sequence = 0;
  #folded = 0;
  #failures = 0;
  #retryAtMs = 0;
  #newest: Flight | null = null;
  #newestFresh: Flight | null = null;
  readonly #underWay = new Set<Flight>();

  constructor(deps: CarrierDeps<Raw>) {
    this.#deps = deps;
    this.#timer = deps.timer ?? realTimer;
  }

  /** When the read began whose answer is known; null before the first answer. */
  get readAtMs(): number | null {
    return this.#readAtMs;
  }

  /** Null: what is known serves. Else resolves when the answer has come, or READ_LIMIT_MS later. */
  look(nowMs: number, keepAlive: KeepAlive): Promise<void> | null {
    const { freshMs, staleMs } = this.#deps;
    const ageMs = this.#readAtMs === null ? Number.POSITIVE_INFINITY : nowMs - this.#readAtMs;
    if (ageMs >= 0 && ageMs <= freshMs) return null;
    const flight = this.#isDue(nowMs) ? this.#begin(nowMs, keepAlive) : this.#newest;
    return ageMs <= staleMs || !isPrompt(flight, nowMs) ? null : this.#after(flight);
  }

  /** Does not join a background read: that one may have been asked before a write was made. */
  lookAnew(nowMs: number, keepAlive: KeepAlive): Promise<void> {
    if (isPrompt(this.#newestFresh, nowMs)) return this.#after(this.#newestFresh);
    this.#giveUpDead(nowMs);
    const many = this.#underWay.size >= MANY_READS && !this.#isDue(nowMs);
    if (many && this.#newest !== null) return this.#after(this.#newest);
    this.#newestFresh = this.#begin(nowMs, keepAlive);
    return this.#after(this.#newestFresh);
  }

  /** Resolves with the work, which must not reject, or at the limit. */
  atMost(limitMs: number, work: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#timer(limitMs, resolve);
      void work.then(() => {
        callOff();
        resolve();
      });
    });
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
    const ended = this.#ask(keepAlive)
      .then((raw) => this.#answered(flight, raw, keepAlive))
      .catch(() => this.#failed(flight));
    flight.settled = this.atMost(READ_END_MS, ended).then(() => this.#failed(flight));
    this.#newest = flight;
    this.#underWay.add(flight);
    // The read itself: without its request the runtime would drop it, and a late answer never come.
    keepAlive(flight.settled);
    return flight;
  }

  /** Rejects, never throws. */
  async #ask(keepAlive: KeepAlive): Promise<Raw> {
    return this.#deps.ask(keepAlive);
  }

  /** Of a read whose request was torn down nothing is heard again: its age gives it away. */
  #giveUpDead(nowMs: number): void {
    for (const flight of this.#underWay) {
      const ageMs = nowMs - flight.startedAtMs;
      if (ageMs < 0 || ageMs > READ_END_MS) this.#failed(flight);
    }
  }

  #answered(flight: Flight, raw: Raw, keepAlive: KeepAlive): void {
    const late = flight.sequence <= this.#folded;
    this.#deps.answered(raw, late, keepAlive);
    if (!late) {
      this.#folded = flight.sequence;
      this.#readAtMs = flight.startedAtMs;
      this.#failures = 0;
      this.#retryAtMs = 0;
    }
    this.#end(flight);
  }

  #failed(flight: Flight): void {
    if (!flight.open) return;
    this.#end(flight);
    if (flight.sequence > this.#folded) this.#deps.failed();
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
  #after(flight: Flight): Promise<void> {
    return this.atMost(READ_LIMIT_MS, flight.settled);
  }
}

/** Whether its answer may still come in the time that a request waits. */
function isPrompt(flight: Flight | null, nowMs: number): flight is Flight {
  if (flight === null || !flight.open) return false;
  const ageMs = nowMs - flight.startedAtMs;
  return ageMs >= 0 && ageMs < READ_LIMIT_MS;
}

function realTimer(delayMs: number, callback: () => void): () => void {
  const handle = setTimeout(callback, delayMs);
  return () => clearTimeout(handle);
}
