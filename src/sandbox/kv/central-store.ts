/** The central KV store: last write wins, no compare-and-set, entries may expire. */
export interface KvEntry {
  value: Uint8Array;
  metadata: unknown;
  expiresAtMs: number | null;
}

/** One write; `entry: null` is a deletion. */
export interface KvWrite {
  seq: number;
  key: string;
  entry: KvEntry | null;
  atMs: number;
}

export interface KeyListing {
  name: string;
  expirationS: number | null;
  metadata: unknown;
}

/** Kept per key, so that stale reads have something to go back to. */
const KEPT_WRITES = 16;

export interface PutOptions {
  metadata?: unknown;
  expiresAtMs?: number | null;
}

export class CentralStore {
  readonly #now: () => number;
  readonly #writes = new Map<string, KvWrite[]>();
  readonly #listeners: ((write: KvWrite) => void)[] = [];
  #seq = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Called with each write before the write is acknowledged. */
  onWrite(listener: (write: KvWrite) => void): void {
    this.#listeners.push(listener);
  }

  put(key: string, value: Uint8Array | string, options: PutOptions = {}): KvWrite {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    const expiresAtMs = options.expiresAtMs ?? null;
    return this.#append(key, { value: bytes, metadata: options.metadata ?? null, expiresAtMs });
  }

  delete(key: string): KvWrite {
    return this.#append(key, null);
  }

  /** `back`: how many writes to go back in time; the oldest kept one is the limit. */
  get(key: string, back = 0): KvEntry | null {
    const writes = this.#writes.get(key);
    if (writes === undefined) return null;
    const index = Math.max(0, writes.length - 1 - back);
    return this.#alive(writes[index]?.entry ?? null);
  }

  text(key: string): string | null {
    const entry = this.get(key);
    return entry === null ? null : new TextDecoder().decode(entry.value);
  }

  /** Names in order, after `cursor` (the last name of the page before). */
  list(options: { prefix?: string; limit: number; cursor?: string }): {
    keys: KeyListing[];
    cursor: string;
  } {
    const names = [...this.#writes.keys()]
      .filter((name) => name.startsWith(options.prefix ?? "") && this.get(name) !== null)
      .filter((name) => options.cursor === undefined || name > options.cursor)
      .sort((a, b) => (a < b ? -1 : 1));
    const page = names.slice(0, options.limit);
    const more = names.length > page.length;
    return {
      keys: page.map((name) => this.#listing(name)),
      cursor: more ? (page.at(-1) ?? "") : "",
    };
  }

  #listing(name: string): KeyListing {
    const entry = this.get(name);
    const expiresAtMs = entry?.expiresAtMs ?? null;
    return {
      name,
      expirationS: expiresAtMs === null ? null : Math.floor(expiresAtMs / 1000),
      metadata: entry?.metadata ?? null,
    };
  }

  #append(key: string, entry: KvEntry | null): KvWrite {
    const write = { seq: ++this.#seq, key, entry, atMs: this.#now() };
    const writes = this.#writes.get(key) ?? [];
    writes.push(write);
    if (writes.length > KEPT_WRITES) writes.shift();
    this.#writes.set(key, writes);
    for (const listener of this.#listeners) listener(write);
    return write;
  }

  #alive(entry: KvEntry | null): KvEntry | null {
    if (entry === null || entry.expiresAtMs === null) return entry;
    return entry.expiresAtMs <= this.#now() ? null : entry;
  }
}
