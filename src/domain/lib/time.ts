/** Milliseconds since the epoch; a missing or unreadable time is older than any other. */
export function timeOf(text: string | undefined): number {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
}

/**
 * Midnight of a day in UTC, milliseconds since the epoch; `month` counts from 1. Null for a day that does not
 * exist: Date.UTC carries it over, 30 February becomes March.
 */
export function utcDay(year: number, month: number, day: number): number | null {
  const at = new Date(Date.UTC(year, month - 1, day));
  return at.getUTCMonth() === month - 1 && at.getUTCDate() === day ? at.getTime() : null;
}
