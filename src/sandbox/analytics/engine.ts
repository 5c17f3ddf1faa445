/** Analytics Engine: keeps what the Workers write, sampled on purpose, and answers SQL about it. */
import type { CaughtPoint } from "../edge/services.ts";
import type { Random } from "../random.ts";
import { Chdb } from "./chdb.ts";
import type { CheckedSql } from "./sql.ts";
import { BLOB_COLUMNS, DOUBLE_COLUMNS } from "./sql-words.ts";

export interface MetricsSettings {
  /** One of so many points is kept, drawn at random; one number, or by index value (others: 1). */
  sampleInterval: number | Record<string, number>;
  /** Until a point can be seen by a query. */
  delayMs: number;
}

export const PLAIN_METRICS: MetricsSettings = { sampleInterval: 1, delayMs: 0 };

/** One stored row. */
export interface StoredPoint {
  dataset: string;
  atMs: number;
  /** How many written points it stands for. */
  sampleInterval: number;
  index: string;
  blobs: readonly (string | null)[];
  doubles: readonly number[];
}

interface Pending {
  point: StoredPoint;
  visibleAtMs: number;
}

const MAX_PENDING = 300_000;
const ROWS_PER_INSERT = 20_000;

export class AnalyticsEngine {
  settings: MetricsSettings = { ...PLAIN_METRICS };
  readonly #random: Random;
  readonly #now: () => number;
  readonly #chdb = new Chdb();
  readonly #datasets = new Set<string>();
  #pending: Pending[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  /** `random` draws which points a sample keeps. */
  constructor(random: Random, now: () => number = Date.now) {
    this.#random = random;
    this.#now = now;
  }

  /** chDB runs from the first query on. */
  get started(): boolean {
    return this.#chdb.started;
  }

  /** As the binding's `writeDataPoint`: sampled per index value, visible after the delay. */
  write(dataset: string, point: CaughtPoint): void {
    const index = point.indexes[0] ?? "";
    const sampleInterval = this.#intervalOf(index);
    if (sampleInterval > 1 && this.#random.next() * sampleInterval >= 1) return;
    const { atMs, blobs, doubles } = point;
    const stored = { dataset, atMs, sampleInterval, index, blobs, doubles };
    this.#keep(stored, this.#now() + this.settings.delayMs);
  }

  /** Rows as they are, visible at once. */
  add(points: readonly StoredPoint[]): void {
    for (const point of points) this.#keep(point, 0);
  }

  /** Whether a query can know it: a dataset comes to be with its first visible point. */
  has(dataset: string): boolean {
    const now = this.#now();
    const due = ({ point, visibleAtMs }: Pending): boolean =>
      point.dataset === dataset && visibleAtMs <= now;
    return this.#datasets.has(dataset) || this.#pending.some(due);
  }

  /** Every point that is visible when asked is seen. Rejects as Chdb.ask does. */
  select({ sql, format }: Extract<CheckedSql, { ok: true }>): Promise<string> {
    return this.#inTurn(async () => {
      await this.#store();
      return this.#chdb.ask({ kind: "select", sql, format });
    });
  }

  /** Forgets all rows; the datasets stay known. */
  forget(): Promise<void> {
    this.#pending = [];
    return this.#inTurn(async () => {
      for (const dataset of this.#datasets) await this.#chdb.ask({ kind: "forget", dataset });
    });
  }

  close(): Promise<void> {
    return this.#chdb.close();
  }

  #intervalOf(index: string): number {
    const { sampleInterval } = this.settings;
    if (typeof sampleInterval === "number") return sampleInterval;
    return Object.hasOwn(sampleInterval, index) ? (sampleInterval[index] ?? 1) : 1;
  }

  #keep(point: StoredPoint, visibleAtMs: number): void {
    this.#pending.push({ point, visibleAtMs });
    // In strides: a shift at each point would move them all.
    if (this.#pending.length > MAX_PENDING * 1.1) this.#pending = this.#pending.slice(-MAX_PENDING);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #store(): Promise<void> {
    const now = this.#now();
    const due = this.#pending.filter(({ visibleAtMs }) => visibleAtMs <= now);
    this.#pending = this.#pending.filter(({ visibleAtMs }) => visibleAtMs > now);
    for (const dataset of new Set(due.map(({ point }) => point.dataset))) {
      // At once: a question that comes while the rows are on their way waits behind them.
      this.#datasets.add(dataset);
      const rows = due.map(({ point }) => point).filter((point) => point.dataset === dataset);
      for (let i = 0; i < rows.length; i += ROWS_PER_INSERT) {
        const lines = rows.slice(i, i + ROWS_PER_INSERT).map(lineOf);
        await this.#chdb.ask({ kind: "insert", dataset, lines: lines.join("\n") });
      }
    }
  }
}

/** Whole seconds, as Analytics Engine keeps them; what is not given is empty or zero. */
function lineOf({ dataset, atMs, sampleInterval, index, blobs, doubles }: StoredPoint): string {
  const row: Record<string, string | number> = {
    dataset,
    timestamp: Math.floor(atMs / 1000),
    _sample_interval: sampleInterval,
    index1: index,
  };
  BLOB_COLUMNS.forEach((name, i) => {
    const value = blobs[i];
    if (value !== undefined && value !== null && value !== "") row[name] = value;
  });
  DOUBLE_COLUMNS.forEach((name, i) => {
    const value = doubles[i];
    if (value !== undefined && value !== 0) row[name] = value;
  });
  return JSON.stringify(row);
}
