/**
 * The contract between a verb, the shell and a test. A verb that reads runs and renders (pure); one
 * that changes state plans (reads only), applies (writes once, then proves) and renders. It never
 * prints, prompts, exits or reads the environment.
 */
import type { z } from "zod";
import type { Ports } from "../ports/ports.ts";

export type Signal = "SIGINT" | "SIGTERM";

/** The shell aborts `ports.interrupt` with the name of the signal as its reason. */
export function interruptedBy(interrupt: AbortSignal): Signal | null {
  if (!interrupt.aborted) return null;
  return interrupt.reason === "SIGTERM" ? "SIGTERM" : "SIGINT";
}

type FailureCode = "usage" | "auth" | "upstream" | "conflict" | "deadline";

/** Every way a run can end. Only src/cli/exit.ts maps these to numbers. */
export type Outcome<T> =
  | {
      kind: "done";
      changed: boolean;
      data: T;
      next?: string;
      /** Of a verb that reads: its verdict, mark included, as one line. */
      headline?: string;
      /** The answer is bad (20), or an emergency is on (26), and a script asked for a code that says so. */
      answer?: "unhealthy" | "stopped";
    }
  /** It ran, and the answer is bad (20). */
  | { kind: "unhealthy"; data: T; reason: string; next: string }
  /** Written, or perhaps written, but not yet seen live (21). */
  | { kind: "pending"; data: T; waitingFor: string; next: string }
  /** The operator or the missing terminal said no; nothing was written (22). */
  | { kind: "declined"; by: "operator" | "no-terminal"; next: string }
  | { kind: "failed"; code: FailureCode; message: string; truth: string; next: string; data?: T }
  | { kind: "interrupted"; signal: Signal; truth: string; next: string; data?: T };

/** Relief takes native traffic away and never asks; exposure adds some and always does. */
type Risk = "relief" | "exposure" | "none";

/** One line of a before → after table. */
export interface Change {
  what: string;
  before: string;
  after: string;
}

export type Planned<P, T = unknown> =
  | {
      kind: "plan";
      risk: Risk;
      changes: readonly Change[];
      notes: readonly string[];
      steps: P;
      /** The question, although it is relief: what it takes away is more than traffic. */
      asks?: string;
      /** How it ends with `--yes`, which does not stand for having seen this. */
      unseen?: Outcome<never>;
    }
  /** There is nothing to apply: already so, refused, or failed while reading. */
  | { kind: "ended"; outcome: Outcome<T> };

/** What a verb receives: own flags and common ones. */
export type Given<In extends z.ZodType> = z.output<In> & CommonInput;

/**
 * `environment`: its configuration must be there. `if-any`: it is used where one is named or is the
 * only one, and done without otherwise; then no port that acts on one can do anything.
 */
type Needs = "environment" | "if-any";

interface Verb<In extends z.ZodType, T> {
  /** A verb of a group is named with it: `logs errors`. */
  name: string;
  /** Verb first, under 60 characters. */
  summary: string;
  /** The consequence, for the help page. */
  details: string;
  examples: readonly [string, ...string[]];
  /** Further text at the end of the help page: a line is a paragraph. */
  moreHelp?: string;
  /** The environment by default; what a verb needs may depend on what it was given. */
  needs?: Needs | ((given: Given<In>) => Needs);
  /** Whole-command budget when `--timeout` is not given. */
  timeoutMs: number;
  /** In its place, for verbs of which some flags take longer than others. */
  timeoutFor?(own: z.output<In>): number;
  /** The verb's own flags, each made by `flag`; the common ones are parsed by the shell. */
  input: In;
  /** Goes on where a host may not get the /qa token, which is then kept: it says so, or asks no host. */
  anyHost?: true;
  /**
   * Runs until it is ended: Ctrl-C is its usual end, and with --json each document is one line, the
   * last one, which tells how it ended, as well.
   */
  streams?: true;
  render(outcome: Outcome<T>): string;
  /** An answer that is a document of its own, printed as it is; null: it is a report like any other. */
  document?(outcome: Outcome<T>): string | null;
}

/** Its answer is the text: it changes no state. */
export interface ReadingVerb<In extends z.ZodType = z.ZodType, T = unknown> extends Verb<In, T> {
  /** Asks nobody: it needs no secret. */
  offline?: true;
  run(input: Given<In>, ports: Ports): Promise<Outcome<T>>;
}

/** Changes state: the environment must then be named unless there is only one. */
export interface ChangingVerb<In extends z.ZodType = z.ZodType, P = unknown, T = unknown>
  extends Verb<In, T> {
  /** Takes native traffic away: nothing that it can do without may keep it from being sent. */
  relief?: true;
  /** More exposure wants a reason, for the journal and for the next person. */
  needsReason?: true;
  /** This machine's own files are enough for it: a secret that cannot be used is done without. */
  offlineToo?: true;
  plan(input: Given<In>, ports: Ports): Promise<Planned<P, T>>;
  apply(steps: P, input: Given<In>, ports: Ports): Promise<Outcome<T>>;
}

export type CommandDef = ReadingVerb | ChangingVerb;

/** Options that every verb receives next to its own. */
export interface CommonInput {
  reason?: string | undefined;
  incident?: string | undefined;
  force: boolean;
  verify: boolean;
  timeoutMs: number;
}
