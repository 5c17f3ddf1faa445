/** Which lines are wanted. Time is that of the event, never that of the file. */
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

/** Whether the line belongs to what is looked at, errors and successes alike: the rates' denominator. */
export function isInScope(record: LogRecord, filter: LogFilter): boolean {
  if (filter.cohort !== null && record.cohort !== filter.cohort) return false;
  if (filter.route !== null && record.route !== filter.route) return false;
  if (filter.sinceMs === null && filter.untilMs === null) return true;
  if (record.ms === null) return false;
  return record.ms >= (filter.sinceMs ?? -Infinity) && record.ms < (filter.untilMs ?? Infinity);
}

/** Whether it is one of the lines that are grouped. */
export function isWanted(record: LogRecord, filter: LogFilter): boolean {
  if (!filter.levels.has(record.level)) return false;
  if (filter.grep === null) return true;
  const { error, message, stack, route } = record;
  return [error, message, stack, route].some((text) => text !== null && filter.grep?.test(text));
}
