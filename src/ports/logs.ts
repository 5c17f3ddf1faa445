/** Logs: the bucket, its folders on this machine, the live tail, and how they are read. */
import type { LogWindow } from "../domain/logs/batch-name.ts";
import type { LogManifest } from "../domain/logs/manifest.ts";
import type { CallOptions } from "./api.ts";

/** One object of the logs bucket. The key comes from outside: it may hold anything. */
export interface LogObject {
  key: string;
  size: number;
  /** Without quotes: MD5 in hex of what was uploaded in one part, `<hash>-<parts>` of several. */
  etag: string;
  /** Null when the API does not say. */
  lastModifiedMs: number | null;
}

export interface LogContent {
  etag: string;
  /** Of the whole object; null when the API does not say. */
  size: number | null;
  /** Where `chunks` begins: what was asked for, or 0 when the API answers from the start. */
  fromByte: number;
  /** The bytes as stored (gzip). Throws UpstreamError when they stop half-way. Read once. */
  chunks: AsyncIterable<Uint8Array>;
}

/** The logs bucket. All methods throw UpstreamError; `not-found` when no bucket is configured. */
export interface LogArchive {
  /** As configured; null when the environment names no bucket. The prefix has no slash at its end. */
  readonly place: { bucket: string; prefix: string } | null;
  /**
   * The objects that may hold events of the window, by name: more of them, as batches arrive late
   * and out of order; names that are no batch's are left out. Null: everything below the prefix,
   * whatever its name. In the order of keys.
   */
  list(
    window: LogWindow | null,
    options: CallOptions & { prefix?: string },
  ): AsyncIterable<LogObject>;
  /** `fromByte` asks for the rest of an object, which must still have this etag. */
  read(
    key: string,
    options: CallOptions & { rest?: { fromByte: number; etag: string } },
  ): Promise<LogContent>;
}

/** What a live tail has to say. */
export type TailNotice =
  /** Connected; `gapMs` is how long nothing could arrive, null the first time. */
  | { kind: "open"; gapMs: number | null }
  /** A trace event as the tail API sends it (camelCase), from outside. */
  | { kind: "event"; event: unknown }
  /** The tail itself says that it leaves out lines. */
  | { kind: "dropped"; message: string }
  /** It leaves out none any more. */
  | { kind: "resumed"; message: string }
  | { kind: "lost"; why: string };

/** The live tail of the environment's Worker. */
export interface LogTail {
  /**
   * Until the signal aborts, which ends it without an error. Reconnects; throws UpstreamError when
   * that is refused or does not succeed within its limits. The tail is deleted at the end.
   */
  follow(options: CallOptions): AsyncIterable<TailNotice>;
}

/** What is known of a file that is there. */
export interface FileFacts {
  size: number;
  /** Hex. */
  sha256: string;
  md5: string;
}

/** A folder for downloaded logs. Names are safe ones (`safeName`); throws LocalError. */
export interface LogFolder {
  readonly path: string;
  /** Null when there is none, or none that can be read. */
  manifest(): Promise<LogManifest | null>;
  /** In place of the former one, at once. */
  saveManifest(manifest: LogManifest): Promise<void>;
  /** Null when there is no such regular file. */
  facts(file: string): Promise<FileFacts | null>;
  /** Bytes that an earlier run left of this file; 0 when none. */
  partSize(file: string): Promise<number>;
  /** Appends after `fromByte` bytes of what an earlier run left, then gives the facts of the whole. */
  writePart(
    file: string,
    fromByte: number,
    chunks: AsyncIterable<Uint8Array>,
    onBytes: (count: number) => void,
  ): Promise<FileFacts>;
  /** The part becomes the file. `replace`: in place of what is there; else that is an error. */
  keepPart(file: string, options: { replace: boolean }): Promise<void>;
  /** The part is kept under a name that nothing reads, which is returned. */
  setAside(file: string): Promise<string>;
  dropPart(file: string): Promise<void>;
}

export interface LogFolders {
  /** The local name of an object below the prefix; never two keys' alike. */
  nameOf(key: string, prefix: string): string;
  /**
   * Creates it for the owner alone (0700) unless it exists. Throws LocalError, also for one that the operator has
   * not `named` and that others could have put there.
   */
  open(path: string, from: { named: boolean }): Promise<LogFolder>;
}

/**
 * Takes the records of logs, of several files in turns; `LogAnalysis` in the domain is one. `skim` gets a latin-1 view
 * of a file's bytes: it takes the line at `start` and returns where the next begins, or returns -1 to be given that
 * line decoded.
 */
export interface RecordTaker {
  skim(text: string, start: number): number;
  /** The text of one JSON object; false when it is none. */
  record(text: string): boolean;
  /** Something that is no record, or one that is too long to be looked at. */
  broken(): void;
}

/** Bytes to be read as a log, compressed or not: a file, standard input, an object of the bucket. */
export interface LogSource {
  /** For people; may hold anything. */
  name: string;
  /** As stored; null when that is not known. */
  bytes: number | null;
  /** Called once. What it throws is a problem of this source alone. */
  open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface LogProblem {
  file: string;
  /** In the file as stored (compressed); null when nothing of it could be read. */
  offset: number | null;
  what: string;
}

export interface LogReading {
  /** Read to the end, or as far as that was possible. */
  files: number;
  /** As stored, and after expansion. */
  bytes: number;
  expanded_bytes: number;
  /** The first ones; `problem_count` counts them all. */
  problems: LogProblem[];
  problem_count: number;
  /** Something was not read: a cut, a limit, an interruption. */
  partial: boolean;
}

export interface FoundLogs {
  sources: LogSource[];
  warnings: string[];
  empty: string[];
  window: LogWindow | null;
}

export interface LogReader {
  /**
   * Files, folders (and what lies below), `-` for standard input. Throws LocalError for a path that
   * does not exist. Warnings are about what is passed over, `empty` names folders without log files. `window` is
   * what a folder of `logs pull` was fetched for, when there is one and nothing else is read.
   */
  find(paths: readonly string[]): Promise<FoundLogs>;
  /** Each source once. An abort ends it early; it never throws for what a source holds. */
  read(
    sources: Iterable<LogSource> | AsyncIterable<LogSource>,
    taker: RecordTaker,
    options: { signal: AbortSignal; maxExpandedBytes?: number | undefined },
  ): Promise<LogReading>;
}
