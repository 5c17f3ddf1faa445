/**
 * The small Workers around the real one, as text for workerd.
 * The real Worker's bundle runs unchanged; what the sandbox simulates sits behind its bindings.
 */

import type { CachedEntrypoints } from "../beacon/scripts.ts";
import { entrypointsScript, objectsScript } from "../beacon/scripts.ts";

/** Their compatibility date. */
export const HELPER_DATE = "2026-07-01";

/** Makes the Worker's limits longer, without a change to its bundle: all of them are timers. */
export function patienceScript(factor: number): string {
  return `
const { setTimeout } = globalThis;
globalThis.setTimeout = (callback, ms, ...rest) => setTimeout(callback, ms * ${factor}, ...rest);
const timeout = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (ms) => timeout(ms * ${factor});`;
}

/** KV as a binding: reads go to this location's replica, writes to the centre. */
export const KV_SCRIPT = `
async function call(env, op, body) {
  const response = await env.REPLICA.fetch("http://kv/" + op, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error("KV " + op.toUpperCase() + " failed: " + response.status + " " + response.statusText);
  }
  return response.json();
}
function checkTtl(options) {
  const ttl = typeof options === "object" && options !== null ? options.cacheTtl : undefined;
  if (ttl !== undefined && !(Number.isInteger(ttl) && ttl >= 30)) {
    throw new Error("KV GET failed: 400 Invalid cache_ttl of " + ttl + ". Cache TTL must be at least 30.");
  }
}
function decode(text, options) {
  const type = typeof options === "string" ? options : options?.type ?? "text";
  if (text === null || type === "text") return text;
  if (type === "json") return JSON.parse(text);
  throw new TypeError("the sandbox's KV reads text and json only, not " + type);
}
export default function (env) {
  return {
    async get(keys, options) {
      checkTtl(options);
      const many = Array.isArray(keys);
      if (many && (keys.length === 0 || keys.length > 100)) throw new Error("KV GET failed: 400 You can request a maximum of 100 keys");
      const { values } = await call(env, "get", { keys: many ? keys : [keys] });
      if (!many) return decode(values[0], options);
      return new Map(keys.map((key, index) => [key, decode(values[index], options)]));
    },
    async put(key, value, options) { await call(env, "put", { key, value: String(value), ttlS: options?.expirationTtl ?? null }); },
    async list(options) {
      const { names, cursor } = await call(env, "list", { prefix: options?.prefix ?? "", cursor: options?.cursor ?? null });
      const page = { keys: names.map((name) => ({ name })), cacheStatus: null };
      return cursor === "" ? { ...page, list_complete: true } : { ...page, list_complete: false, cursor };
    },
    async delete(key) { await call(env, "delete", { key }); },
  };
}`;

/** The shared bucket, with a switch in front of each operation. */
export const R2_SCRIPT = `
async function gate(env, op) {
  const response = await env.SWITCH.fetch("http://r2/" + op);
  await response.body?.cancel();
  if (!response.ok) throw new Error(op + ": We encountered an internal error. Please try again. (10001)");
}
const OPERATIONS = ["head", "get", "put", "delete", "list", "createMultipartUpload"];
export default function (env) {
  const bucket = {};
  for (const op of OPERATIONS) {
    bucket[op] = async (...args) => { await gate(env, op); return env.BUCKET[op](...args); };
  }
  return bucket;
}`;

/**
 * The Worker's main module in the sandbox. It adds two bindings. Analytics Engine's, which workerd does
 * not have: `writeDataPoint` returns at once, and the point survives the end of the request. (A
 * call to another Worker that nobody waits for is cancelled with the request.) And the one for e-mail,
 * whose failures carry a code.
 */
export function entryScript(
  main: string,
  cached: CachedEntrypoints,
  objects: readonly string[],
): string {
  return `
import "./sandbox-patience.js";
import { gated, simulated } from "./sandbox-platform.js";
import { DurableObject, WorkerEntrypoint, waitUntil } from "cloudflare:workers";
import * as main from ${JSON.stringify(`./${main}`)};
export * from ${JSON.stringify(`./${main}`)};
${entrypointsScript(cached)}
${objectsScript(objects)}
const worker = main.default;
let adapted = null;
function adapt(env) {
  if (adapted !== null) return adapted;
  const METRICS = env.SANDBOX_METRICS && {
    writeDataPoint(point) {
      const body = JSON.stringify(point ?? {});
      waitUntil(env.SANDBOX_METRICS.fetch("http://metrics/", { method: "POST", body }).catch(() => {}));
    },
  };
  const { SANDBOX_METRICS, SANDBOX_MAIL, ...rest } = env;
  const NOTIFY_EMAIL = SANDBOX_MAIL && {
    async send(message) {
      const answer = await SANDBOX_MAIL.fetch("http://mail/", { method: "POST", body: JSON.stringify(message) });
      const { code } = await answer.json();
      if (code !== null) throw Object.assign(new Error("the mail service refused: " + code), { code });
      return { messageId: crypto.randomUUID() };
    },
  };
  adapted = { ...rest, ...gated(env), ...(METRICS && { METRICS }), ...(NOTIFY_EMAIL && { NOTIFY_EMAIL }) };
  return adapted;
}
export default {
  fetch: (request, env, ctx) => worker.fetch(request, adapt(env), simulated(ctx, env)),
  scheduled: (event, env, ctx) => worker.scheduled?.(event, adapt(env), simulated(ctx, env)),
};`;
}

/** Hands the trace events of the Workers on as they are. */
export const TAIL_SCRIPT = `
export default {
  async tail(events, env) {
    await env.LOGS.fetch("http://logs/", { method: "POST", body: JSON.stringify(events) });
  },
};`;

/** Stands in until the Worker's bundle has been built: proxies nothing, decides the simplest way. */
export const STUB_WORKER = `
export default {
  async fetch(request, env) {
    const values = await env.KV_CANARY_CONFIG.get(["config", "stop"], { cacheTtl: 30 });
    const config = JSON.parse(values.get("config") ?? "null");
    const stop = JSON.parse(values.get("stop") ?? "null");
    const emergency = config?.emergency_proxy === true || stop?.active === true;
    const url = new URL(request.url);
    const headers = { "X-Pix-Canary": "1;tag=" + (config?.canary_tag ?? "none") + ";cohort=proxy;reason=" + (emergency ? "emergency" : "default") };
    if (url.pathname !== "/qa" && url.pathname !== "/api/qa") {
      return fetch(new Request(env.ORIGIN_URL + url.pathname + url.search, request));
    }
    return Response.json({ stub: true, colo: request.cf?.colo, config, stop }, { headers });
  },
};`;
