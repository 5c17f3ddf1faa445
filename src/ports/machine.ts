/** This machine: its clock, its chance, its user, its files, and whom it can tell. */
import type { Notice } from "../domain/notices/notice.ts";
import type { Debt } from "../domain/state/debt.ts";
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
  /** Another try may get through. */
  again: boolean;
  /** Nothing was sent, as it is none of this channel's business. */
  skipped?: true;
}

/** Tells people, through the channels of the environment. Secrets are looked for when they are needed. */
export interface Notifier {
  /** Names of the configured channels; none: nobody is told. */
  readonly channels: readonly string[];
  /** What would keep this notice from being sent: a secret, an address. Sends nothing, never throws. */
  unready(notice: Notice): Promise<NoticeReport[]>;
  /** To all channels at once, within the signal. Returns what went wrong, never throws. */
  notify(notice: Notice, options: CallOptions): Promise<string[]>;
  /** The same, by channel; to these alone where some are named. Never throws. */
  report(
    notice: Notice,
    options: CallOptions & { channels?: readonly string[] },
  ): Promise<NoticeReport[]>;
}

/** Keeps on this machine's disk what changes owe, whatever becomes of the process. Never throws. */
export interface Debts {
  /** In place of what this change owed before. False when it could not be put on disk. */
  keep(debt: Debt): Promise<boolean>;
  /** This change owes nothing any more. */
  drop(debt: Debt): Promise<void>;
  /** Leaves all that this process has kept to others. */
  leave(): Promise<void>;
  /** How many no living process sees to. */
  waiting(): Promise<number>;
  /** Those that no living process sees to: they become this one's. */
  takeOver(): Promise<Debt[]>;
  /** Starts `deliver` in the background if `takeOver` would find anything. */
  passOn(): Promise<void>;
  /** False where there is no background: then it is for the next command, or for `deliver`. */
  readonly background: boolean;
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
