/**
 * What the name of a folder in the logs bucket says of the time of its batches. Logpush puts them wherever its job says:
 * below `YYYYMMDD/` (its `{DATE}`), `YYYY-MM-DD/`, `date=…/` or `dt=…/`, `YYYY/MM/DD/`, with or without `HH/` or
 * `hour=HH/`, all UTC.
 */
import { utcDay } from "../lib/time.ts";
import type { LogWindow } from "./batch-name.ts";

/** The batches of a folder begin from `fromMs` up to but not including `toMs`, milliseconds since 1970. */
export interface FolderTime {
  fromMs: number;
  toMs: number;
  unit: "year" | "month" | "day" | "hour";
}

const HIVE_KEY = /^[A-Za-z][\w.-]{0,40}=/;
const SIGN = "[-_.]?";
/** Minutes, where a name has them, are not told apart. */
const CLOCK = "[T_. -]?(\\d\\d)(?:[-_.:]?\\d\\d){0,2}Z?";
const DATE = new RegExp(`^(\\d{4})(?:${SIGN}(\\d\\d)(?:${SIGN}(\\d\\d)(?:${CLOCK})?)?)?$`);
const PART = /^\d\d?$/;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FIRST_YEAR = 2000;
const LAST_YEAR = 2099;

/** Of one part of a path, below a folder of this time; null when it says none. */
export function folderTime(name: string, above: FolderTime | null): FolderTime | null {
  const value = name.replace(HIVE_KEY, "");
  const date = DATE.exec(value);
  if (date !== null) {
    const [year, month, day, hour] = date.slice(1).map(numberOrNull);
    return timeOf(year ?? 0, month ?? null, day ?? null, hour ?? null);
  }
  if (above === null || !PART.test(value)) return null;
  const at = new Date(above.fromMs);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate()];
  const part = Number(value);
  if (above.unit === "year") return timeOf(year, part, null, null);
  if (above.unit === "month") return timeOf(year, month, part, null);
  return above.unit === "day" ? timeOf(year, month, day, part) : null;
}

/** Of a whole path, such as a prefix that ends within the dates. */
export function pathTime(path: string): FolderTime | null {
  let time: FolderTime | null = null;
  for (const name of path.split("/")) time = folderTime(name, time) ?? time;
  return time;
}

export function overlaps({ fromMs, toMs }: FolderTime, { sinceMs, untilMs }: LogWindow): boolean {
  return fromMs < untilMs && toMs > sinceMs;
}

/** How the names of folders may begin that lie among batches of these years. */
export function spelledFolders({ sinceMs, untilMs }: LogWindow, base: string): string[] {
  const spelled = new Set<string>();
  for (let ms = sinceMs; ms < untilMs + DAY_MS; ms += DAY_MS) {
    const [year = "", month = "", day = ""] = new Date(ms).toISOString().split(/[-T]/);
    for (const name of ["-", "_", ".", "/", `${month}/`, `${month}${day}/`]) {
      spelled.add(`${base}${year}${name}`);
    }
  }
  return [...spelled];
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

function timeOf(
  year: number,
  month: number | null,
  day: number | null,
  hour: number | null,
): FolderTime | null {
  if (year < FIRST_YEAR || year > LAST_YEAR || (hour ?? 0) > 23) return null;
  const dayMs = utcDay(year, month ?? 1, day ?? 1);
  if (dayMs === null) return null;
  const from = new Date(dayMs + (hour ?? 0) * HOUR_MS);
  const to = new Date(from);
  const unit = hour !== null ? "hour" : day !== null ? "day" : month !== null ? "month" : "year";
  if (unit === "year") to.setUTCFullYear(year + 1);
  else if (unit === "month") to.setUTCMonth(from.getUTCMonth() + 1);
  else if (unit === "day") to.setUTCDate(from.getUTCDate() + 1);
  else to.setUTCHours(from.getUTCHours() + 1);
  return { fromMs: from.getTime(), toMs: to.getTime(), unit };
}
