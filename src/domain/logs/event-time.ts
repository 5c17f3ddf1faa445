/** When something happened, as any writer of logs may put it. */
import { utcDay } from "../lib/time.ts";

/** Before and after these nothing of ours was logged: such a number counts something else. */
const FIRST_MS = Date.UTC(2000, 0, 1);
const LAST_MS = Date.UTC(2100, 0, 1);

/** What a number since 1970 counts, by its size: 1e11 s is the year 5138, 1e11 ms is 1973. */
const UNITS: readonly (readonly [below: number, perMs: number])[] = [
  [1e11, 1e-3],
  [1e14, 1],
  [1e17, 1e3],
  [Infinity, 1e6],
];

const NUMBER = /^\d{1,20}(?:\.\d{1,20})?$/;
const DATE =
  /^(\d{4})[-/](\d\d)[-/](\d\d)(?:[Tt_ ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?)?\s?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?$/i;
/** RFC 2822 and HTTP dates. */
const MAIL_DATE =
  /^(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d(?::\d\d)?( (?:GMT|UTC|[+-]\d{4}))?$/;
/** What Date.parse reads as it is meant, and fast. */
const USUAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/**
 * Milliseconds since 1970; null for what cannot be read. Numbers, also as text, are seconds, milli-, micro- or
 * nanoseconds by their size. A date without a zone is UTC, wherever this runs.
 */
export function eventTimeOf(value: unknown): number | null {
  const ms =
    typeof value === "number" ? ofNumber(value) : typeof value === "string" ? ofText(value) : null;
  return ms !== null && ms >= FIRST_MS && ms < LAST_MS ? ms : null;
}

function ofNumber(value: number): number {
  const perMs = UNITS.find(([below]) => value < below)?.[1] ?? 1;
  return value / perMs;
}

function ofText(value: string): number | null {
  if (USUAL.test(value)) return Date.parse(value);
  const text = value.slice(0, 100).trim();
  if (NUMBER.test(text)) return ofNumber(Number(text));
  const mail = MAIL_DATE.exec(text);
  if (mail !== null) return Date.parse(mail[1] === undefined ? `${text} UTC` : text);
  const date = DATE.exec(text);
  return date === null ? null : ofDate(date);
}

function ofDate([, ...parts]: RegExpExecArray): number | null {
  const [year, month, day, hour = 0, minute = 0, second = 0] = parts
    .slice(0, 6)
    .map((part) => (part === undefined ? undefined : Number(part)));
  if (year === undefined || month === undefined || day === undefined) return null;
  if (hour > 23 || minute > 59 || second > 60) return null;
  const midnightMs = utcDay(year, month, day);
  if (midnightMs === null) return null;
  const fraction = Number(`0.${parts[6] ?? "0"}`);
  const local = ((hour * 60 + minute) * 60 + second + fraction) * 1_000;
  return Math.floor(midnightMs + local) - zoneMs(parts[7]);
}

function zoneMs(zone: string | undefined): number {
  const match = /^([+-])(\d\d):?(\d\d)?$/.exec(zone ?? "");
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return (match[1] === "-" ? -minutes : minutes) * 60_000;
}
