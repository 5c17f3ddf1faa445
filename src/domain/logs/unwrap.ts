/**
 * From one line of a file to log records. Knows Logpush's `workers_trace_events` (one JSON string per
 * console call inside `Logs[].Message`; documented and observed in research/platform.md §4.1), the
 * tail API's form of the same in camelCase, and the runbook's plain NDJSON.
 */
import {
  type EventFacts,
  exceptionRecord,
  type Fields,
  isFields,
  type LogRecord,
  levelOf,
  NO_EVENT,
  numberOf,
  readRecord,
  textRecord,
  timeOf,
  wordOf,
} from "./record.ts";

/** Logpush cuts logs and exceptions of an event at 16,384 characters in all, and says so with this. */
export const TRUNCATION_MARK = "<<<Logpush: messages truncated>>>";

export interface Unwrapped {
  records: LogRecord[];
  /** No JSON, or nothing that could be a line. */
  broken: boolean;
  /** Messages that Logpush cut; what could be saved of them is in `records`. */
  truncated: number;
}

/** Never throws, at any depth of nesting: nothing below the fields it knows is looked at. */
export function unwrapLine(text: string): Unwrapped {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { records: [], broken: true, truncated: 0 };
  }
  return unwrapValue(value);
}

function unwrapValue(value: unknown): Unwrapped {
  if (!isFields(value)) return { records: [], broken: true, truncated: 0 };
  if (isTraceEvent(value)) return unwrapEvent(value);
  return { records: [readRecord(value, NO_EVENT)], broken: false, truncated: 0 };
}

/** Made once each: a key that is put together anew for every line costs as much as parsing it. */
const CAPITALS = new Map<string, string>();

/** Logpush capitalises its keys, the tail API does not. */
export function field(fields: Fields, name: string): unknown {
  let capital = CAPITALS.get(name);
  if (capital === undefined) {
    capital = name.charAt(0).toUpperCase() + name.slice(1);
    CAPITALS.set(name, capital);
  }
  return fields[capital] ?? fields[name];
}

/** A plain line may well have an `outcome` of its own; only events have these. */
export function isTraceEvent(fields: Fields): boolean {
  return (
    Array.isArray(field(fields, "logs")) ||
    Array.isArray(field(fields, "exceptions")) ||
    field(fields, "eventTimestampMs") !== undefined ||
    field(fields, "eventTimestamp") !== undefined
  );
}

function unwrapEvent(event: Fields): Unwrapped {
  const facts = factsOf(event);
  const found: Unwrapped = { records: [], broken: false, truncated: 0 };
  for (const log of listOf(field(event, "logs"))) {
    const consoleLevel = wordOf(field(log, "level"));
    const ms = timeOf(field(log, "timestampMs") ?? field(log, "timestamp")) ?? facts.ms;
    addMessage(found, field(log, "message"), { ...facts, ms, consoleLevel });
  }
  const failure = failureOf(event, facts);
  const told = found.records.some(({ level }) => level === "ERROR");
  if (failure !== null && !told) found.records.push(failure);
  return found;
}

function factsOf(event: Fields): EventFacts {
  const inner = field(event, "event");
  const about = isFields(inner) ? inner : {};
  const request = field(about, "request");
  const response = field(about, "response");
  const ray = about.RayID ?? about.rayID ?? about.rayId;
  return {
    ms: timeOf(field(event, "eventTimestampMs") ?? field(event, "eventTimestamp")),
    rayId: wordOf(ray),
    status: isFields(response) ? numberOf(field(response, "status")) : null,
    method: isFields(request) ? wordOf(field(request, "method")) : null,
    consoleLevel: null,
  };
}

/** Arguments of one console call may come reversed; ours has one, a JSON object as a string. */
function addMessage(found: Unwrapped, message: unknown, event: EventFacts): void {
  const parts = Array.isArray(message) ? message : [message];
  const texts: string[] = [];
  for (const part of parts) {
    const line = typeof part === "string" ? parseFields(part) : part;
    if (isFields(line)) {
      found.records.push(readRecord(line, event));
      return;
    }
    if (typeof part === "string") texts.push(part);
  }
  const cut = texts.find((text) => text.includes(TRUNCATION_MARK));
  if (cut !== undefined) {
    found.truncated += 1;
    const saved = salvage(cut.slice(0, cut.indexOf(TRUNCATION_MARK)));
    if (saved !== null) found.records.push(readRecord(saved, event));
    return;
  }
  if (texts.length > 0) found.records.push(textRecord(texts.join(" "), event));
}

function parseFields(text: string): Fields | null {
  if (!text.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

const STRING = '"((?:[^"\\\\]|\\\\.)*)';
const SAVED_WORDS = ["timestamp", "level", "rayID", "colo", "cohort", "phase", "method", "route"];
const SAVED_MORE = ["country", "device", "revision", "error_msg"];
const SAVED = [...SAVED_WORDS, ...SAVED_MORE].map(
  (key) => [key, new RegExp(`"${key}":${STRING}"`)] as const,
);
const SAVED_NUMBERS = ["status", "sample_rate"].map(
  (key) => [key, new RegExp(`"${key}":(\\d{1,9}(?:\\.\\d{1,9})?)[,}]`)] as const,
);
const SAVED_ERROR = new RegExp(`"context":\\{"error":${STRING}"`);
/** The stack comes last and is what is usually cut: its end is missing. */
const SAVED_STACK = new RegExp(`"stack":${STRING}`);

/** The fields of the Worker's line that come before the cut; null when there is not even a level. */
function salvage(cut: string): Fields | null {
  const fields: Record<string, unknown> = {};
  for (const [key, pattern] of SAVED) {
    const text = pattern.exec(cut)?.[1];
    if (text !== undefined) fields[key] = unescaped(text);
  }
  for (const [key, pattern] of SAVED_NUMBERS) {
    const text = pattern.exec(cut)?.[1];
    if (text !== undefined) fields[key] = Number(text);
  }
  if (levelOf(fields.level) === null) return null;
  const error = SAVED_ERROR.exec(cut)?.[1];
  const stack = SAVED_STACK.exec(cut)?.[1];
  if (error !== undefined) {
    fields.context = {
      error: unescaped(error),
      stack: stack === undefined ? null : unescaped(stack),
    };
  }
  return fields;
}

function unescaped(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}

/** `canceled` is a visitor who left; everything else but `ok` is a request that failed. */
const HARMLESS = new Set(["ok", "canceled", "unknown", "responseStreamDisconnected"]);

function failureOf(event: Fields, facts: EventFacts): LogRecord | null {
  const [thrown] = listOf(field(event, "exceptions"));
  const outcome = wordOf(field(event, "outcome"));
  if (thrown !== undefined) {
    const message = wordOf(field(thrown, "message")) ?? outcome ?? "exception";
    const stack = field(thrown, "stack");
    return exceptionRecord(
      {
        name: wordOf(field(thrown, "name")),
        message,
        stack: typeof stack === "string" ? stack : null,
      },
      {
        ...facts,
        ms: timeOf(field(thrown, "timestampMs") ?? field(thrown, "timestamp")) ?? facts.ms,
      },
    );
  }
  if (outcome === null || HARMLESS.has(outcome)) return null;
  return exceptionRecord({ name: null, message: `outcome ${outcome}`, stack: null }, facts);
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}
