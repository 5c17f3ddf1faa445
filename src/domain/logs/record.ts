/** One log line, whatever shape it came in: a Logpush trace event's message, or a plain line of NDJSON. */

import { ownCopy } from "./counter.ts";
import { eventTimeOf } from "./event-time.ts";
import { isFailure, type Level, levelImplied, levelOfWord, NO_LEVEL } from "./level.ts";

export interface LogRecord {
  /** Time of the event, milliseconds since 1970; null when the line does not say. */
  ms: number | null;
  level: Level;
  /** `context.error`: what the runbook's pipeline groups by. */
  error: string | null;
  /** What the error said, when the line has it apart from `error`. */
  message: string | null;
  stack: string | null;
  cohort: string | null;
  phase: string | null;
  method: string | null;
  route: string | null;
  status: number | null;
  colo: string | null;
  country: string | null;
  device: string | null;
  revision: string | null;
  rayId: string | null;
  /** In (0, 1]: the share of such lines that is written. */
  sampleRate: number;
  /** Whether it stands for a request in rates: a text does not, and of an event one line does. */
  request: boolean;
  /** Of the request that it stands for. */
  failed: boolean;
  /** Of the event, on the one of its lines that tells of it; null for `ok`. */
  outcome: string | null;
}

/** What the event around a line knows, for what the line itself does not say. */
export interface EventFacts {
  ms: number | null;
  rayId: string | null;
  status: number | null;
  method: string | null;
  /** Of the console call: `log`, `warn`, `error`. */
  consoleLevel: string | null;
}

export const NO_EVENT: EventFacts = {
  ms: null,
  rayId: null,
  status: null,
  method: null,
  consoleLevel: null,
};

export const MAX_MESSAGE_CHARS = 2_000;
const MAX_STACK_CHARS = 4_000;
const MAX_WORD_CHARS = 120;
/** A rate below this is a mistake, and would let one line stand for everything. */
const LEAST_SAMPLE_RATE = 0.0001;

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Never throws: what is missing or of another type is null. */
export function readRecord(line: Fields, event: EventFacts): LogRecord {
  const context = isFields(line.context) ? line.context : {};
  const rate = numberOf(line.sample_rate);
  const status = numberOf(line.status);
  const level = levelOf(line) ?? levelImplied(event.consoleLevel, status) ?? NO_LEVEL;
  return {
    ms: eventTimeOf(line.timestamp) ?? eventTimeOf(line.time) ?? eventTimeOf(line.ts) ?? event.ms,
    level,
    error: textOf(context.error, MAX_MESSAGE_CHARS),
    message: textOf(line.error_msg ?? line.message ?? line.msg, MAX_MESSAGE_CHARS),
    stack: textOf(context.stack, MAX_STACK_CHARS),
    cohort: wordOf(line.cohort),
    phase: wordOf(line.phase),
    method: wordOf(line.method) ?? event.method,
    route: wordOf(line.route),
    status: status ?? event.status,
    colo: wordOf(line.colo),
    country: wordOf(line.country),
    device: wordOf(line.device),
    revision: wordOf(line.revision),
    rayId: wordOf(line.rayID ?? line.rayId) ?? event.rayId,
    sampleRate: rate !== null && rate >= LEAST_SAMPLE_RATE && rate <= 1 ? rate : 1,
    request: true,
    failed: isFailure(level),
    outcome: null,
  };
}

/** A message that is no JSON, as `console.error("…")` leaves it. */
export function textRecord(text: string, event: EventFacts): LogRecord {
  return { ...readRecord({ message: text }, event), request: false };
}

/** What escaped the Worker's own error handling: no line of ours tells of it. */
export function exceptionRecord(
  thrown: { name: string | null; message: string; stack: string | null },
  event: EventFacts,
): LogRecord {
  const context = { error: thrown.name ?? thrown.message, stack: thrown.stack };
  return readRecord({ level: "ERROR", error_msg: thrown.message, context }, event);
}

/** An error may also be logged as an object with a message. */
export function textOf(value: unknown, maxChars: number): string | null {
  if (typeof value === "string") return capped(value, maxChars);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return isFields(value) && typeof value.message === "string"
    ? capped(value.message, maxChars)
    : null;
}

/** Records are kept as examples: a part of a long text must not keep the whole of it in memory. */
function capped(text: string, maxChars: number): string {
  const part = text.length > maxChars ? ownCopy(text.slice(0, maxChars)) : text;
  return part.toWellFormed();
}

export function wordOf(value: unknown): string | null {
  return value === "" ? null : textOf(value, MAX_WORD_CHARS);
}

export function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** What the line itself says; null when it does not. */
export function levelOf({ level, severity }: Fields): Level | null {
  return levelOfWord(wordOf(level ?? severity));
}

/** Of an object as text; null for anything else. */
export function parseFields(text: string): Fields | null {
  if (!text.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

/** The objects of a list; none when it is no list. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}
