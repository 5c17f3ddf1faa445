/** Log files of the last minutes, as Logpush would have written them: a database that goes away. */
import { gzipSync } from "node:zlib";
import { batchKey } from "../../src/domain/logs/batch-name.ts";
import type { LogLine } from "../../src/domain/logs/line.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";

const EVENTS = 40;
const EVERY_MS = 10_000;

export async function putLogs(sandbox: Sandbox): Promise<void> {
  const toMs = Date.now() - 60_000;
  const fromMs = toMs - EVENTS * EVERY_MS;
  const lines = Array.from({ length: EVENTS }, (_, index) =>
    JSON.stringify(traceEvent(lineOf(index, fromMs + index * EVERY_MS))),
  );
  const base64 = gzipSync(`${lines.join("\n")}\n`).toString("base64");
  const key = batchKey("b2a", { fromMs, toMs }, "1747b6ef");
  await sandbox.control.setLogs({ put: [{ key, base64 }] });
}

/** Every fourth request fails. */
function lineOf(index: number, atMs: number): LogLine {
  const failed = index % 4 === 0;
  return {
    timestamp: new Date(atMs).toISOString(),
    level: failed ? "ERROR" : "INFO",
    rayID: `87ed${index.toString(16).padStart(12, "0")}`,
    colo: "FRA",
    cohort: "native",
    reason: "cookie",
    phase: "b1b",
    method: "GET",
    route: "/api/jobs",
    status: failed ? 500 : 200,
    duration_ms: 40 + index,
    country: "DE",
    device: "mobile",
    revision: null,
    sample_rate: failed ? 1 : 0.1,
    error_msg: failed ? "connection terminated unexpectedly" : null,
    context: failed ? { error: "Error (ECONNRESET)", stack: null } : null,
  };
}

function traceEvent(line: LogLine): object {
  const atMs = Date.parse(line.timestamp);
  return {
    Event: {
      RayID: line.rayID,
      Request: { URL: `https://api.pix.immo${line.route}`, Method: line.method },
      Response: { Status: line.status },
    },
    EventTimestampMs: atMs,
    EventType: "fetch",
    Exceptions: [],
    Logs: [{ Level: "log", Message: [JSON.stringify(line)], TimestampMs: atMs }],
    Outcome: "ok",
    ScriptName: "pix-api",
  };
}
