/** What the Cloudflare API is asked for. */
import type { Query } from "../domain/metrics/queries.ts";
import type { LogJob } from "../domain/setup/logpush-fields.ts";
import type { CanaryConfig, StopDocument } from "../domain/state/documents.ts";
import type { JournalEntry } from "../domain/state/journal.ts";
import type { RawState } from "../domain/state/state.ts";

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
  /** To KV; returns what went wrong, never throws. */
  append(entry: JournalEntry, options: CallOptions): Promise<string[]>;
  /** To the file on this machine; returns what went wrong, never throws. */
  appendHere(entry: JournalEntry): Promise<string[]>;
  /** The newest `limit` entries, oldest first; KV and local merged. Never throws. */
  recent(
    limit: number,
    options: CallOptions,
  ): Promise<{ entries: JournalEntry[]; warnings: string[] }>;
  /** Of the incident that is open by the file on this machine; null: none is. Asks nobody, never throws. */
  openIncident(): Promise<string | null>;
}

/** The time by the API. */
export interface ApiClock {
  /** Milliseconds since the epoch, within 2.5 s; null before its first answer. */
  now(): number | null;
  /** How far this machine's clock is ahead of it; 0 within 5 s. Null before its first answer. */
  aheadMs(): number | null;
}

/** What the API says of the token; its own words for `status`, or `NOT_FROM_HERE`. */
export interface TokenFacts {
  status: string;
  expiresOn: string | null;
  /** Not valid before; null or absent: since ever. */
  notBefore?: string | null;
  /** What is left of the API's limit of requests; null or absent: it does not say. */
  budget?: { left: number; resetS: number } | null;
}

/** The token is good, and its IP filter refuses this machine's address. */
export const NOT_FROM_HERE = "refused from this address";

/** What `doctor` asks the API beyond state; every probe is bounded by the signal. */
export interface AccountProbe {
  token(options: CallOptions): Promise<TokenFacts>;
  namespace(options: CallOptions): Promise<{ title: string }>;
  /** Writes, reads and deletes a probe key with a short life; `written`: taken, but there was no time to read it. */
  writable(options: CallOptions): Promise<"read-back" | "written">;
  /** Ids of all accounts that the token sees; empty where it may not list them, or they are too many for one page. */
  accounts(options: CallOptions): Promise<string[]>;
  /** Resolves where the token may list the live tails of this Worker, which is deployed. */
  tails(worker: string, options: CallOptions): Promise<void>;
  /** Without the secrets of their destinations. */
  logJobs(options: CallOptions): Promise<LogJob[]>;
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
