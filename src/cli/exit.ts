/** The one place where outcomes become exit codes. Help and README print this table. */
import type { Outcome } from "../commands/command.ts";

export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done (also when nothing had to change)"],
  [1, "a bug in pixcanary"],
  [2, "usage or configuration"],
  [20, "unhealthy, or NO-GO"],
  [21, "written, but not yet seen live"],
  [22, "declined, or needs --yes"],
  [23, "authentication"],
  [24, "upstream failed, nothing known to be written"],
  [25, "conflict with another change"],
  [26, "an emergency is on (status --exit-code)"],
  [74, "the answer could not be written (disk full)"],
  [124, "deadline"],
  [130, "interrupted (143: terminated)"],
];

export const EXIT_DONE = 0;
export const EXIT_BUG = 1;
export const EXIT_USAGE = 2;
/** In place of 0, but not where a stop was written: that is what its code tells. */
export const EXIT_UNWRITTEN = 74;

const ANSWERS = { unhealthy: 20, stopped: 26 } as const;

const FAILURES = {
  usage: EXIT_USAGE,
  auth: 23,
  upstream: 24,
  conflict: 25,
  deadline: 124,
} as const;

export function exitCodeOf(outcome: Outcome<unknown>): number {
  switch (outcome.kind) {
    case "done":
      return outcome.answer === undefined ? EXIT_DONE : ANSWERS[outcome.answer];
    case "unhealthy":
      return ANSWERS.unhealthy;
    case "pending":
      return 21;
    case "declined":
      return 22;
    case "failed":
      return FAILURES[outcome.code];
    case "interrupted":
      return signalExitCode(outcome.signal);
    default:
      return outcome satisfies never;
  }
}

export function signalExitCode(signal: "SIGINT" | "SIGTERM"): number {
  return signal === "SIGINT" ? 130 : 143;
}

export function exitCodeTable(): string {
  return EXIT_CODES.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join(
    "\n",
  );
}
