/** What commands need from the world. Adapters implement these; tests may, too. */
import type { Target } from "./domain/config/environment.ts";
import type { TokenHost } from "./domain/config/token-hosts.ts";
import type { Window as LogWindow } from "./domain/logs/batch-name.ts";
import type { LogManifest } from "./domain/logs/manifest.ts";
import type { Query } from "./domain/metrics/queries.ts";
import type { Notice } from "./domain/notices/notice.ts";
import type { Expectation, Sighting } from "./domain/proof/expectation.ts";
import type { CanaryConfig, StopDocument } from "./domain/state/documents.ts";
import type { JournalEntry } from "./domain/state/journal.ts";
import type { RawState } from "./domain/state/state.ts";

/**
 * How a call to the Cloudflare API ended badly.
 * `ambiguous`: sent, but the answer was lost; the write may have been committed.
 * `deadline`: our own budget ended before anything was answered, in a call that changes nothing.
 * `unavailable`: nothing was done (refused, never reached the API, or a clear "try later").
 */
export type UpstreamKind =
  | "auth"
  | "forbidden"
  | "not-found"
  | "rejected"
  | "unavailable"
  | "deadline"
  | "ambiguous";

export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  readonly kind: UpstreamKind;
  /** HTTP status, or null when there was no answer. */
  readonly status: number | null;
  /** What the API asked us to wait, if it did. */
  readonly retryAfterMs: number | null;
  constructor(
    kind: UpstreamKind,
    message: string,
    details: { status?: number | null; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.status = details.status ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

export interface CallOptions {
  /** Aborts the call, its retries and its waits. */
  signal: AbortSignal;
  /** Told of each failed attempt that will be repeated. */
  onRetry?: (problem: string) => void;
}

/** Workers KV through the Cloudflare API. All methods throw UpstreamError. */
export interface StateStore {
  /**
   * All keys as stored; `once`: one request for each, for who will look again soon anyway.
   * `configAlone`: beside a stop, whose write shares its way with as little as possible; the others may
   * be null.
   */
  read(options: CallOptions & { once?: boolean; configAlone?: boolean }): Promise<RawState>;
  /**
   * Retries at will until the signal aborts: repeating a stop can only help. `once` is for a release,
   * which must not be repeated without looking.
   */
  writeStop(stop: StopDocument, options: CallOptions & { once?: boolean }): Promise<void>;
  /**
   * One attempt: a late retry could overwrite somebody's newer configuration.
   * `atWill` is for the emergency mirror, which may be repeated like a stop.
   */
  writeConfig(config: CanaryConfig, options: CallOptions & { atWill?: boolean }): Promise<void>;
}

/**
 * The other documents beside the state: `ramp`, `ramp-control`, `guardian`, `guardian-arm`. Each has
 * one kind of writer. Methods throw UpstreamError.
 */
export interface Documents {
  /** Null when there is none. */
  get(key: string, options: CallOptions): Promise<string | null>;
  /** Repeated within reason: the same text again changes nothing. */
  put(key: string, text: string, options: CallOptions): Promise<void>;
}

export interface Journal {
  /** Writes to KV and to the local file; returns what went wrong, never throws. */
  append(entry: JournalEntry, options: CallOptions): Promise<string[]>;
  /** The newest `limit` entries, oldest first; KV and local merged. Never throws. */
  recent(
    limit: number,
    options: CallOptions,
  ): Promise<{ entries: JournalEntry[]; warnings: string[] }>;
}

export interface QaProbe {
  /** The `/qa` URLs of this environment. */
  readonly urls: readonly string[];
  /** Never throws: what went wrong is in the sighting. `health: "full"` waits for the pings. */
  look(url: string, options: CallOptions & { health?: "cached" | "full" }): Promise<Sighting>;
}

export interface Clock {
  now(): number;
  /** Monotonic milliseconds, for durations: the wall clock may be set while we measure. */
  monotonic(): number;
  /** Milliseconds since the machine was booted: counts its sleep, too, and no clock setting moves it. */
  uptime(): number;
  /** Aborts after `ms` with a DOMException named TimeoutError; never keeps the process alive. */
  timeout(ms: number): AbortSignal;
  /** Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The time by the API. */
export interface ApiClock {
  /** Milliseconds since the epoch, within 2.5 s; null before its first answer. */
  now(): number | null;
}

export interface Rng {
  /** In [0, 1). */
  next(): number;
  /** A ULID for this time, greater than `after` if that is one. */
  ulid(nowMs: number, after?: string): string;
}

/** One line of progress for the operator, as it happens. */
export interface Progress {
  stage(stage: Stage): void;
  note(text: string): void;
  warn(text: string): void;
  /** How far it is; each takes the place of the one before. Not shown where that cannot be done. */
  update(text: string): void;
}

export type Stage =
  | { kind: "written"; what: "stop" | "config"; elapsedMs: number }
  | { kind: "stored"; what: "stop" | "config"; elapsedMs: number }
  | { kind: "live"; what: string; location: string; url: string; elapsedMs: number }
  | { kind: "waiting"; location: string; because: string; elapsedMs: number };

/** What `doctor` asks the API beyond state; every probe is bounded by the signal. */
export interface AccountProbe {
  token(options: CallOptions): Promise<{ status: string; expiresOn: string | null }>;
  namespace(options: CallOptions): Promise<{ title: string }>;
  /** Writes, reads and deletes a probe key with a short life. */
  writable(options: CallOptions): Promise<void>;
}

/** Analytics Engine, through its SQL API. */
export interface Metrics {
  /**
   * Asks one question of the environment's dataset. Throws UpstreamError; kind `not-found` when the
   * environment names no dataset, or when nothing has been written to it yet. `once`: in one request.
   */
  ask<Row>(
    question: (dataset: string) => Query<Row>,
    options: CallOptions & { once?: boolean },
  ): Promise<Row[]>;
}

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
  /** Creates it for the owner alone (0700) unless it exists. Throws LocalError. */
  open(path: string): Promise<LogFolder>;
}

/**
 * Takes the lines of logs, of several files in turns; `LogAnalysis` in the domain is one. `skim` gets
 * a latin-1 view of a file's bytes: it takes the line at `start` and returns where the next begins, or
 * returns -1 to be given that line decoded.
 */
export interface LineTaker {
  skim(text: string, start: number): number;
  line(text: string): void;
  /** A line that is too long to be looked at. */
  brokenLine(): void;
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

export interface LogReader {
  /**
   * Files, folders (and what lies below), `-` for standard input. Throws LocalError for a path that
   * does not exist. Warnings are about what is passed over. `window` is what a folder of `logs pull`
   * was fetched for, when there is one and nothing else is read.
   */
  find(
    paths: readonly string[],
  ): Promise<{ sources: LogSource[]; warnings: string[]; window: LogWindow | null }>;
  /** Each source once. An abort ends it early; it never throws for what a source holds. */
  read(
    sources: Iterable<LogSource> | AsyncIterable<LogSource>,
    taker: LineTaker,
    options: { signal: AbortSignal; maxExpandedBytes?: number | undefined },
  ): Promise<LogReading>;
}

/** This machine refused: a folder, a file, the disk. The message is for people. */
export class LocalError extends Error {
  override readonly name = "LocalError";
}

/** One request to the environment's API, as a visitor's browser makes it. */
export interface VisitorRequest {
  method: "GET" | "OPTIONS" | "POST" | "PUT";
  /** https, or http on loopback; anything else is `rejected`. */
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Sends the /qa token, if there is one: `rejected` for anything but a configured /qa URL. */
  qaToken?: true;
  /** Logged in, if there is a session: `rejected` for anything but the origin of a /qa URL. */
  session?: true;
}

export interface VisitorAnswer {
  status: number;
  header(name: string): string | null;
  setCookies: readonly string[];
  /** At most 1 MiB: more is no answer. */
  body: Uint8Array;
  elapsedMs: number;
}

export interface VisitorHttp {
  readonly hasQaToken: boolean;
  readonly hasSession: boolean;
  /** Follows no redirect, keeps no cookies. Throws UpstreamError when there is no complete answer. */
  send(request: VisitorRequest, options: CallOptions): Promise<VisitorAnswer>;
}

/** How one channel took a notice. */
export interface NoticeReport {
  channel: string;
  /** Null when it was taken, or when such a notice is none of this channel's business. */
  problem: string | null;
  /** What to do; null without a problem. */
  fix: string | null;
}

/** Tells people, through the channels of the environment. Secrets are looked for when they are needed. */
export interface Notifier {
  /** Names of the configured channels; none: nobody is told. */
  readonly channels: readonly string[];
  /** To all channels at once, within the signal. Returns what went wrong, never throws. */
  notify(notice: Notice, options: CallOptions): Promise<string[]>;
  /** The same, by channel. Never throws. */
  report(notice: Notice, options: CallOptions): Promise<NoticeReport[]>;
}

/** Where a command that runs for long shows what is going on. */
export interface Screen {
  /** A terminal that can be redrawn; else one line per change. */
  readonly inPlace: boolean;
  /** The operator wants documents (`--json`), not lines; never together with `inPlace`. */
  readonly json: boolean;
  /** Characters per line. */
  readonly columns: number;
  readonly rows: number;
  /** Replaces what was shown, line by line; only where `inPlace`. */
  show(text: string): void;
  /** One line that stays. */
  line(text: string): void;
  /** One JSON document on a line of its own; only where `json`. */
  document(value: object): void;
  /** Leaves the terminal as it was found, with the last view on it. */
  close(): void;
}

/** The ramp that this machine carries out, as text that survives any crash. Throws LocalError. */
export interface RampFile {
  readonly path: string;
  /** Null when there is none. */
  read(): Promise<string | null>;
  /** In place of the former one, at once and on disk when it returns. */
  write(text: string): Promise<void>;
  /** For the life of this process. `taken`: a living process of this machine has it. */
  lock(): Promise<"ours" | "taken">;
  /** Whether a living process has the lock. */
  isLocked(): Promise<boolean>;
  unlock(): Promise<void>;
}

/** Who acts, where, with what, as it goes into journal and documents. */
export interface Identity {
  actor: string;
  host: string;
  tool: string;
}

export interface Ports {
  target: Target;
  identity: Identity;
  store: StateStore;
  documents: Documents;
  journal: Journal;
  qa: QaProbe;
  account: AccountProbe;
  metrics: Metrics;
  visitor: VisitorHttp;
  notifier: Notifier;
  logs: { archive: LogArchive; tail: LogTail; folders: LogFolders; reader: LogReader };
  screen: Screen;
  rampFile: RampFile;
  clock: Clock;
  apiClock: ApiClock;
  rng: Rng;
  progress: Progress;
  /** Where tokens go, for `doctor`; and the command that allows those hosts that are not. */
  tokenHosts: { list: readonly TokenHost[]; problem: string | null; allow: string };
  /** Of the running Node, for `doctor`. */
  nodeVersion: string;
  /** Aborted by Ctrl-C or a signal. */
  interrupt: AbortSignal;
}

export type { Expectation, LogWindow, Notice, Sighting, Target };

/** Answers that visitors have had so far. */
export interface TrafficCounts {
  total: number;
  native: number;
  proxy: number;
  /** Answers with status 500 or more, or none at all. */
  errors: number;
  /** Uploads that broke although the visitor's cohort did not change: must stay 0. */
  drifts: number;
  /** Uploads whose visitor was moved between intent and finalize. */
  moved: { ok: number; broken: number };
  uploads: number;
}

/** What only a stage for rehearsals has: visitors, and a native that fails on purpose. */
export interface Rehearsal {
  startVisitors(): Promise<void>;
  stopVisitors(): Promise<TrafficCounts>;
  counts(): TrafficCounts;
  failNative(share: number): Promise<void>;
}
