/** This machine: its clock, its chance, its user, its files, and whom it can tell. */
import type { Notice } from "../domain/notices/notice.ts";
import type { CallOptions } from "./api.ts";

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

export interface Rng {
  /** In [0, 1). */
  next(): number;
  /** A ULID for this time, greater than `after` if that is one. */
  ulid(nowMs: number, after?: string): string;
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
