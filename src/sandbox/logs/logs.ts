/** What becomes of the Workers' trace events: Logpush files, live tails, and how to disturb both. */
import type { Bucket } from "../edge/backstage.ts";
import type { Random } from "../random.ts";
import { LOGS_BUCKET } from "../types.ts";
import type { LogpushRecord } from "./logpush-record.ts";
import { LogPipeline, type PipelineState, PROMPT_DELIVERY } from "./pipeline.ts";
import { PLAIN_TAILS, type TailSettings, Tails } from "./tails.ts";
import { type TracedWorker, tracesOf } from "./trace.ts";

/** A bucket of the account, and a folder in it. */
export interface LogsPlace {
  bucket: string;
  /** Without a slash at its end. */
  prefix: string;
}

/** Where logs are put and looked for by hand, whether a job delivers any or not. */
export const USUAL_PLACE: LogsPlace = { bucket: LOGS_BUCKET, prefix: "b2a" };

export interface LogsChange {
  batchMs?: number;
  delayMs?: { min: number; max: number };
  tail?: Partial<TailSettings>;
}

export interface LogsState extends PipelineState {
  tail: TailSettings & { open: number };
}

export class Logs {
  readonly tails: Tails;
  readonly #pipeline: LogPipeline;
  readonly #bucket: () => Bucket;
  /** Null: no job delivers any. */
  readonly #place: () => LogsPlace | null;

  constructor(
    { bucket, place }: { bucket: (name: string) => Bucket; place: () => LogsPlace | null },
    random: Random,
  ) {
    const known = (): LogsPlace => place() ?? USUAL_PLACE;
    this.#place = place;
    this.#bucket = () => bucket(known().bucket);
    const target = () => ({ bucket: this.#bucket(), prefix: known().prefix });
    this.#pipeline = new LogPipeline({ place: target, random });
    this.tails = new Tails(random);
  }

  start(): Promise<void> {
    return this.tails.start();
  }

  async close(): Promise<void> {
    await this.#pipeline.close();
    await this.tails.close();
  }

  /** What a tail Worker was given, as it came. */
  receive(json: unknown, of: TracedWorker): void {
    for (const trace of tracesOf(json, of)) {
      if (this.#place() !== null) this.#pipeline.add(trace);
      this.tails.publish(trace);
    }
  }

  get state(): LogsState {
    const tail = { ...this.tails.settings, open: this.tails.list().length };
    return { ...this.#pipeline.state, tail };
  }

  set({ tail, ...pipeline }: LogsChange): void {
    Object.assign(this.#pipeline.settings, pipeline);
    Object.assign(this.tails.settings, tail);
  }

  /** Batches as Logpush means to send them, tails that keep up. */
  heal(): void {
    this.set({ ...PROMPT_DELIVERY, tail: PLAIN_TAILS });
  }

  /** All records so far are in the bucket when this resolves. */
  flush(): Promise<void> {
    return this.#pipeline.flush();
  }

  /** One more file, with this range in its name; returns its key. Times in ms since 1970. */
  addBatch(
    range: { fromMs: number; toMs: number },
    records: readonly (LogpushRecord | Record<string, unknown>)[],
  ): Promise<string> {
    return this.#pipeline.addBatch(range, records);
  }

  /** An object of any name; keys of up to 1,024 bytes. */
  async put(key: string, body: string | Uint8Array): Promise<void> {
    await this.#bucket().put(key, body);
  }

  /** The keys in the bucket, in their order; at most `limit`. */
  async keys(limit = 10_000): Promise<string[]> {
    const bucket = this.#bucket();
    const keys: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await bucket.list(cursor === undefined ? {} : { cursor });
      keys.push(...page.objects.map(({ key }) => key));
      cursor = page.truncated ? page.cursor : undefined;
    } while (cursor !== undefined && keys.length < limit);
    return keys.slice(0, limit);
  }

  /** Empties the bucket. */
  async clear(): Promise<void> {
    const bucket = this.#bucket();
    for (;;) {
      const { objects } = await bucket.list();
      if (objects.length === 0) return;
      await bucket.delete(objects.map(({ key }) => key));
    }
  }
}
