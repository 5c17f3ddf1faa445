/** Many objects of the logs bucket into a folder with its manifest. */
import { anySignal } from "../../domain/lib/abort.ts";
import type { LogManifest, ManifestFile } from "../../domain/logs/manifest.ts";
import { counted, countText } from "../../domain/text/format.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { LogFolder, LogObject } from "../../ports/logs.ts";
import type { Ports } from "../../ports/ports.ts";
import { bytesText } from "../lib/time-window.ts";
import { type Pulled, pullFile } from "./pull-file.ts";

export interface PullProblem {
  key: string;
  file: string;
  problem: string;
}

export interface PullResult {
  fetched: number;
  /** Complete from an earlier run. */
  there: number;
  /** Of the files above. */
  bytes: number;
  problems: PullProblem[];
  /** What ended it early; null when every file had its turn. */
  stopped: unknown;
}

/** The API answers each user 1,200 requests in 5 minutes, which also has to serve a stop. */
const PARALLEL = 4;
const SAVE_EVERY_MS = 2_000;
const DRAW_EVERY_MS = 100;
const TELL_EVERY_MS = 10_000;

/** Never throws: what is complete is in the manifest, and the rest is told. */
export async function pullFiles(
  objects: readonly LogObject[],
  folder: LogFolder,
  manifest: LogManifest,
  ports: Ports,
  options: CallOptions,
): Promise<PullResult> {
  const run = new PullRun(objects, folder, manifest, ports);
  const stop = new AbortController();
  const signal = anySignal([options.signal, stop.signal]);
  const workers = Array.from({ length: PARALLEL }, async () => {
    try {
      for (let next = run.next(); next !== null && !signal.aborted; next = run.next()) {
        await run.pull(next, { ...options, signal });
      }
    } catch (error) {
      run.stoppedBy(options.signal.aborted ? options.signal.reason : error);
      stop.abort();
    }
  });
  await Promise.all(workers);
  if (options.signal.aborted) run.stoppedBy(options.signal.reason);
  return run.end();
}

class PullRun {
  readonly #objects: readonly LogObject[];
  readonly #folder: LogFolder;
  readonly #ports: Ports;
  readonly #manifest: LogManifest;
  readonly #entries: Map<string, ManifestFile>;
  readonly #total: number;
  readonly #result: PullResult = { fetched: 0, there: 0, bytes: 0, problems: [], stopped: null };
  #position = 0;
  #received = 0;
  #savedAtMs: number;
  #toldAtMs: number;
  #drawnAtMs = 0;
  #saving: Promise<void> = Promise.resolve();

  constructor(
    objects: readonly LogObject[],
    folder: LogFolder,
    manifest: LogManifest,
    ports: Ports,
  ) {
    this.#objects = objects;
    this.#folder = folder;
    this.#manifest = manifest;
    this.#ports = ports;
    this.#entries = new Map(manifest.files.map((entry) => [entry.file, entry]));
    this.#total = objects.reduce((sum, { size }) => sum + size, 0);
    this.#savedAtMs = ports.clock.monotonic();
    this.#toldAtMs = this.#savedAtMs;
  }

  next(): LogObject | null {
    const object = this.#objects[this.#position];
    this.#position += 1;
    return object ?? null;
  }

  async pull(object: LogObject, options: CallOptions): Promise<void> {
    const prefix = this.#manifest.prefix;
    const file = this.#ports.logs.folders.nameOf(object.key, prefix);
    const onBytes = (count: number): void => {
      this.#received += count;
      this.#tell();
    };
    const place = { folder: this.#folder, earlier: this.#entries.get(file) ?? null, onBytes };
    this.#record(object, file, await pullFile(object, file, place, this.#ports, options));
    this.#tell();
    if (this.#ports.clock.monotonic() - this.#savedAtMs > SAVE_EVERY_MS) await this.#save();
  }

  stoppedBy(reason: unknown): void {
    this.#result.stopped ??= reason;
  }

  async end(): Promise<PullResult> {
    this.#ports.progress.update("");
    try {
      await this.#save();
    } catch (error) {
      this.stoppedBy(error);
    }
    return this.#result;
  }

  #record(object: LogObject, file: string, pulled: Pulled): void {
    if (pulled.kind === "problem") {
      const { problem } = pulled;
      this.#result.problems.push({ key: object.key, file, problem });
      this.#ports.progress.warn(`${file}: ${problem}`);
      return;
    }
    this.#entries.set(file, pulled.entry);
    this.#result[pulled.kind] += 1;
    this.#result.bytes += object.size;
  }

  #save(): Promise<void> {
    this.#savedAtMs = this.#ports.clock.monotonic();
    const files = [...this.#entries.values()].toSorted((a, b) => (a.file < b.file ? -1 : 1));
    const save = () => this.#folder.saveManifest({ ...this.#manifest, files });
    this.#saving = this.#saving.then(save);
    return this.#saving;
  }

  /** In place on a terminal; a line now and then elsewhere. */
  #tell(): void {
    const nowMs = this.#ports.clock.monotonic();
    if (nowMs - this.#drawnAtMs < DRAW_EVERY_MS) return;
    this.#drawnAtMs = nowMs;
    const { fetched, there, problems } = this.#result;
    const done = fetched + there + problems.length;
    const text = `  ${countText(done)} of ${counted(this.#objects.length, "file")} · ${bytesText(this.#received)} of ${bytesText(this.#total)}`;
    this.#ports.progress.update(text);
    if (this.#ports.screen.inPlace || nowMs - this.#toldAtMs < TELL_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    this.#ports.progress.note(text);
  }
}
