/** What a live tail shows of a trace event: the Worker's own lines, other output, exceptions. */
import { isFailure, isKnownLevel, levelOfWord, outcomeToTell } from "./level.ts";
import { levelOf } from "./line.ts";
import { type Fields, isFields, listOf, numberOf, parseFields, wordOf } from "./record.ts";

export const LEVELS = ["INFO", "WARN", "ERROR"] as const;
type Level = (typeof LEVELS)[number];

/** All of it comes from outside; null for what an event does not say. */
export interface TailLine {
  /** Milliseconds since 1970. */
  atMs: number | null;
  level: Level;
  cohort: string | null;
  phase: string | null;
  method: string | null;
  /** The Worker's name for it; the path (without query) where a line does not say. */
  route: string | null;
  status: number | null;
  durationMs: number | null;
  colo: string | null;
  ray: string | null;
  message: string | null;
}

/** Of one event as the tail API sends it; one that says nothing and went well has no lines. */
export function tailLines(event: unknown): TailLine[] {
  if (!isFields(event)) return [];
  const base = baseLine(event);
  const thrown = listOf(event.exceptions).map((exception) => exceptionLine(exception, base));
  const lines = [...listOf(event.logs).map((log) => logLine(log, base)), ...thrown];
  const ended = outcomeToTell(text(event.outcome), thrown.length > 0);
  if (ended !== null) lines.push({ ...base, ...ended });
  // A failed answer that nothing else tells of.
  return lines.length === 0 && base.level === "ERROR" ? [base] : lines;
}

function baseLine(event: Fields): TailLine {
  const inner = fields(event.event);
  const request = fields(inner.request);
  const status = numberOf(fields(inner.response).status);
  return {
    atMs: numberOf(event.eventTimestamp),
    level: status === null ? "INFO" : levelOf(status),
    cohort: null,
    phase: null,
    method: text(request.method),
    route: pathOf(text(request.url)),
    status,
    durationMs: null,
    colo: text(fields(request.cf).colo),
    ray: text(fields(request.headers)["cf-ray"])?.split("-", 1)[0] ?? null,
    message: null,
  };
}

function logLine(log: Fields, base: TailLine): TailLine {
  const parts = Array.isArray(log.message) ? log.message : [log.message];
  const own = parts.length === 1 ? ownLine(parts[0]) : null;
  const atMs = numberOf(log.timestamp) ?? base.atMs;
  if (own !== null) return { ...base, atMs, ...own };
  const message = parts.map(shown).join(" ");
  const level = log.level === "error" ? "ERROR" : log.level === "warn" ? "WARN" : "INFO";
  return { ...base, atMs, level, message };
}

function exceptionLine(exception: Fields, base: TailLine): TailLine {
  const message = `${text(exception.name) ?? "Error"}: ${text(exception.message) ?? ""}`;
  return { ...base, atMs: numberOf(exception.timestamp) ?? base.atMs, level: "ERROR", message };
}

/** JSON is written without a limit of depth, but not by V8. */
function shown(part: unknown): string {
  if (typeof part === "string") return part;
  try {
    return JSON.stringify(part) ?? "undefined";
  } catch {
    return "(nested too deep to be shown)";
  }
}

/** JSON with a level, as the Worker and others log it. Null for anything else. */
function ownLine(part: unknown): Partial<TailLine> | null {
  const line = typeof part === "string" ? parseFields(part) : part;
  if (!isFields(line)) return null;
  const word = levelOfWord(wordOf(line.level ?? line.severity));
  if (word === null || !isKnownLevel(word)) return null;
  const level = isFailure(word) ? "ERROR" : word === "WARN" ? "WARN" : "INFO";
  const found = {
    cohort: text(line.cohort),
    phase: text(line.phase),
    method: text(line.method),
    route: text(line.route),
    status: numberOf(line.status),
    durationMs: numberOf(line.duration_ms),
    colo: text(line.colo),
    ray: text(line.rayID),
    message: text(line.error_msg) ?? text(line.message) ?? text(line.msg),
  };
  const said = Object.entries(found).filter(([, value]) => value !== null);
  return { level, message: null, ...(Object.fromEntries(said) as Partial<TailLine>) };
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function pathOf(url: string | null): string | null {
  return url === null ? null : (URL.parse(url)?.pathname ?? null);
}

export interface LineFilter {
  /** At least this. */
  level: Level;
  /** Part of the route. */
  route: string | null;
  cohort: string | null;
  /** Part of route or message, whatever the case. */
  grep: string | null;
  /** Whole codes and classes: 503, 5xx. */
  statuses: readonly string[];
}

export function isWanted(line: TailLine, filter: LineFilter): boolean {
  const { route, cohort, statuses } = filter;
  if (LEVELS.indexOf(line.level) < LEVELS.indexOf(filter.level)) return false;
  if (route !== null && !(line.route ?? "").includes(route)) return false;
  if (cohort !== null && line.cohort !== cohort) return false;
  if (statuses.length > 0 && !statuses.some((wanted) => hasStatus(line, wanted))) return false;
  if (filter.grep === null) return true;
  return `${line.route ?? ""} ${line.message ?? ""}`
    .toLowerCase()
    .includes(filter.grep.toLowerCase());
}

function hasStatus({ status }: TailLine, wanted: string): boolean {
  if (status === null) return false;
  return /xx$/i.test(wanted)
    ? String(status).charAt(0) === wanted.charAt(0)
    : String(status) === wanted;
}
