/** How bad a line says it is: in words, in pino's numbers, or by status or outcome. */
import { levelOf as levelOfStatus } from "./line.ts";

/** The Worker's levels; other writers' are kept in capitals. */
export type Level = "INFO" | "WARN" | "ERROR" | (string & {});

/** Of a line that says it in no way. */
export const NO_LEVEL = "UNKNOWN";

const SAME: Readonly<Record<string, Level>> = {
  WARNING: "WARN",
  ERR: "ERROR",
  INFORMATION: "INFO",
};
const HARMLESS = ["TRACE", "DEBUG", "VERBOSE", "LOG", "INFO", "NOTICE", "WARN"];
const WORSE = ["FATAL", "CRITICAL", "CRIT", "ALERT", "EMERG", "EMERGENCY", "PANIC", "SEVERE"];
const FAILURES: ReadonlySet<string> = new Set(["ERROR", ...WORSE]);
const KNOWN: ReadonlySet<string> = new Set([...HARMLESS, ...FAILURES]);
/** All that a line can be of, and be asked for by. */
export const LEVEL_NAMES: readonly string[] = [...KNOWN, NO_LEVEL];
/** pino's and bunyan's. */
const NUMBERS: Readonly<Record<string, Level>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};

/** Of a word or a number; null when there is none. */
export function levelOfWord(word: string | null): Level | null {
  if (word === null) return null;
  const capitals = word.trim().toUpperCase();
  return SAME[capitals] ?? NUMBERS[capitals] ?? capitals;
}

/** False for a level that nobody can judge by. */
export function isKnownLevel(level: Level): boolean {
  return KNOWN.has(level);
}

/** ERROR, and what other writers call worse than that. */
export function isFailure(level: Level): boolean {
  return FAILURES.has(level);
}

/** Of a console call and an HTTP status, the worse; null when neither says anything. */
export function levelImplied(consoleLevel: string | null, status: number | null): Level | null {
  const byStatus = status === null ? null : levelOfStatus(status);
  if (consoleLevel === "error" || byStatus === "ERROR") return "ERROR";
  if (consoleLevel === "warn" || byStatus === "WARN") return "WARN";
  return consoleLevel === null && byStatus === null ? null : "INFO";
}

/** The visitor left, which is no failure of the Worker. */
const LEFT: ReadonlySet<string> = new Set(["canceled", "responsestreamdisconnected"]);
/** Of workerd's; a plain line may have an `outcome` of its own. */
const OUTCOMES: ReadonlySet<string> = new Set([
  "exception",
  "exceededcpu",
  "exceededmemory",
  "killswitch",
  "daemondown",
  "scriptnotfound",
  "loadshed",
  "internalerror",
]);

/** Of an event's outcome: null for `ok`, WARN when the visitor left, else ERROR. */
export function levelOfOutcome(outcome: string): "WARN" | "ERROR" | null {
  const word = outcome.toLowerCase();
  if (word === "ok") return null;
  return LEFT.has(word) ? "WARN" : "ERROR";
}

/** Null for `ok`, and for an `exception` that is told by what was thrown. */
export function outcomeToTell(
  outcome: string | null,
  hasThrown: boolean,
): { level: "WARN" | "ERROR"; message: string } | null {
  const level = outcome === null ? null : levelOfOutcome(outcome);
  if (outcome === null || level === null) return null;
  if (hasThrown && outcome.toLowerCase() === "exception") return null;
  return { level, message: `outcome ${outcome}` };
}

export function isWorkerFailure(outcome: string): boolean {
  return OUTCOMES.has(outcome.toLowerCase());
}
