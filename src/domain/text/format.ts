/** Numbers and times as people read them: answers, notifications, the journal. Programs get the bare value. */

/** By decimals; made at the first use and kept: making one took half the time of `validate`. */
const FORMATS = new Map<number, Intl.NumberFormat>();

/** "1,324"; counts that are estimated from a sample need not be whole. */
export function countText(value: number, decimals = 0): string {
  let format = FORMATS.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat("en-GB", { maximumFractionDigits: decimals });
    FORMATS.set(decimals, format);
  }
  return format.format(value);
}

/** "1 file", "1,324 files". `many` is given where an s does not make it, or where a verb follows. */
export function counted(value: number, one: string, many = `${one}s`): string {
  const text = countText(value);
  return `${text} ${text === "1" ? one : many}`;
}

/** "0.25 %", "12.5 %". */
export function percentText(value: number): string {
  return `${Number(value.toFixed(value < 10 ? 2 : 1))} %`;
}

/** "90 s", "14 min", "2.5 h": rounded up, as what is left is said. */
export function roughDuration(seconds: number): string {
  const s = Math.max(0, Math.ceil(seconds));
  if (s < 120) return `${s} s`;
  return s < 7_200 ? `${Math.ceil(s / 60)} min` : `${countText(s / 3_600, 1)} h`;
}

/** "2.50 s", of milliseconds. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** "10 %". */
export function share(percent: number | null): string {
  return percent === null ? "unknown" : `${percent} %`;
}

/** "24 h", "90 min", "45 s". */
export function durationText(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/;

/** "2026-05-01T00:49:00Z", of milliseconds or RFC 3339; what is no time stays as it is. */
export function isoSeconds(time: number | string): string {
  const at = new Date(typeof time === "string" && !RFC_3339.test(time) ? Number.NaN : time);
  return Number.isNaN(at.getTime()) ? String(time) : at.toISOString().replace(/\.\d+Z$/, "Z");
}

/** "00:49:00Z". */
export function clockTime(ms: number): string {
  return isoSeconds(ms).slice(-9);
}
