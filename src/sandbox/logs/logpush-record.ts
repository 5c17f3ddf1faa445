/**
 * One line of a Logpush file: dataset `workers_trace_events`, fields and capitals as in
 * developers.cloudflare.com/logs/logpush/logpush-job/datasets/account/workers_trace_events.
 */
import type { Trace } from "./trace.ts";

/** Of all names and messages of exceptions and all messages of logs, in this order. */
export const MAX_MESSAGE_CHARS = 16_384;
export const TRUNCATED = "<<<Logpush: messages truncated>>>";
const EXCEPTION_TRUNCATED = "<<<Logpush: exception messages truncated>>>";

export interface LogpushRecord {
  CPUTimeMs: number;
  Event: Record<string, unknown>;
  EventTimestampMs: number;
  EventType: "fetch" | "scheduled" | "unknown";
  Exceptions: { Name: string; Message: string; TimestampMs: number }[];
  Logs: { Level: string; Message: string[]; TimestampMs: number }[];
  Outcome: string;
  ScriptName: string;
  ScriptTags: string[];
  ScriptVersion: { ID: string; Message: string; Tag: string };
  WallTimeMs: number;
}

export function recordOf(trace: Trace): LogpushRecord {
  const atMs = trace.eventTimestamp ?? 0;
  const budget = new Budget(MAX_MESSAGE_CHARS);
  return {
    CPUTimeMs: trace.cpuTime,
    Event: eventOf(trace),
    EventTimestampMs: atMs,
    EventType: typeOf(trace),
    Exceptions: exceptionsOf(trace, budget),
    Logs: logsOf(trace, budget),
    Outcome: trace.outcome,
    ScriptName: trace.scriptName,
    ScriptTags: [],
    ScriptVersion: { ID: trace.scriptVersion.id, Message: "", Tag: "" },
    WallTimeMs: trace.wallTime,
  };
}

function typeOf({ event }: Trace): LogpushRecord["EventType"] {
  if (event?.request !== undefined) return "fetch";
  return event?.cron === undefined ? "unknown" : "scheduled";
}

function eventOf({ event }: Trace): Record<string, unknown> {
  const request = event?.request;
  if (request === undefined) {
    return event?.cron === undefined
      ? {}
      : { Cron: event.cron, ScheduledTimeMs: event.scheduledTime ?? 0 };
  }
  const { url, method, headers } = request;
  const status = event?.response?.status;
  return {
    RayID: (headers["cf-ray"] ?? "").split("-", 1)[0],
    Request: { URL: url, Method: method },
    ...(status === undefined ? {} : { Response: { Status: status } }),
  };
}

/** How many characters may still be written; after the first cut, none. */
class Budget {
  left: number;
  constructor(chars: number) {
    this.left = chars;
  }

  /** Null once nothing is left. */
  take(text: string, mark: string): string | null {
    if (this.left <= 0) return null;
    const fits = text.length <= this.left;
    const kept = fits ? text : `${text.slice(0, this.left)}${mark}`;
    this.left -= text.length;
    return kept;
  }
}

function exceptionsOf({ exceptions }: Trace, budget: Budget): LogpushRecord["Exceptions"] {
  for (const { name } of exceptions) budget.left -= name.length;
  return exceptions.flatMap(({ name, message, timestamp }) => {
    const kept = budget.take(message, EXCEPTION_TRUNCATED);
    return kept === null ? [] : [{ Name: name, Message: kept, TimestampMs: timestamp ?? 0 }];
  });
}

function logsOf({ logs }: Trace, budget: Budget): LogpushRecord["Logs"] {
  return logs.flatMap(({ level, message, timestamp }) => {
    const parts = Array.isArray(message) ? message : [message];
    const kept = parts.flatMap((part) => {
      const text = typeof part === "string" ? part : (JSON.stringify(part) ?? String(part));
      return budget.take(text, TRUNCATED) ?? [];
    });
    return kept.length === 0 ? [] : [{ Level: level, Message: kept, TimestampMs: timestamp ?? 0 }];
  });
}
