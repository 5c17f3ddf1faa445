/** Workers KV: one store behind, and in each location copies that age, each key by itself. */
import type { Dice } from "./dice.ts";

export interface Version {
  atMs: number;
  text: string;
}

export class Kv {
  /** By key, oldest first. */
  readonly #versions = new Map<string, Version[]>();

  put(key: string, text: string, nowMs: number): void {
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [{ atMs: nowMs, text }]);
    else versions.push({ atMs: nowMs, text });
  }

  /** As it was then; null when there was none. */
  get(key: string, atMs: number = Number.POSITIVE_INFINITY): string | null {
    const versions = this.#versions.get(key) ?? [];
    for (let i = versions.length - 1; i >= 0; i -= 1) {
      const version = versions[i];
      if (version !== undefined && version.atMs <= atMs) return version.text;
    }
    return null;
  }

  writtenAtMs(key: string): number {
    return this.#versions.get(key)?.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY;
  }

  keys(prefix: string): string[] {
    return [...this.#versions.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}

interface Copy {
  text: string | null;
  atMs: number;
}

/** Of one location. With two tiers a read may go back in time: each holds copies of its own age. */
export class Copies {
  readonly #kv: Kv;
  /** No copy is older. */
  readonly #lagMs: number;
  readonly #tiers: readonly Map<string, Copy>[];

  constructor(kv: Kv, { lagMs, tiers }: { lagMs: number; tiers: number }) {
    this.#kv = kv;
    this.#lagMs = lagMs;
    this.#tiers = Array.from({ length: tiers }, () => new Map());
  }

  read(keys: readonly string[], nowMs: number, dice: Dice): Map<string, string | null> {
    const tier = this.#tiers[dice.int(this.#tiers.length)];
    return new Map(keys.map((key) => [key, this.#at(key, nowMs, tier)]));
  }

  #at(key: string, nowMs: number, tier: Map<string, Copy> | undefined): string | null {
    const copy = tier?.get(key);
    if (copy !== undefined && nowMs - copy.atMs < this.#lagMs) return copy.text;
    const text = this.#kv.get(key);
    tier?.set(key, { text, atMs: nowMs });
    return text;
  }
}
