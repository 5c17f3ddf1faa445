/** Log lines and trace events for tests, in the shapes that Logpush and the runbook have. */
import { LineFeed } from "../../src/adapters/logs/line-feed.ts";
import { type AnalysisReport, LogAnalysis } from "../../src/domain/logs/analysis.ts";
import type { LogFilter } from "../../src/domain/logs/filter.ts";
import type { StateChange } from "../../src/domain/logs/timeline.ts";

export const START_MS = Date.UTC(2026, 4, 1, 0, 49, 0);

export type Line = Record<string, unknown>;

/** The Worker's line; a success unless told otherwise. */
export function logLine(given: Line = {}, atMs = START_MS): Line {
  return {
    timestamp: new Date(atMs).toISOString(),
    level: "INFO",
    rayID: "b2f3857d67d0775b",
    colo: "FRA",
    cohort: "native",
    reason: "cookie",
    phase: "b1a",
    method: "POST",
    route: "/api/pixcapture/upload/intent",
    status: 200,
    duration_ms: 12,
    country: "DE",
    device: "mobile",
    revision: "01JCQ0000000000000000000AA",
    sample_rate: 0.1,
    error_msg: null,
    context: null,
    ...given,
  };
}

export function errorLine(message: string, given: Line = {}, atMs = START_MS): Line {
  const context = { error: "Error", stack: `Error: ${message}\n    at finalize (worker.js:1:2)` };
  const failed = { level: "ERROR", status: 500, sample_rate: 1, error_msg: message, context };
  return logLine({ ...failed, ...given }, atMs);
}

/** One event of `workers_trace_events` around these messages. */
export function traceEvent(lines: readonly (Line | string)[], given: Line = {}): Line {
  return {
    CPUTimeMs: 3,
    Event: {
      RayID: "b2f3857d67d0775b",
      Request: { URL: "https://api.pix.immo/api/jobs", Method: "GET" },
      Response: { Status: 200 },
    },
    EventTimestampMs: START_MS,
    EventType: "fetch",
    Exceptions: [],
    Logs: lines.map((line) => ({
      Level: "log",
      Message: [typeof line === "string" ? line : JSON.stringify(line)],
      TimestampMs: START_MS + 3,
    })),
    Outcome: "ok",
    ScriptName: "pix-canary",
    ScriptVersion: { ID: "0c4a43cf-9d0a-4a86-a2f7-0d2c2f5a8d11", Message: "", Tag: "" },
    WallTimeMs: 40,
    ...given,
  };
}

export const EVERYTHING: LogFilter = {
  levels: new Set(["ERROR"]),
  route: null,
  cohort: null,
  grep: null,
  sinceMs: null,
  untilMs: null,
};

export interface Feeding {
  filter?: Partial<LogFilter>;
  changes?: StateChange[];
  shapes?: boolean;
}

/** As a reader would feed it. */
export function analysed(content: Buffer, given: Feeding = {}): AnalysisReport {
  const { filter, changes = [], shapes = true } = given;
  const analysis = new LogAnalysis({ filter: { ...EVERYTHING, ...filter }, changes, shapes });
  const feed = new LineFeed(analysis, 1024 ** 2);
  const size = 64 * 1024;
  for (let at = 0; at < content.length; at += size) feed.push(content.subarray(at, at + size));
  feed.end();
  return analysis.report();
}

export function ndjson(values: readonly unknown[]): Buffer {
  return Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}
