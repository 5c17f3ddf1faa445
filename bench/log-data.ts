/** Trace events as Logpush writes them, the same for the same seed: what `bench logs` reads. */
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** Mulberry32: small, fast, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ROUTES = [
  ["POST", "/api/pixcapture/upload/intent", "b1a"],
  ["POST", "/api/pixcapture/upload/finalize", "b1a"],
  ["GET", "/api/jobs", "b1b"],
  ["GET", "/api/jobs/:id", "b1b"],
  ["GET", "/api/*", "proxy"],
] as const;
const COLOS = ["FRA", "AMS", "IAD", "CDG", "LHR"];
const COUNTRIES = ["DE", "NL", "US", "FR", "GB"];
const DEVICES = ["mobile", "desktop", "bot", "other"];
const ERRORS = [
  ["Error (ECONNREFUSED)", "connect ECONNREFUSED 10.0.3.17:5432"],
  ["TimeLimitError", "database query took over 5000 ms"],
  ["Error", "put: We encountered an internal error. Please try again. (10001)"],
  ["TypeError", "Cannot read properties of undefined (reading 'job_id')"],
] as const;

const ERROR_SHARE = 0.04;
/** Successes of which the Worker wrote a line; the other events hold none. */
const LOGGED_SHARE = 0.1;
const START_MS = Date.UTC(2026, 4, 1, 0, 49, 0);

type Random = () => number;

function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
}

function hex(random: Random, digits: number): string {
  let text = "";
  while (text.length < digits) {
    text += Math.floor(random() * 65_536)
      .toString(16)
      .padStart(4, "0");
  }
  return text.slice(0, digits);
}

/** One event as a line of JSON, without the newline. */
export function traceEvent(random: Random, index: number): string {
  const [method, route, phase] = pick(random, ROUTES);
  const ms = START_MS + index * 12;
  const failed = random() < ERROR_SHARE;
  const logged = failed || random() < LOGGED_SHARE;
  const status = failed ? pick(random, [500, 502, 503]) : 200;
  const ray = hex(random, 16);
  const line = logged ? logLine(random, { ms, method, route, phase, status, ray, failed }) : null;
  const path = route.replace(":id", hex(random, 12)).replace("*", `listings/${hex(random, 6)}`);
  return JSON.stringify({
    CPUTimeMs: Math.floor(random() * 20),
    DispatchNamespace: "",
    Entrypoint: "",
    Event: {
      RayID: ray,
      Request: { URL: `https://api.pix.immo${path}`, Method: method },
      Response: { Status: status },
    },
    EventTimestampMs: ms,
    EventType: "fetch",
    Exceptions: [],
    Logs: line === null ? [] : [{ Level: "log", Message: [line], TimestampMs: ms + 3 }],
    Outcome: "ok",
    ScriptName: "pix-canary",
    ScriptTags: ["staging"],
    ScriptVersion: { ID: "0c4a43cf-9d0a-4a86-a2f7-0d2c2f5a8d11", Message: "", Tag: "" },
    WallTimeMs: Math.floor(random() * 600),
  });
}

interface Facts {
  ms: number;
  method: string;
  route: string;
  phase: string;
  status: number;
  ray: string;
  failed: boolean;
}

function logLine(random: Random, facts: Facts): string {
  const { ms, method, route, phase, status, ray, failed } = facts;
  const [name, message] = pick(random, ERRORS);
  return JSON.stringify({
    timestamp: new Date(ms).toISOString(),
    level: failed ? "ERROR" : "INFO",
    rayID: ray,
    colo: pick(random, COLOS),
    cohort: random() < 0.2 ? "native" : "proxy",
    reason: "cookie",
    phase,
    method,
    route,
    status,
    duration_ms: Math.floor(random() * 900),
    country: pick(random, COUNTRIES),
    device: pick(random, DEVICES),
    revision: "01JCQ0000000000000000000AA",
    sample_rate: failed ? 1 : 0.1,
    error_msg: failed ? message : null,
    context: failed ? { error: name, stack: stackOf(random, name, message) } : null,
  });
}

function stackOf(random: Random, name: string, message: string): string {
  const frames = ["finalize", "withDatabase", "serveNative", "serve", "dispatch"];
  const lines = frames.map((at) => `    at ${at} (worker.js:${Math.floor(random() * 9_000)}:17)`);
  return `${name}: ${message}\n${lines.join("\n")}`;
}

export interface LogData {
  files: string[];
  /** Uncompressed. */
  bytes: number;
  events: number;
}

/** Writes gzip files of about `fileMiB` each, until `totalMiB` (uncompressed) are there. */
export async function writeTraceEvents(
  folder: string,
  options: { totalMiB: number; fileMiB: number; seed: number },
): Promise<LogData> {
  const random = randomFrom(options.seed);
  const data: LogData = { files: [], bytes: 0, events: 0 };
  await mkdir(folder, { recursive: true });
  while (data.bytes < options.totalMiB * 1024 ** 2) {
    const path = join(folder, `${String(data.files.length).padStart(4, "0")}.log.gz`);
    const end = data.bytes + options.fileMiB * 1024 ** 2;
    const lines = function* () {
      while (data.bytes < end) {
        const batch: string[] = [];
        for (let n = 0; n < 200; n += 1) batch.push(`${traceEvent(random, data.events + n)}\n`);
        const bytes = Buffer.from(batch.join(""));
        data.events += batch.length;
        data.bytes += bytes.length;
        yield bytes;
      }
    };
    await pipeline(Readable.from(lines()), createGzip({ level: 6 }), createWriteStream(path));
    data.files.push(path);
  }
  return data;
}
