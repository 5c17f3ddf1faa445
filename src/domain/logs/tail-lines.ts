/** What a live tail shows of a trace event: the Worker's own lines, other output, exceptions. */
import { levelOf } from "./line.ts";

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

type Fields = Readonly<Record<string, unknown>>;

/** Of one event as the tail API sends it; one that says nothing and went well has no lines. */
export function tailLines(event: unknown): TailLine[] {
  if (!isFields(event)) return [];
  const base = baseLine(event);
  const lines = [
    ...list(event.logs).map((log) => logLine(log, base)),
    ...list(event.exceptions).map((exception) => exceptionLine(exception, base)),
  ];
  const outcome = text(event.outcome);
  if (lines.length > 0 || outcome === null || outcome === "ok") return lines;
  // A visitor who leaves is no failure of the Worker.
  const level = outcome === "canceled" ? "WARN" : "ERROR";
  return [{ ...base, level, message: `outcome ${outcome}` }];
}

function baseLine(event: Fields): TailLine {
  const inner = fields(event.event);
  const request = fields(inner.request);
  const status = number(fields(inner.response).status);
  return {
    atMs: number(event.eventTimestamp),
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
  const atMs = number(log.timestamp) ?? base.atMs;
  if (own !== null) return { ...base, atMs, ...own };
  const message = parts
    .map((part) => (typeof part === "string" ? part : (JSON.stringify(part) ?? "undefined")))
    .join(" ");
  const level = log.level === "error" ? "ERROR" : log.level === "warn" ? "WARN" : "INFO";
  return { ...base, atMs, level, message };
}

function exceptionLine(exception: Fields, base: TailLine): TailLine {
  const message = `${text(exception.name) ?? "Error"}: ${text(exception.message) ?? ""}`;
  return { ...base, atMs: number(exception.timestamp) ?? base.atMs, level: "ERROR", message };
}

/** The Worker's own: one string of JSON with a level. Null for anything else. */
function ownLine(part: unknown): Partial<TailLine> | null {
  const line = typeof part === "string" && part.startsWith("{") ? parse(part) : null;
  const level = LEVELS.find((known) => known === text(line?.level)?.toUpperCase());
  if (line === null || level === undefined) return null;
  const found = {
    cohort: text(line.cohort),
    phase: text(line.phase),
    method: text(line.method),
    route: text(line.route),
    status: number(line.status),
    durationMs: number(line.duration_ms),
    colo: text(line.colo),
    ray: text(line.rayID),
    message: text(line.error_msg) ?? text(line.message),
  };
  const said = Object.entries(found).filter(([, value]) => value !== null);
  return { level, message: null, ...(Object.fromEntries(said) as Partial<TailLine>) };
}

function parse(json: string): Fields | null {
  try {
    const value: unknown = JSON.parse(json);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
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
