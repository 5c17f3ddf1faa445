/**
 * What each edge location sees of the central store: the newest write that has reached it.
 * Each write draws a lag per location, so a deletion or a first write lags like any other.
 */
import type { Random } from "../random.ts";
import type { CentralStore, KvEntry, KvWrite } from "./central-store.ts";

/** Milliseconds. */
export interface LagRange {
  min: number;
  max: number;
}

/**
 * `throw`: reads fail with 503; `hang`: reads never answer; `stale`: one write behind what has
 * arrived; `reorder`: a random one of the writes that have arrived, so that reads go back in time.
 */
export type ReadMode = "normal" | "throw" | "hang" | "stale" | "reorder";

export interface LocationState {
  mode: ReadMode;
  /** Since when nothing new arrives here; null when writes arrive. */
  frozenAtMs: number | null;
  lagMs: LagRange | null;
  /** How long a read takes; drawn for each, so that answers overtake. */
  readMs: LagRange;
}

export const PROMPT: LagRange = { min: 0, max: 0 };

/** Without a draw where there is nothing to draw: it would change what a seed does. */
export function drawnMs({ min, max }: LagRange, random: Random): number {
  return max === 0 ? 0 : random.between(min, max);
}

interface Arrival {
  write: KvWrite;
  /** Per location. */
  visibleAtMs: Map<string, number>;
}

const KEPT_ARRIVALS = 64;
const REORDER_DEPTH = 4;

export interface ReplicasOptions {
  locations: readonly string[];
  store: CentralStore;
  lagMs: LagRange;
  random: Random;
  now?: () => number;
}

export class Replicas {
  readonly #locations = new Map<string, LocationState>();
  readonly #arrivals = new Map<string, Arrival[]>();
  readonly #random: Random;
  readonly #now: () => number;
  #lagMs: LagRange;

  constructor(options: ReplicasOptions) {
    for (const colo of options.locations) {
      this.#locations.set(colo, { mode: "normal", frozenAtMs: null, lagMs: null, readMs: PROMPT });
    }
    this.#random = options.random;
    this.#now = options.now ?? Date.now;
    this.#lagMs = options.lagMs;
    options.store.onWrite((write) => this.#receive(write));
  }

  /** For writes from now on. */
  setLag(lagMs: LagRange, colo?: string): void {
    if (colo === undefined) this.#lagMs = lagMs;
    else this.#state(colo).lagMs = lagMs;
  }

  setMode(mode: ReadMode, colo?: string): void {
    for (const state of this.#chosen(colo)) state.mode = mode;
  }

  setReadMs(readMs: LagRange, colo?: string): void {
    for (const state of this.#chosen(colo)) state.readMs = readMs;
  }

  /** A frozen location keeps what it sees now; when thawed it sees what has arrived meanwhile. */
  freeze(frozen: boolean, colo?: string): void {
    for (const state of this.#chosen(colo)) state.frozenAtMs = frozen ? this.#now() : null;
  }

  /** Everything that is on its way arrives now (a frozen location still does not look). */
  catchUp(): void {
    const now = this.#now();
    for (const arrivals of this.#arrivals.values()) {
      for (const { visibleAtMs } of arrivals) {
        for (const [colo, at] of visibleAtMs) {
          visibleAtMs.set(colo, Math.min(at, Math.max(now, unseenUntil(this.#state(colo)))));
        }
      }
    }
  }

  mode(colo: string): ReadMode {
    return this.#state(colo).mode;
  }

  /** What the next read here takes. */
  drawReadMs(colo: string): number {
    return drawnMs(this.#state(colo).readMs, this.#random);
  }

  state(): { lagMs: LagRange; locations: Record<string, LocationState> } {
    return {
      lagMs: this.#lagMs,
      locations: Object.fromEntries([...this.#locations].map(([colo, s]) => [colo, { ...s }])),
    };
  }

  /** Null when absent, expired or not yet here. */
  read(colo: string, key: string): KvEntry | null {
    const state = this.#state(colo);
    const atMs = state.frozenAtMs ?? this.#now();
    const here = (this.#arrivals.get(key) ?? []).filter(
      (arrival) => (arrival.visibleAtMs.get(colo) ?? Number.POSITIVE_INFINITY) <= atMs,
    );
    const entry = here.at(-1 - this.#stepsBack(state.mode, here.length))?.write.entry ?? null;
    const expired =
      entry !== null && entry.expiresAtMs !== null && entry.expiresAtMs <= this.#now();
    return expired ? null : entry;
  }

  text(colo: string, key: string): string | null {
    const entry = this.read(colo, key);
    return entry === null ? null : new TextDecoder().decode(entry.value);
  }

  #stepsBack(mode: ReadMode, available: number): number {
    if (mode === "stale") return 1;
    if (mode !== "reorder") return 0;
    return Math.floor(this.#random.next() * Math.min(available, REORDER_DEPTH));
  }

  #receive(write: KvWrite): void {
    const visibleAtMs = new Map<string, number>();
    for (const [colo, state] of this.#locations) {
      const { min, max } = state.lagMs ?? this.#lagMs;
      const arrivesAtMs = write.atMs + this.#random.between(min, max);
      visibleAtMs.set(colo, Math.max(arrivesAtMs, unseenUntil(state)));
    }
    const arrivals = this.#arrivals.get(write.key) ?? [];
    arrivals.push({ write, visibleAtMs });
    if (arrivals.length > KEPT_ARRIVALS) arrivals.splice(0, this.#superseded(arrivals));
    this.#arrivals.set(write.key, arrivals);
  }

  /** How many of the oldest arrivals no location can see any more. */
  #superseded(arrivals: Arrival[]): number {
    const newestSeen = [...this.#locations].map(([colo, state]) => {
      const atMs = state.frozenAtMs ?? this.#now();
      return arrivals.findLastIndex((arrival) => (arrival.visibleAtMs.get(colo) ?? 0) <= atMs);
    });
    return Math.max(0, Math.min(arrivals.length - KEPT_ARRIVALS, ...newestSeen));
  }

  #state(colo: string): LocationState {
    const state = this.#locations.get(colo);
    if (state === undefined) throw new Error(`no location ${colo}`);
    return state;
  }

  #chosen(colo: string | undefined): Iterable<LocationState> {
    return colo === undefined ? this.#locations.values() : [this.#state(colo)];
  }
}

/** A write in the very millisecond in which a location was frozen came after that. */
function unseenUntil({ frozenAtMs }: LocationState): number {
  return frozenAtMs === null ? 0 : frozenAtMs + 1;
}
