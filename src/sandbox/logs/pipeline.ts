/** Gathers trace events into batches and puts them into the logs bucket, late if told so. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { batchKey } from "../../domain/logs/batch-name.ts";
import type { Bucket } from "../edge/backstage.ts";
import { pause } from "../pause.ts";
import type { Random } from "../random.ts";
import { type LogpushRecord, recordOf } from "./logpush-record.ts";
import type { Trace } from "./trace.ts";

const compress = promisify(gzip);

export interface PipelineSettings {
  /** How long records are gathered for one file. */
  batchMs: number;
  /** How long a finished file takes to the bucket; drawn for each, so that they overtake each other. */
  delayMs: { min: number; max: number };
}

export const PROMPT_DELIVERY: PipelineSettings = { batchMs: 10_000, delayMs: { min: 0, max: 0 } };

export interface PipelineState extends PipelineSettings {
  /** Records that are being gathered. */
  gathering: number;
  /** Files that are on their way. */
  onTheirWay: number;
  delivered: number;
  /** Records that found no room. */
  dropped: number;
}

/** A full batch is closed early, as Logpush does it. */
const MAX_RECORDS = 20_000;
const MAX_BATCH_CHARS = 16 * 1024 * 1024;
const MAX_ON_THEIR_WAY = 50;
const CLOSE_LIMIT_MS = 2_000;

interface Batch {
  fromMs: number;
  toMs: number;
  text: string;
}

export interface PipelineOptions {
  /** Where the files go; the prefix without a slash at its end. */
  place: () => { bucket: Bucket; prefix: string };
  random: Random;
  now?: () => number;
}

export class LogPipeline {
  settings: PipelineSettings = { ...PROMPT_DELIVERY };
  readonly #options: PipelineOptions;
  readonly #now: () => number;
  readonly #closing = new AbortController();
  #lines: string[] = [];
  #chars = 0;
  #fromMs = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Their promises settle when the file is in the bucket, or never will be. */
  readonly #sending = new Map<Promise<void>, AbortController>();
  #delivered = 0;
  #dropped = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  get state(): PipelineState {
    return {
      ...this.settings,
      gathering: this.#lines.length,
      onTheirWay: this.#sending.size,
      delivered: this.#delivered,
      dropped: this.#dropped,
    };
  }

  add(trace: Trace): void {
    if (this.#closing.signal.aborted) return;
    const line = `${JSON.stringify(recordOf(trace))}\n`;
    const full = this.#lines.length >= MAX_RECORDS || this.#chars + line.length > MAX_BATCH_CHARS;
    if (full) this.#closeBatch();
    if (this.#lines.length === 0) {
      this.#fromMs = this.#now();
      this.#timer = setTimeout(() => this.#closeBatch(), this.settings.batchMs);
      this.#timer.unref();
    }
    this.#lines.push(line);
    this.#chars += line.length;
  }

  /** Everything that is gathered or on its way is in the bucket when this resolves. */
  async flush(): Promise<void> {
    this.#closeBatch();
    for (const delay of this.#sending.values()) delay.abort();
    await Promise.all(this.#sending.keys());
  }

  /** A finished file with a range of its own, at once; the key is returned. */
  async addBatch(
    range: { fromMs: number; toMs: number },
    records: readonly (LogpushRecord | Record<string, unknown>)[],
  ): Promise<string> {
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join("");
    return this.#put({ ...range, text });
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#closing.abort();
    for (const delay of this.#sending.values()) delay.abort();
    const limit = new AbortController();
    await Promise.race([Promise.all(this.#sending.keys()), pause(CLOSE_LIMIT_MS, limit.signal)]);
    limit.abort();
  }

  #closeBatch(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const lines = this.#lines;
    if (lines.length === 0) return;
    const batch = { fromMs: this.#fromMs, toMs: this.#now(), text: lines.join("") };
    this.#lines = [];
    this.#chars = 0;
    if (this.#sending.size >= MAX_ON_THEIR_WAY) {
      this.#dropped += lines.length;
      return;
    }
    const delay = new AbortController();
    const sending = this.#send(batch, delay.signal)
      .catch(() => {
        this.#dropped += lines.length;
      })
      .finally(() => this.#sending.delete(sending));
    this.#sending.set(sending, delay);
  }

  async #send(batch: Batch, delay: AbortSignal): Promise<void> {
    const { min, max } = this.settings.delayMs;
    if (max > 0) await pause(this.#options.random.between(min, max), delay);
    if (this.#closing.signal.aborted) return;
    await this.#put(batch);
    this.#delivered += 1;
  }

  /** Names have whole seconds: the range is widened to them. */
  async #put({ fromMs, toMs, text }: Batch): Promise<string> {
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
    const { bucket, prefix } = this.#options.place();
    const key = batchKey(prefix, { fromMs, toMs: Math.ceil(toMs / 1000) * 1000 }, hash);
    await bucket.put(key, await compress(text), { contentType: "application/gzip" });
    return key;
  }
}
