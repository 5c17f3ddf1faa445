/** Pings of native's and proxy's backends, cached for a few seconds per isolate. */
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import type { Bindings, Settings } from "../env.ts";
import { withLimit } from "../limit.ts";
import { describeDatabaseError, withDatabase } from "../native/database.ts";

const PING_LIMIT_MS = 1_500;
const CACHE_MS = 5_000;
const PROBE_KEY = "qa-probe";

type HealthReport = QaDocument["health"];

export interface Health {
  /** Pings unless that was done within 5 s. Never throws; at most about 1.5 s. */
  full(context: PingContext): Promise<HealthReport>;
  /** Without waiting: what was found within 5 s, or `unknown`. */
  cached(): HealthReport;
}

interface PingContext {
  env: Bindings;
  settings: Settings;
  waitUntil(work: Promise<unknown>): void;
}

const UNKNOWN: HealthReport = {
  native: { status: "unknown", db_ping_ms: null, r2_accessible: null, problem: null },
  proxy: { status: "unknown", origin_ping_ms: null, reachable: null, problem: null },
};

export function createHealth(now: () => number): Health {
  let last: { report: HealthReport; atMs: number } | null = null;
  let running: { report: Promise<HealthReport>; startedAtMs: number } | null = null;

  const young = (): HealthReport | null =>
    last !== null && Math.abs(now() - last.atMs) <= CACHE_MS ? last.report : null;

  const start = (context: PingContext): Promise<HealthReport> => {
    const report = pingAll(context, now).then((found) => {
      last = { report: found, atMs: now() };
      running = null;
      return found;
    });
    running = { report, startedAtMs: now() };
    context.waitUntil(report);
    return report;
  };

  return {
    cached: () => young() ?? UNKNOWN,
    async full(context) {
      const known = young();
      if (known !== null) return known;
      const joinable = running !== null && now() - running.startedAtMs <= PING_LIMIT_MS;
      const report = joinable && running !== null ? running.report : start(context);
      try {
        // The pings end by themselves, unless the request that owns them is torn down.
        return await withLimit("health", PING_LIMIT_MS + 250, report);
      } catch {
        return UNKNOWN;
      }
    },
  };
}

async function pingAll(context: PingContext, now: () => number): Promise<HealthReport> {
  const [database, media, origin] = await Promise.all([
    ping(now, () => pingDatabase(context), describeDatabase),
    ping(now, () => pingMedia(context.env), describeError),
    ping(now, () => pingOrigin(context.settings), describeError),
  ]);
  const nativeProblems = [
    ...(database.problem === null ? [] : [`database: ${database.problem}`]),
    ...(media.problem === null ? [] : [`R2: ${media.problem}`]),
  ];
  return {
    native: {
      status: nativeProblems.length === 0 ? "healthy" : "failing",
      db_ping_ms: database.tookMs,
      r2_accessible: media.problem === null,
      problem: nativeProblems.length === 0 ? null : nativeProblems.join("; "),
    },
    proxy: {
      status: origin.problem === null ? "healthy" : "failing",
      origin_ping_ms: origin.tookMs,
      reachable: origin.problem === null,
      problem: origin.problem === null ? null : `origin: ${origin.problem}`,
    },
  };
}

interface Ping {
  tookMs: number | null;
  problem: string | null;
}

async function ping(
  now: () => number,
  work: () => Promise<void>,
  describe: (error: unknown) => string,
): Promise<Ping> {
  const startedAtMs = now();
  try {
    await withLimit("ping", PING_LIMIT_MS, work());
    return { tookMs: Math.max(0, now() - startedAtMs), problem: null };
  } catch (error) {
    return { tookMs: null, problem: describe(error) };
  }
}

/** A volatile function: Hyperdrive would answer a plain `SELECT 1` for a dead database. */
async function pingDatabase(context: PingContext): Promise<void> {
  if (context.env.HYPERDRIVE === undefined) throw new HealthError("not bound");
  await withDatabase({ ...context, count: () => undefined }, (database) =>
    database.query("SELECT clock_timestamp()", []),
  );
}

async function pingMedia(env: Bindings): Promise<void> {
  if (env.MEDIA === undefined) throw new HealthError("not bound");
  await env.MEDIA.head(PROBE_KEY);
}

async function pingOrigin(settings: Settings): Promise<void> {
  if (settings.originUrl === null) throw new HealthError("not configured");
  const answer = await fetch(settings.originUrl + settings.originHealthPath, {
    redirect: "manual",
    signal: AbortSignal.timeout(PING_LIMIT_MS),
    cf: { cacheTtl: -1 },
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new HealthError(`answered HTTP ${answer.status}`);
}

class HealthError extends Error {
  override readonly name = "HealthError";
}

function describeDatabase(error: unknown): string {
  return error instanceof HealthError ? error.message : describeDatabaseError(error);
}

/** Only our own words: foreign messages may hold addresses. */
function describeError(error: unknown): string {
  if (error instanceof HealthError) return error.message;
  const name = error instanceof Error ? error.name : "";
  return name === "TimeLimitError" || name === "TimeoutError" ? "no answer in time" : "unreachable";
}
