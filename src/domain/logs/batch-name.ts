/**
 * The names Logpush gives its objects: `<from>Z_<to>Z_<hash>.log.gz`, all UTC, below `<prefix>/<YYYYMMDD>/` or wherever
 * its job says. The range in a name is that of a batch, not of its events: batches come minutes late and out of
 * order, and an event may sit in a file whose range begins after it.
 */

/** From `sinceMs` up to but not including `untilMs`, milliseconds since 1970. */
export interface LogWindow {
  sinceMs: number;
  untilMs: number;
}

/** From `fromMs` to `toMs`, milliseconds since 1970. */
export interface BatchRange {
  fromMs: number;
  toMs: number;
}

const MINUTE_MS = 60_000;

/** A file whose range ends before an event should not hold it; clocks differ. */
export const BEFORE_MS = 5 * MINUTE_MS;
/** How much later than an event the range of its file may begin. */
export const AFTER_MS = 15 * MINUTE_MS;
/** The longest range looked for: Logpush uploads at least every 5 min, unless it has to catch up. */
const LONGEST_RANGE_MS = 60 * MINUTE_MS;

const BATCH = /^(\d{8}T\d{6})Z_(\d{8}T\d{6})Z_[0-9a-z]{1,64}\.log(?:\.gz)?$/;
const STAMP = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})$/;

/** Of the last part of a key; null when it is no batch's name. */
export function batchRange(key: string): BatchRange | null {
  const match = BATCH.exec(lastPart(key));
  const fromMs = stampMs(match?.[1]);
  const toMs = stampMs(match?.[2]);
  return fromMs === null || toMs === null || toMs < fromMs ? null : { fromMs, toMs };
}

/** `hash` is what tells batches of the same range apart. */
export function batchKey(prefix: string, { fromMs, toMs }: BatchRange, hash: string): string {
  return `${dayPrefix(prefix, fromMs)}${stamp(fromMs)}Z_${stamp(toMs)}Z_${hash}.log.gz`;
}

export function mayHold({ fromMs, toMs }: BatchRange, window: LogWindow): boolean {
  return toMs >= window.sinceMs - BEFORE_MS && fromMs < window.untilMs + AFTER_MS;
}

/** When the batches begin that may hold events of the window. */
export function beginningsOf({ sinceMs, untilMs }: LogWindow): LogWindow {
  return { sinceMs: sinceMs - BEFORE_MS - LONGEST_RANGE_MS, untilMs: untilMs + AFTER_MS };
}

/** As configured or given, without slashes at its end. */
export function withoutSlash(prefix: string): string {
  return prefix.replace(/\/+$/, "");
}

function dayPrefix(prefix: string, ms: number): string {
  const day = stamp(ms).slice(0, 8);
  return prefix === "" ? `${day}/` : `${prefix}/${day}/`;
}

/** In a folder; a file that is named is read whatever it is called. */
const LOG_NAME = /\.(?:gz|ndjson|jsonl|json|log)$/i;
export const LOG_NAMES = ".gz, .log, .ndjson, .jsonl, .json";

export function isLogName(name: string): boolean {
  return LOG_NAME.test(name);
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** `20260501T004901`, UTC. */
export function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+Z$/g, "");
}

function stampMs(text: string | undefined): number | null {
  const parts = STAMP.exec(text ?? "")?.slice(1) ?? [];
  const [year, month, day, hour, minute, second] = parts.map(Number);
  if (second === undefined) return null;
  const ms = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  // Date.UTC carries over what does not exist: 30 February becomes March.
  return stamp(ms) === text ? ms : null;
}
