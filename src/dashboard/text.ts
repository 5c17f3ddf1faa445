/** Numbers and times as the page shows them. Times are UTC, as everywhere in pixcanary. */
import { age } from "../domain/text/age.ts";
import { countText, percentText } from "../domain/text/format.ts";

export function valueText(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "–";
  if (unit === "%") return percentText(value);
  const text = countText(value, value < 10 ? 1 : 0);
  return unit === "ms" ? `${text} ms` : text;
}

/** "14:02:11Z". */
export function clock(seconds: number): string {
  return `${new Date(seconds * 1_000).toISOString().slice(11, 19)}Z`;
}

/** "2026-11-29 14:02:11Z". */
export function dayAndSecond(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().slice(0, 19).replace("T", " ").concat("Z");
}

/** "14:02", and "11-29" at midnight: of an axis. */
export function tickText(seconds: number): string {
  const iso = new Date(seconds * 1_000).toISOString();
  return iso.slice(11, 16) === "00:00" ? iso.slice(5, 10) : iso.slice(11, 16);
}

/** "2026-11-29 14:02Z". */
export function dayAndClock(iso: string): string {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) return "at an unknown time";
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")}Z`;
}

export function agoText(iso: string | null, nowMs: number): string {
  const ms = Date.parse(iso ?? "");
  return Number.isNaN(ms) ? "at an unknown time" : age(nowMs - ms);
}
