/** Which lines are wanted. Time is that of the event, never that of the file. */
import { isFailure, type Level } from "./level.ts";
import type { LogRecord } from "./record.ts";

export interface LogFilter {
  /** In capitals. */
  levels: ReadonlySet<string>;
  /** The template, as in metrics: `/api/jobs/:id`. */
  route: string | null;
  cohort: string | null;
  grep: RegExp | null;
  /** From, inclusive, until, exclusive; milliseconds since 1970. */
  sinceMs: number | null;
  untilMs: number | null;
}

/** `undecided`: the line does not say what is asked for. */
export type Scope = "in" | "out" | "undecided";

/**
 * Whether the line belongs to what is looked at, errors and successes alike: the rates' denominator. A line
 * without a readable time is of any time: an error must not be passed over for that.
 */
export function scopeOf(record: LogRecord, filter: LogFilter): Scope {
  const { ms } = record;
  if (ms !== null && (ms < (filter.sinceMs ?? -Infinity) || ms >= (filter.untilMs ?? Infinity))) {
    return "out";
  }
  const places = [placed(record.cohort, filter.cohort), placed(record.route, filter.route)];
  if (places.includes("out")) return "out";
  return places.includes("undecided") ? "undecided" : "in";
}

function placed(said: string | null, wanted: string | null): Scope {
  if (wanted === null || said === wanted) return "in";
  return said === null ? "undecided" : "out";
}

/** What is worse than an error is one as well. */
export function isLevelWanted(level: Level, { levels }: LogFilter): boolean {
  return levels.has(level) || (isFailure(level) && levels.has("ERROR"));
}

/** Whether it is one of the lines that are grouped. */
export function isWanted(record: LogRecord, filter: LogFilter): boolean {
  if (!isLevelWanted(record.level, filter)) return false;
  if (filter.grep === null) return true;
  const { error, message, stack, route } = record;
  return [error, message, stack, route].some((text) => text !== null && filter.grep?.test(text));
}
