/** From one JSON text to log records: a trace event, the runbook's plain line, or an envelope around many. */
import { field, isTraceEvent, readEvent } from "./event.ts";
import { isFailure, isKnownLevel, isWorkerFailure } from "./level.ts";
import {
  exceptionRecord,
  type Fields,
  isFields,
  type LogRecord,
  levelOf,
  NO_EVENT,
  numberOf,
  readRecord,
  wordOf,
} from "./record.ts";

export interface Unwrapped {
  records: LogRecord[];
  /** Lines and events that it holds: one, but for an envelope. */
  entries: number;
  /** Of those: nothing that could be a line. */
  broken: number;
  /** Of those: neither level nor outcome nor status, or a level that nobody can judge by. */
  unclear: number;
  /** Messages that Logpush cut; what could be saved of them is in `records`. */
  truncated: number;
}

/** What APIs and exports call the list that they answer with. */
export const ENVELOPES = [
  ...["result", "results", "events", "data", "records", "items", "entries", "rows", "hits"],
];
const MAX_ENVELOPES = 4;

/**
 * Null for what is not one JSON object. Never throws, at any depth of nesting: nothing below the fields it knows is
 * looked at.
 */
export function unwrapLine(text: string): Unwrapped | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isFields(value) ? unwrapFields(value) : null;
}

function unwrapFields(value: Fields): Unwrapped {
  if (isTraceEvent(value)) return unwrapEvent(value);
  const list = levelOf(value) === null ? enveloped(value, 1) : null;
  return list === null ? unwrapPlain(value) : unwrapList(list);
}

function unwrapEvent(value: Fields): Unwrapped {
  const { records, judged, truncated, lost } = readEvent(value);
  const unclear = !judged || lost > 0 || records.some(({ level }) => !isKnownLevel(level));
  return { records, entries: 1, broken: 0, unclear: unclear ? 1 : 0, truncated };
}

function unwrapPlain(value: Fields): Unwrapped {
  const line = readRecord(value, NO_EVENT);
  const records = [line];
  const outcome = wordOf(field(value, "outcome"));
  if (outcome !== null && isWorkerFailure(outcome)) {
    line.outcome = outcome;
    if (!isFailure(line.level)) {
      const thrown = { name: null, message: `outcome ${outcome}`, stack: null };
      const failure = exceptionRecord(thrown, { ...NO_EVENT, ms: line.ms, rayId: line.rayId });
      records.push({ ...failure, cohort: line.cohort, route: line.route, request: false });
      line.failed = true;
    }
  }
  const unclear = isKnownLevel(line.level) ? 0 : 1;
  return { records, entries: 1, broken: 0, unclear, truncated: 0 };
}

/** The list that an answer of an API is about: `{"result": […]}`, also a few levels down. */
function enveloped(value: Fields, depth: number): unknown[] | null {
  if (numberOf(value.status) !== null) return null;
  for (const name of ENVELOPES) {
    const inner = value[name];
    if (Array.isArray(inner))
      return inner.every((one) => typeof one !== "object") && inner.length > 0 ? null : inner;
    const deeper = isFields(inner) && depth < MAX_ENVELOPES ? enveloped(inner, depth + 1) : null;
    if (deeper !== null) return deeper;
  }
  return null;
}

function unwrapList(list: readonly unknown[]): Unwrapped {
  const sum: Unwrapped = { records: [], entries: 0, broken: 0, unclear: 0, truncated: 0 };
  for (const one of list) {
    const part = isFields(one) ? unwrapFields(one) : null;
    sum.entries += part?.entries ?? 1;
    sum.broken += part?.broken ?? 1;
    sum.unclear += part?.unclear ?? 0;
    sum.truncated += part?.truncated ?? 0;
    for (const record of part?.records ?? []) sum.records.push(record);
  }
  return sum;
}
