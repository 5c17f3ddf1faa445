/**
 * What one isolate knows of the canary's state, read from Workers KV and, where there is one, from the beacon.
 * When it reads and who waits: carrier-reader.ts.
 */
import { isNewsForBeacon, releaseIn } from "../src/domain/state/beacon.ts";
import type { EffectiveState, Memory } from "../src/domain/state/isolate-memory.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  remember,
  rememberBeacon,
  rememberFailure,
  rememberLate,
} from "../src/domain/state/isolate-memory.ts";
import type { RawState } from "../src/domain/state/state.ts";
import { rawState, STATE_KEYS } from "../src/domain/state/state.ts";
import type { BeaconCarrier, BeaconRead } from "./beacon/carrier.ts";
import type { Clock, KeepAlive } from "./carrier-reader.ts";
import { CarrierReader, READ_LIMIT_MS } from "./carrier-reader.ts";

/** Younger than this: used without asking. */
export const FRESH_MS = 1_000;
/** Up to this age: used, and refreshed in the background. Older: waited for. */
export const STALE_MS = 5_000;
/** The beacon is there to be quick; its answers come from a cache of the location. */
export const BEACON_STALE_MS = 2_000;
/** The same release is told again only when the beacon may not have heard it, or has not ended a stop by it. */
const TELL_AGAIN_MS = { failed: 2_000, heard: 30_000 };
/** The least that KV allows. */
const CACHE_TTL_S = 30;

/** The bulk read of a KV binding, as text. */
export interface StateKv {
  get(
    keys: string[],
    options: { cacheTtl: number },
  ): Promise<ReadonlyMap<string, string | null | undefined>>;
}

export interface ReaderDeps extends Clock {
  kv: StateKv;
  /** Null or absent: there is none, and all is as KV says. */
  beacon?: BeaconCarrier | null;
}

export interface StateReader {
  /** What is known, read first if that is too old. Never throws; at most READ_LIMIT_MS. */
  current(keepAlive: KeepAlive): EffectiveState | Promise<EffectiveState>;
  /**
   * As the carriers show it here and now, if they answer in time. Never throws; at most READ_LIMIT_MS, twice
   * that where the beacon is told of a release.
   */
  fresh(keepAlive: KeepAlive): Promise<EffectiveState>;
  /** What is known of the beacon; null: there is none. */
  beacon(): BeaconSight | null;
}

export interface BeaconSight {
  /** Since the beacon said what is known; null before its first answer. Milliseconds. */
  ageMs: number | null;
  /** How the answer came: Workers Cache's word (`HIT`, `MISS`, …); null: without it. */
  cache: string | null;
  /** The newest read failed. */
  failing: boolean;
  /** False: KV shows a release, and the beacon has not acknowledged that one to this isolate. */
  heard: boolean;
  /** Of the release that it acknowledged last; null: none, or one without an id. */
  releaseId: string | null;
}

export function createStateReader(deps: ReaderDeps): StateReader {
  return new IsolateStateReader(deps);
}

class IsolateStateReader implements StateReader {
  readonly #deps: ReaderDeps;
  readonly #kv: CarrierReader<RawState>;
  readonly #beacon: CarrierReader<BeaconRead> | null;
  #memory: Memory = EMPTY_MEMORY;
  /** The key `stop`, as the newest read showed it. */
  #stopText: string | null = null;
  /** The last release that the beacon acknowledged. */
  #heardText: string | null = null;
  #telling: { text: string; startedMs: number; outcome: "open" | "heard" | "failed" } | null = null;
  #said: { atMs: number; cache: string | null } | null = null;
  #failing = false;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
    this.#kv = new CarrierReader({
      ...deps,
      freshMs: FRESH_MS,
      staleMs: STALE_MS,
      ask: () => ask(deps.kv),
      answered: (raw, late, keepAlive) => this.#kvAnswered(raw, late, keepAlive),
      failed: () => {
        this.#memory = rememberFailure(this.#memory);
      },
    });
    this.#beacon = deps.beacon == null ? null : this.#readerOf(deps.beacon);
  }

  current(keepAlive: KeepAlive): EffectiveState | Promise<EffectiveState> {
    const nowMs = this.#deps.now();
    const kv = this.#kv.look(nowMs, keepAlive);
    const beacon = this.#beacon === null ? null : this.#beacon.look(nowMs, keepAlive);
    if (kv === null && beacon === null) return effectiveState(this.#memory, nowMs);
    return this.#after(kv, beacon);
  }

  async fresh(keepAlive: KeepAlive): Promise<EffectiveState> {
    const nowMs = this.#deps.now();
    await Promise.all([
      this.#kv.lookAnew(nowMs, keepAlive),
      this.#beacon?.lookAnew(nowMs, keepAlive),
    ]);
    // The copy of the beacon's answer may be from before its stop: only the beacon itself can say that it has ended.
    const telling = this.#passOn(keepAlive, this.beacon()?.heard === false);
    if (telling !== null) await this.#kv.atMost(READ_LIMIT_MS, telling);
    return effectiveState(this.#memory, this.#deps.now());
  }

  beacon(): BeaconSight | null {
    if (this.#beacon === null) return null;
    const ageMs = this.#said === null ? null : Math.max(0, this.#deps.now() - this.#said.atMs);
    const heard = releaseIn(this.#stopText) === null || this.#heardText === this.#stopText;
    const releaseId = releaseIn(this.#heardText)?.id ?? null;
    return { ageMs, cache: this.#said?.cache ?? null, failing: this.#failing, heard, releaseId };
  }

  #readerOf(beacon: BeaconCarrier): CarrierReader<BeaconRead> {
    return new CarrierReader({
      ...this.#deps,
      freshMs: FRESH_MS,
      staleMs: BEACON_STALE_MS,
      ask: (keepAlive) => beacon.read(keepAlive),
      answered: (read) => this.#beaconAnswered(read),
      failed: () => {
        this.#failing = true;
      },
    });
  }

  async #after(kv: Promise<void> | null, beacon: Promise<void> | null): Promise<EffectiveState> {
    await Promise.all([kv, beacon]);
    return effectiveState(this.#memory, this.#deps.now());
  }

  /** A late answer still counts for its stop, when a younger read has answered. */
  #kvAnswered(raw: RawState, late: boolean, keepAlive: KeepAlive): void {
    const nowMs = this.#deps.now();
    this.#memory = (late ? rememberLate : remember)(this.#memory, raw, nowMs);
    if (late) return;
    this.#stopText = raw.stop;
    this.#passOn(keepAlive);
  }

  #beaconAnswered({ answer, saidAtMs, cache }: BeaconRead): void {
    this.#memory = rememberBeacon(this.#memory, answer);
    this.#said = { atMs: saidAtMs, cache };
    this.#failing = false;
  }

  /**
   * A release is written to KV alone: whoever reads it there tells the beacon, where that holds what it covers, as
   * far as is known; or `whatever` is known. Null: there is nothing to tell.
   */
  #passOn(keepAlive: KeepAlive, whatever = false): Promise<void> | null {
    const { beacon } = this.#deps;
    const text = this.#stopText;
    if (beacon == null || text === null) return null;
    if (!whatever && !isNewsForBeacon(this.#memory.beacon, text)) return null;
    const nowMs = this.#deps.now();
    if (this.#wasJustTold(text, nowMs)) return null;
    const telling = { text, startedMs: nowMs, outcome: "open" as "open" | "heard" | "failed" };
    this.#telling = telling;
    const work = beacon.tell(text).then(
      ({ answer }) => {
        telling.outcome = "heard";
        this.#heardText = text;
        this.#memory = rememberBeacon(this.#memory, answer);
      },
      () => {
        telling.outcome = "failed";
      },
    );
    keepAlive(work);
    return work;
  }

  /** One that is under way may be of a request that was torn down. */
  #wasJustTold(text: string, nowMs: number): boolean {
    if (this.#telling === null || this.#telling.text !== text) return false;
    const { outcome, startedMs } = this.#telling;
    const pauseMs = outcome === "heard" ? TELL_AGAIN_MS.heard : TELL_AGAIN_MS.failed;
    return Math.abs(nowMs - startedMs) < pauseMs;
  }
}

/** Rejects on whatever a broken KV may do. */
async function ask(kv: StateKv): Promise<RawState> {
  const values = await kv.get(STATE_KEYS, { cacheTtl: CACHE_TTL_S });
  return rawState((key) => textOrNull(values.get(key)));
}

function textOrNull(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  throw new TypeError("KV answered with something that is not text");
}
