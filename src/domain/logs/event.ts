/**
 * What one trace event tells. Knows Logpush's `workers_trace_events` (one JSON string per console call inside
 * `Logs[].Message`; documented and observed in research/platform.md §4.1), and the tail API's form of the same in
 * camelCase. Every exception and every outcome but `ok` is told; the event is one request, whatever it logged.
 */

import { eventTimeOf } from "./event-time.ts";
import { isFailure, levelOfOutcome, outcomeToTell } from "./level.ts";
import {
  type EventFacts,
  exceptionRecord,
  type Fields,
  isFields,
  type LogRecord,
  levelOf,
  listOf,
  MAX_MESSAGE_CHARS,
  numberOf,
  parseFields,
  readRecord,
  textOf,
  textRecord,
  wordOf,
} from "./record.ts";
import { salvage, TRUNCATION_MARK } from "./salvage.ts";

export interface EventTold {
  records: LogRecord[];
  /** False when nothing says how it went. */
  judged: boolean;
  /** Messages that Logpush cut; what could be saved of them is in `records`. */
  truncated: number;
  /** Of those: nothing could be saved. */
  lost: number;
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

/** A plain line may well have an `outcome` next to its level; only events have the others. */
export function isTraceEvent(fields: Fields): boolean {
  return (
    Array.isArray(field(fields, "logs")) ||
    Array.isArray(field(fields, "exceptions")) ||
    field(fields, "eventTimestampMs") !== undefined ||
    field(fields, "eventTimestamp") !== undefined ||
    (typeof field(fields, "outcome") === "string" && levelOf(fields) === null)
  );
}

export function readEvent(event: Fields): EventTold {
  const outcome = wordOf(field(event, "outcome"));
  const facts = factsOf(event);
  const told: EventTold = { records: [], judged: true, truncated: 0, lost: 0 };
  for (const log of listOf(field(event, "logs"))) {
    const consoleLevel = wordOf(field(log, "level")) ?? (outcome === null ? null : "log");
    const ms = eventTimeOf(field(log, "timestampMs") ?? field(log, "timestamp")) ?? facts.ms;
    addMessage(told, field(log, "message"), { ...facts, ms, consoleLevel });
  }
  const lines = told.records;
  const thrown = listOf(field(event, "exceptions")).map((one) => thrownOf(one, outcome, facts));
  const ended = outcomeRecord(outcome, thrown.length > 0, facts);
  told.judged = outcome !== null || lines.length + thrown.length > 0 || facts.status !== null;
  if (thrown.length === 0 && ended === null) {
    addAnswer(lines, facts);
    if (lines.length > 1) told.records = oneRequest(lines, []);
    return told;
  }
  const [first, ...others] = thrown;
  if (first !== undefined && ended === null) first.outcome = failureName(outcome);
  const failures = [first, ...others, ended].filter((one) => one !== undefined && one !== null);
  told.records = oneRequest(...withoutTwins(lines, failures));
  return told;
}

function failureName(outcome: string | null): string | null {
  return outcome === null || levelOfOutcome(outcome) === null ? null : outcome;
}

function factsOf(event: Fields): EventFacts {
  const inner = field(event, "event");
  const about = isFields(inner) ? inner : {};
  const request = field(about, "request");
  const response = field(about, "response");
  const ray = about.RayID ?? about.rayID ?? about.rayId;
  return {
    ms: eventTimeOf(field(event, "eventTimestampMs") ?? field(event, "eventTimestamp")),
    rayId: wordOf(ray),
    status: isFields(response) ? numberOf(field(response, "status")) : null,
    method: isFields(request) ? wordOf(field(request, "method")) : null,
    consoleLevel: null,
  };
}

/** Arguments of one console call may come reversed; ours has one, a JSON object as a string. */
function addMessage(told: EventTold, message: unknown, event: EventFacts): void {
  const parts = Array.isArray(message) ? message : [message];
  const texts: string[] = [];
  for (const part of parts) {
    const line = typeof part === "string" ? parseFields(part) : part;
    if (isFields(line)) {
      told.records.push(readRecord(line, event));
      return;
    }
    if (typeof part === "string") texts.push(part);
  }
  const cut = texts.find((text) => text.includes(TRUNCATION_MARK));
  if (cut !== undefined) {
    told.truncated += 1;
    const saved = salvage(cut.slice(0, cut.indexOf(TRUNCATION_MARK)));
    if (saved !== null) told.records.push(readRecord(saved, event));
    else told.lost += 1;
    return;
  }
  if (texts.length > 0) told.records.push(textRecord(texts.join(" "), event));
}

function thrownOf(thrown: Fields, outcome: string | null, facts: EventFacts): LogRecord {
  const stack = field(thrown, "stack");
  const ms = eventTimeOf(field(thrown, "timestampMs") ?? field(thrown, "timestamp")) ?? facts.ms;
  const said = textOf(field(thrown, "message"), MAX_MESSAGE_CHARS);
  return exceptionRecord(
    {
      name: wordOf(field(thrown, "name")),
      message: said ?? outcome ?? "exception",
      stack: typeof stack === "string" ? stack : null,
    },
    { ...facts, ms },
  );
}

function outcomeRecord(
  outcome: string | null,
  hasThrown: boolean,
  facts: EventFacts,
): LogRecord | null {
  const ended = outcomeToTell(outcome, hasThrown);
  if (ended === null) return null;
  const { level, message } = ended;
  const context = { error: message, stack: null };
  return { ...readRecord({ level, error_msg: message, context }, facts), outcome };
}

/** Where no line of the Worker's tells of the request, a 5xx answer does. */
function addAnswer(lines: LogRecord[], facts: EventFacts): void {
  const { status } = facts;
  if (status === null || status < 500 || lines.some(({ request }) => request)) return;
  lines.push(readRecord({ status }, facts));
}

/**
 * An error that was thrown and logged as well is one error: the Worker's line stays and gets the stack, a plain text
 * gives way to what was thrown.
 */
function withoutTwins(
  lines: readonly LogRecord[],
  failures: readonly LogRecord[],
): [lines: LogRecord[], failures: LogRecord[]] {
  const kept = [...lines];
  // Each line meets one exception: the second of two alike is an error of its own.
  const met = new Set<LogRecord>();
  const left = failures.filter((failure) => {
    const at = kept.findIndex((line) => !met.has(line) && isSameError(line, failure));
    const line = kept[at];
    if (line === undefined) return true;
    if (!line.request) {
      kept.splice(at, 1);
      return true;
    }
    const { outcome } = failure;
    const both = { ...line, stack: line.stack ?? failure.stack, failed: true, outcome };
    met.add(both);
    kept[at] = both;
    return false;
  });
  return [kept, left];
}

function isSameError(line: LogRecord, { error, message }: LogRecord): boolean {
  if (!isFailure(line.level) || line.message === null || message === null) return false;
  const named = `${error}: ${message}`;
  const [said] = line.message.split("\n", 1);
  return [message, named, `Uncaught ${named}`].some((one) => one === line.message || one === said);
}

/** One of the lines stands for the request, and the others know what it says of it. */
function oneRequest(lines: readonly LogRecord[], failures: readonly LogRecord[]): LogRecord[] {
  const own = lines.filter(({ request }) => request);
  const better = (a: LogRecord, b: LogRecord): number => rank(b) - rank(a);
  const carrier = own.toSorted(better)[0] ?? failures.find(({ failed }) => failed);
  const failed = carrier?.failed === true || failures.some((failure) => failure.failed);
  return [...lines, ...failures].map((record) => {
    if (record === carrier) return { ...record, request: true, failed };
    const known = carrier === undefined ? record : { ...record, ...placeOf(carrier, record) };
    return { ...known, request: false, failed: false };
  });
}

/** The Worker's line names a cohort; any other JSON that it logs does not. */
function rank({ cohort, failed }: LogRecord): number {
  return (cohort === null ? 0 : 2) + (failed ? 1 : 0);
}

function placeOf(carrier: LogRecord, record: LogRecord): Partial<LogRecord> {
  return {
    cohort: record.cohort ?? carrier.cohort,
    phase: record.phase ?? carrier.phase,
    route: record.route ?? carrier.route,
    status: record.status ?? carrier.status,
    colo: record.colo ?? carrier.colo,
    country: record.country ?? carrier.country,
    device: record.device ?? carrier.device,
    revision: record.revision ?? carrier.revision,
  };
}
