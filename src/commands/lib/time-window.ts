/** `--since` and `--until`: a time with its zone (RFC 3339), a day (UTC), or how long ago. */
import type { LogWindow } from "../../domain/logs/batch-name.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import { durationMs, parsed } from "../flag.ts";

export type TimePoint = { atMs: number } | { agoMs: number };

const DEFAULT_MS = 3_600_000;
const WITH_ZONE =
  /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

export const TIME_HELP = "2026-05-01T00:49:00Z, 2026-05-01, or an age: 90m, 2h, 1d";

/** Of a flag. */
export const timePoint = parsed(
  (text) => parseTimePoint(text.trim()),
  "must be a time like 2026-05-01T00:49:00Z, a day like 2026-05-01, or an age like 90m, 2h or 1d",
);

/** Null for what is neither; a time without a zone could be anybody's. */
export function parseTimePoint(text: string): TimePoint | null {
  const agoMs = durationMs(text);
  if (agoMs !== null) return { agoMs };
  const atMs = WITH_ZONE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : { atMs };
}

/** The last hour before `until` unless told otherwise; null when it would be empty. */
export function windowOf(
  { since, until }: { since?: TimePoint | undefined; until?: TimePoint | undefined },
  nowMs: number,
): LogWindow | null {
  const untilMs = until === undefined ? nowMs : atMs(until, nowMs);
  const sinceMs = since === undefined ? untilMs - DEFAULT_MS : atMs(since, nowMs);
  return sinceMs < untilMs ? { sinceMs, untilMs } : null;
}

function atMs(point: TimePoint, nowMs: number): number {
  return "atMs" in point ? point.atMs : nowMs - point.agoMs;
}

export function windowText({ sinceMs, untilMs }: LogWindow): string {
  return `${isoSeconds(sinceMs)} to ${isoSeconds(untilMs)}`;
}

/** "11.2 MiB". */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power] ?? "B"}`;
}
