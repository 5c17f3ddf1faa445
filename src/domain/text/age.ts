/** Times beside how long ago that is. */
import { isoSeconds } from "./format.ts";

/** "14:02:11Z, 3 min ago". */
export function timeWithAge(iso: string | null | undefined, nowMs: number): string {
  const ms = Date.parse(iso ?? "");
  if (Number.isNaN(ms)) return "at an unknown time";
  return `${isoSeconds(ms)}, ${age(nowMs - ms)}`;
}

/** "3 min ago", for milliseconds. */
export function age(ms: number): string {
  if (ms < 0) return "in the future";
  if (ms < 90_000) return `${Math.round(ms / 1000)} s ago`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min ago`;
  if (ms < 129_600_000) return `${Math.round(ms / 3_600_000)} h ago`;
  return `${Math.round(ms / 86_400_000)} days ago`;
}
