/**
 * Workers Cache before an entrypoint, as the locations see it: each keeps a copy of an answer until it expires
 * or a purge reaches that location. As at Cloudflare, an answer that is being fetched while the purge comes may
 * be the old one, and is kept.
 */
import type { LagRange } from "../kv/replicas.ts";
import type { Random } from "../random.ts";

/** Purges are said to arrive within 150 ms in the middle, and within about a second. */
export const PURGE_LAG: LagRange = { min: 50, max: 300 };

export interface Copy {
  text: string;
  tags: readonly string[];
  /** Milliseconds. */
  maxAgeMs: number;
}

interface Kept extends Copy {
  atMs: number;
}

interface Purge {
  tags: readonly string[];
  /** Per location; where it is lost there is none. */
  arrivesAtMs: ReadonlyMap<string, number>;
}

const KEPT_PURGES = 256;

export interface CopiesState {
  purgeLagMs: LagRange;
  /** Locations that no purge reaches. */
  purgesLost: string[];
  /** False: no cache stands before the entrypoints, and their answers do not say so. */
  cached: boolean;
}

export class CacheCopies {
  readonly #locations: readonly string[];
  readonly #random: Random;
  readonly #now: () => number;
  readonly #copies = new Map<string, Kept>();
  readonly #lost = new Set<string>();
  #purges: Purge[] = [];
  #lagMs = PURGE_LAG;
  cached = true;

  constructor(locations: readonly string[], random: Random, now: () => number = Date.now) {
    this.#locations = locations;
    this.#random = random;
    this.#now = now;
  }

  match(colo: string, key: string): Copy | null {
    const kept = this.#copies.get(`${colo} ${key}`);
    if (kept === undefined) return null;
    const nowMs = this.#now();
    const expired = nowMs - kept.atMs >= kept.maxAgeMs;
    const purged = this.#purges.some(({ tags, arrivesAtMs }) => {
      const atMs = arrivesAtMs.get(colo) ?? Number.POSITIVE_INFINITY;
      return atMs >= kept.atMs && atMs <= nowMs && tags.some((tag) => kept.tags.includes(tag));
    });
    return expired || purged ? null : kept;
  }

  keep(colo: string, key: string, copy: Copy): void {
    if (copy.maxAgeMs > 0) this.#copies.set(`${colo} ${key}`, { ...copy, atMs: this.#now() });
  }

  purge(tags: readonly string[]): void {
    const { min, max } = this.#lagMs;
    const reached = this.#locations.filter((colo) => !this.#lost.has(colo));
    const arrivesAtMs = new Map(
      reached.map((colo) => [colo, this.#now() + this.#random.between(min, max)]),
    );
    this.#purges = [...this.#purges, { tags, arrivesAtMs }].slice(-KEPT_PURGES);
  }

  /** Of purges from now on. */
  setPurgeLag(lagMs: LagRange): void {
    this.#lagMs = lagMs;
  }

  setPurgesLost(lost: boolean, colo?: string): void {
    for (const one of colo === undefined ? this.#locations : [colo]) {
      if (lost) this.#lost.add(one);
      else this.#lost.delete(one);
    }
  }

  heal(): void {
    this.#lost.clear();
    this.cached = true;
  }

  state(): CopiesState {
    return { purgeLagMs: this.#lagMs, purgesLost: [...this.#lost], cached: this.cached };
  }
}
