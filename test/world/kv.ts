/** Workers KV: one store behind, and in each location copies that age, each key by itself. */
import type { Dice } from "./dice.ts";

interface Version {
  atMs: number;
  text: string;
}

export class Kv {
  readonly #values = new Map<string, Version>();

  put(key: string, text: string, nowMs: number): void {
    this.#values.set(key, { atMs: nowMs, text });
  }

  get(key: string): string | null {
    return this.#values.get(key)?.text ?? null;
  }

  writtenAtMs(key: string): number {
    return this.#values.get(key)?.atMs ?? Number.NEGATIVE_INFINITY;
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
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
