/**
 * Runs the real bundle in the real workerd, with KV, R2, rate limits, Postgres and a loopback origin.
 * `const worker = await startWorker({ config: { canary_percent: 50 } })` … `await worker.dispose()`.
 */

import { readFileSync } from "node:fs";
import type { MiniflareOptions } from "miniflare";
import { Miniflare, Response as MiniflareResponse } from "miniflare";
import type { Response as UndiciResponse } from "undici";
import { Agent, type Dispatcher, fetch as undiciFetch } from "undici";
import type { Cohort } from "../../src/domain/decision/decide.ts";
import type { LogLine } from "../../src/domain/logs/line.ts";
import type { DataPoint } from "../../src/domain/metrics/point.ts";
import { BLOBS, DOUBLES } from "../../src/domain/metrics/point.ts";
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import { patienceScript } from "../../src/sandbox/edge/scripts.ts";
import { createCookieSigner, parseCookieKeys } from "../../worker/cookie-signer.ts";
import { endingOf } from "../support/ending.ts";
import { HANG_MS, WORKER_PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "./bundle.ts";
import type { Collection } from "./collection.ts";
import { collection } from "./collection.ts";
import type { TestDatabase } from "./database.ts";
import { startDatabase } from "./database.ts";
import type { TestOrigin } from "./origin.ts";
import { startOrigin } from "./origin.ts";

export const QA_TOKEN = "qa-token-of-the-tests-that-is-long-enough";
export const TAG = "B2a";
const COOKIE_KEYS = JSON.stringify({
  k2: Buffer.alloc(32, 2).toString("base64"),
  k1: Buffer.alloc(32, 1).toString("base64"),
});

/** A connection for each request: one that workerd hangs up on in that moment would fail it. */
const ANEW = new Agent({ pipelining: 0, connectTimeout: HANG_MS, headersTimeout: HANG_MS });

/** Stands in for the KV binding; runs in Node. May throw, hang, or answer anything. */
type FakeKv = (keys: string[]) => Promise<Record<string, string | null>>;

export interface WorkerOptions {
  /** Over the defaults below; null takes a var or secret away. */
  vars?: Record<string, string | null>;
  /** The first `config`: fields over a valid document at 0 %, or the exact text; null for none. */
  config?: Record<string, unknown> | string | null;
  stop?: Record<string, unknown> | string | null;
  kv?: FakeKv;
  /** PGlite with worker/schema.sql applied. Costs a second or two. */
  database?: boolean;
  /** Used instead of one of our own. */
  databaseUrl?: string;
  /** Requests per minute; both are generous by default. */
  limits?: { anon?: number; token?: number };
  /** Answers the CHAOS binding. */
  chaos?: (url: URL) => Record<string, unknown> | Promise<Record<string, unknown>>;
  /** Used instead of one of our own; not disposed of. */
  origin?: TestOrigin;
  /** With the Worker's own time limits, for what hangs; a busy machine could miss them. */
  realLimits?: true;
  /** Catches metric points, one more request each; without it `points` stays empty. */
  points?: true;
}

/** A caught metric point, by the names of its columns. */
export type CaughtPoint = Record<(typeof BLOBS)[number], string> &
  Record<(typeof DOUBLES)[number], number> & { index: string };

export type FetchInit = Parameters<typeof undiciFetch>[1] & { dispatcher?: Dispatcher };

export interface WorkerUnderTest {
  url: string;
  origin: TestOrigin;
  database: TestDatabase | null;
  /** By path; follows no redirect. */
  fetch(path: string, init?: FetchInit): Promise<UndiciResponse>;
  /** With the token; so it also makes the state in KV effective at once. */
  qa(query?: string): Promise<QaDocument>;
  /** Into KV as they are; null deletes, undefined leaves alone. No isolate is told. */
  putKeys(values: Record<string, string | null | undefined>): Promise<void>;
  /** Writes both keys (undefined leaves one alone) and makes them effective in the isolate. */
  putState(
    config: Record<string, unknown> | string | null | undefined,
    stop?: Record<string, unknown> | string | null,
  ): Promise<void>;
  /** Names every emergency that the isolate holds, as `restore` does; the other key is left alone. */
  endEmergencies(): Promise<void>;
  /** The `Cookie` header of a visitor, signed with the test keys. */
  cookie(cohort: Cohort, options?: { tag?: string; atMs?: number; keys?: string }): Promise<string>;
  points: Collection<CaughtPoint>;
  logs: Collection<LogLine>;
  miniflare: Miniflare;
  dispose(): Promise<void>;
}

/** The `Cookie` of a user who is logged in; of `answers403`, the session check answers 403. */
export function session(user: string): string {
  return `pix_session=${user}`;
}

/** A valid `config` document. */
export function configText(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    canary_percent: 0,
    canary_tag: TAG,
    emergency_proxy: false,
    last_updated: "2025-11-15T10:30:00Z",
    ...fields,
  });
}

export async function startWorker(options: WorkerOptions = {}): Promise<WorkerUnderTest> {
  const origin = options.origin ?? (await startOrigin());
  const database = options.database === true ? await startDatabase() : null;
  const points = collection<CaughtPoint>("metric points");
  const logs = collection<LogLine>("log lines");
  const miniflare = new Miniflare(
    miniflareOptions(options, await ensureBundle(), { origin, database, points, logs }),
  );
  await miniflare.ready;
  const url = (await miniflare.unsafeGetDirectURL("edge")).origin;

  const fetchPath: WorkerUnderTest["fetch"] = (path, init) =>
    undiciFetch(url + path, { redirect: "manual", dispatcher: ANEW, ...init });
  const qa: WorkerUnderTest["qa"] = async (query = "?health=cached") => {
    const answer = await fetchPath(`/qa${query}`, {
      headers: { authorization: `Bearer ${QA_TOKEN}` },
    });
    if (answer.status !== 200) throw new Error(`/qa answered ${answer.status}`);
    return (await answer.json()) as QaDocument;
  };
  const stateUrl = await miniflare.unsafeGetDirectURL("state");
  const putKeys: WorkerUnderTest["putKeys"] = async (values) => {
    const answer = await undiciFetch(stateUrl.href, {
      method: "POST",
      body: JSON.stringify(values),
    });
    if (answer.status !== 204) throw new Error(`KV was not written: ${answer.status}`);
  };
  const putState: WorkerUnderTest["putState"] = async (config, stop) => {
    await putKeys({
      config: typeof config === "object" && config !== null ? configText(config) : config,
      stop: typeof stop === "object" && stop !== null ? JSON.stringify(stop) : stop,
    });
    await (await fetchPath("/qa?health=cached", { headers: bearer() })).text();
  };
  const endEmergencies: WorkerUnderTest["endEmergencies"] = async () => {
    const { config, stop } = endingOf((await qa()).emergencies ?? []);
    await putState(config, stop);
    if ((await qa()).canary.emergency_proxy) throw new Error("an emergency has no end");
  };
  const worker: WorkerUnderTest = {
    url,
    origin,
    database,
    fetch: fetchPath,
    qa,
    putKeys,
    putState,
    endEmergencies,
    cookie: signedCookie,
    points,
    logs,
    miniflare,
    async dispose() {
      await miniflare.dispose();
      await database?.close();
      if (options.origin === undefined) await origin.close();
    },
  };
  if (options.kv === undefined) {
    await putState(options.config === undefined ? {} : options.config, options.stop);
    if (options.points === true) await points.take(1);
    points.clear();
    logs.clear();
    origin.requests.length = 0;
  }
  return worker;
}

export function bearer(token = QA_TOKEN): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function signedCookie(
  cohort: Cohort,
  options: { tag?: string; atMs?: number; keys?: string } = {},
): Promise<string> {
  const signer = createCookieSigner(parseCookieKeys(options.keys ?? COOKIE_KEYS).keys);
  const header = await signer.sign(cohort, options.tag ?? TAG, options.atMs ?? Date.now());
  return header?.split(";", 1)[0] ?? "";
}

/** Stands where Cloudflare's edge does: it knows the location and the visitor's address. */
const EDGE = `export default { fetch(request, env) {
  const headers = new Headers(request.headers);
  headers.set("cf-connecting-ip", headers.get("x-test-address") ?? "203.0.113.7");
  headers.delete("x-test-address");
  headers.set("cf-ray", "230b030023ae2822-FRA");
  return env.PIX.fetch(new Request(request, { headers, cf: { colo: "FRA", country: "DE" } }));
} }`;

/** Miniflare's own way into a namespace stops this process while it waits. */
const PUT_KEYS = `export default { async fetch(request, { KV }) {
  for (const [key, value] of Object.entries(await request.json())) {
    if (value === null) await KV.delete(key);
    else await KV.put(key, value);
  }
  return new Response(null, { status: 204 });
} }`;

/** `waitUntil`, as nobody waits for a point: its request may be over before it is written. */
const CATCH_POINTS = `import workers from "cloudflare-internal:workers";
export default (env) => ({ writeDataPoint(point) {
  workers.waitUntil(env.node.fetch("http://points", { method: "POST", body: JSON.stringify(point) }));
} })`;

const DROP_POINTS = "export default () => ({ writeDataPoint() {} })";

const ASK_NODE_FOR_KV = `export default (env) => ({ async get(keys) {
  const answer = await env.node.fetch("http://kv", { method: "POST", body: JSON.stringify(keys) });
  if (!answer.ok) throw new Error("KV GET failed: " + answer.status);
  return new Map(Object.entries(await answer.json()));
} })`;

interface Parts {
  origin: TestOrigin;
  database: TestDatabase | null;
  points: Collection<CaughtPoint>;
  logs: Collection<LogLine>;
}

function miniflareOptions(
  options: WorkerOptions,
  bundlePath: string,
  parts: Parts,
): MiniflareOptions {
  const modern = { modules: true, compatibilityDate: "2026-07-01" } as const;
  const { kv, chaos, limits, databaseUrl = parts.database?.url } = options;
  return {
    host: "127.0.0.1",
    port: 0,
    cf: false,
    handleStructuredLogs: ({ message }: { message: string }) => catchLog(message, parts.logs),
    workers: [
      {
        ...modern,
        name: "edge",
        script: EDGE,
        serviceBindings: { PIX: "pix" },
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      },
      {
        ...modern,
        name: "state",
        script: PUT_KEYS,
        kvNamespaces: { KV: "canary" },
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      },
      {
        name: "pix",
        modules: canaryModules(bundlePath, options),
        compatibilityDate: modern.compatibilityDate,
        compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
        bindings: bindingsOf(options, parts.origin.url),
        // As at Cloudflare, the origin sees it.
        stripCfConnectingIp: false,
        r2Buckets: { MEDIA: "media" },
        ratelimits: {
          QA_LIMIT_ANON: limit("1", limits?.anon),
          QA_LIMIT_TOKEN: limit("2", limits?.token),
        },
        ...(kv === undefined ? { kvNamespaces: { KV_CANARY_CONFIG: "canary" } } : {}),
        wrappedBindings: {
          METRICS: { scriptName: "metrics" },
          ...(kv === undefined ? {} : { KV_CANARY_CONFIG: { scriptName: "kv" } }),
        },
        ...(databaseUrl === undefined ? {} : { hyperdrives: { HYPERDRIVE: databaseUrl } }),
        serviceBindings: {
          SESSIONS: async (request: { json(): Promise<unknown> }) =>
            sessionAnswer((await request.json()) as { cookie: string | null }),
          ...(chaos === undefined
            ? {}
            : { CHAOS: async ({ url }: { url: string }) => respond(await chaos(new URL(url))) }),
        },
      },
      {
        name: "metrics",
        modules: [
          {
            type: "ESModule",
            path: "metrics.mjs",
            contents: options.points === true ? CATCH_POINTS : DROP_POINTS,
          },
        ],
        serviceBindings: {
          node: async (request: { json(): Promise<unknown> }) => {
            parts.points.add(caughtPoint((await request.json()) as DataPoint));
            return respond({});
          },
        },
      },
      {
        name: "kv",
        modules: true,
        script: ASK_NODE_FOR_KV,
        serviceBindings: {
          node: async (request: { json(): Promise<unknown> }) => {
            if (kv === undefined) return respond({});
            return respond(await kv((await request.json()) as string[]));
          },
        },
      },
    ],
  };
}

/** The bundle, unchanged; what it limits by a timer is limited generously. */
function canaryModules(bundlePath: string, { kv, realLimits }: WorkerOptions) {
  const path = "index.js";
  const factor = kv === undefined && realLimits === undefined ? WORKER_PATIENCE : 1;
  const entry =
    'import "./patience.js"; export * from "./index.js"; export { default } from "./index.js";';
  const module = (name: string, contents: string) =>
    ({ type: "ESModule", path: name, contents }) as const;
  return [
    module("entry.js", entry),
    module("patience.js", patienceScript(factor)),
    module(path, readFileSync(bundlePath, "utf8")),
  ];
}

/** Stands in for the app's session check. */
function sessionAnswer({ cookie }: { cookie: string | null }): MiniflareResponse {
  const user = /(?:^|; )pix_session=(\w+)/.exec(cookie ?? "")?.[1];
  const status = /^answers(\d{3})$/.exec(user ?? "")?.[1];
  if (status !== undefined) return new MiniflareResponse("no", { status: Number(status) });
  return user === undefined ? new MiniflareResponse(null, { status: 401 }) : respond({ user });
}

function bindingsOf(options: WorkerOptions, originUrl: string): Record<string, unknown> {
  const all: Record<string, unknown> = {
    ENVIRONMENT: "staging",
    ORIGIN_URL: originUrl,
    ORIGIN_HEALTH_PATH: "/health",
    CANARY_OVERRIDE: "open",
    FEATURE_QA_GUARD: "true",
    QA_ALLOWED_ORIGINS: "https://app.pix.immo, https://www.pix.immo",
    ALLOWED_ORIGINS: "https://app.pix.immo",
    COOKIE_KEYS,
    QA_TOKEN,
    URL_SIGNING_KEY: "a-signing-key-of-the-tests-that-is-long-enough",
    CF_VERSION_METADATA: { id: "version-1", tag: "", timestamp: "2026-01-01T00:00:00Z" },
    ...options.vars,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

function limit(
  id: string,
  perMinute = 1_000_000,
): { namespace_id: string; simple: { limit: number; period: 60 } } {
  return { namespace_id: id, simple: { limit: perMinute, period: 60 } };
}

function caughtPoint(point: DataPoint): CaughtPoint {
  const named = Object.fromEntries([
    ...BLOBS.map((name, index) => [name, point.blobs[index]]),
    ...DOUBLES.map((name, index) => [name, point.doubles[index]]),
  ]);
  return { ...named, index: point.indexes[0] } as CaughtPoint;
}

/** Lines that are not ours (runtime warnings) are left out. */
function catchLog(message: string, logs: Collection<LogLine>): void {
  try {
    const line = JSON.parse(message) as Partial<LogLine>;
    if (line.route !== undefined) logs.add(line as LogLine);
  } catch {
    // Not a line of JSON.
  }
}

function respond(body: unknown): MiniflareResponse {
  return MiniflareResponse.json(body);
}
