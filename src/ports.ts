/** What commands need from the world. Adapters implement these; tests may, too. */
import type { Target } from "./domain/environment.ts";
import type { Expectation, Sighting } from "./domain/expectation.ts";
import type { JournalEntry } from "./domain/journal.ts";
import type { CanaryConfig, RawState, StopDocument } from "./domain/state.ts";

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
  /** Both keys as stored. */
  read(options: CallOptions): Promise<RawState>;
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
  /** Aborts after `ms` with a DOMException named TimeoutError; never keeps the process alive. */
  timeout(ms: number): AbortSignal;
  /** Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
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
}

export type Stage =
  | { kind: "written"; what: "stop" | "config"; elapsedMs: number }
  | { kind: "stored"; what: "stop" | "config"; elapsedMs: number }
  | { kind: "live"; what: string; location: string; url: string; elapsedMs: number }
  | { kind: "waiting"; location: string; because: string; elapsedMs: number };

/** What `doctor` asks the API beyond state; every probe is bounded by the signal. */
export interface AccountProbe {
  token(
    options: CallOptions,
  ): Promise<{ status: string; expiresOn: string | null; serverDateMs: number | null }>;
  namespace(options: CallOptions): Promise<{ title: string }>;
  /** Writes, reads and deletes a probe key with a short life. */
  writable(options: CallOptions): Promise<void>;
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
  journal: Journal;
  qa: QaProbe;
  account: AccountProbe;
  clock: Clock;
  rng: Rng;
  progress: Progress;
  /** Of the running Node, for `doctor`. */
  nodeVersion: string;
  /** Aborted by Ctrl-C or a signal. */
  interrupt: AbortSignal;
}

export type { Expectation, Sighting, Target };

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
