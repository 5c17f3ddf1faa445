/** Vars and secrets of the sandbox's Workers. */
import { randomBytes } from "node:crypto";
import type { Cloudflare } from "../api/start.ts";
import type { Settings } from "../settings.ts";
import { DATASET, MEDIA_BUCKET, PAGES_ORIGIN } from "../types.ts";
import type { WorkerBundle } from "./bundle.ts";
import type { Binding, WorkerUpload } from "./worker.ts";

/** Those that are secrets at Cloudflare; `replaced` has some of them by name. */
export function workerSecrets(
  qaToken: string,
  replaced: Readonly<Record<string, string>>,
): Record<string, string> {
  const made = {
    COOKIE_KEYS: JSON.stringify({ k1: randomBytes(32).toString("base64") }),
    URL_SIGNING_KEY: randomBytes(32).toString("base64"),
    QA_TOKEN: qaToken,
  };
  return Object.fromEntries(
    Object.entries(made).map(([name, text]) => [name, replaced[name] ?? text]),
  );
}

export function workerVars(originUrl: string): Record<string, string> {
  return {
    ENVIRONMENT: "staging",
    ORIGIN_URL: originUrl,
    ORIGIN_HEALTH_PATH: "/health",
    CANARY_OVERRIDE: "open",
    FEATURE_QA_GUARD: "true",
    QA_ALLOWED_ORIGINS: PAGES_ORIGIN,
    ALLOWED_ORIGINS: PAGES_ORIGIN,
  };
}

/** What `metrics_24h` of `/qa` is read with. */
export function metricsVars(
  { qaMetrics }: Settings,
  { apiBaseUrl, accountId, tokens }: Cloudflare,
): Record<string, string> {
  if (!qaMetrics) return {};
  return {
    ANALYTICS_TOKEN: tokens.create("analytics-read-only"),
    ANALYTICS_API_URL: apiBaseUrl,
    ANALYTICS_DATASET: DATASET,
    CLOUDFLARE_ACCOUNT_ID: accountId,
  };
}

/** Bound as worker/wrangler.jsonc binds it. */
export function builtWorker(
  { script, compatibilityDate }: WorkerBundle,
  vars: Readonly<Record<string, string>>,
  namespaceId: string,
): WorkerUpload {
  const limit = (name: string, simple: { limit: number; period: 60 }): Binding => {
    return { type: "ratelimit", name, namespace_id: name, simple };
  };
  return {
    modules: [{ path: "index.js", contents: script }],
    compatibilityDate,
    compatibilityFlags: ["nodejs_compat", "enable_request_signal"],
    bindings: [
      ...Object.entries(vars).map(([name, text]): Binding => ({ type: "plain_text", name, text })),
      { type: "kv_namespace", name: "KV_CANARY_CONFIG", namespace_id: namespaceId },
      { type: "r2_bucket", name: "MEDIA", bucket_name: MEDIA_BUCKET },
      { type: "service", name: "SESSIONS", service: "pix-sessions" },
      { type: "hyperdrive", name: "HYPERDRIVE", id: "sandbox" },
      limit("QA_LIMIT_ANON", { limit: 10, period: 60 }),
      limit("QA_LIMIT_TOKEN", { limit: 300, period: 60 }),
      { type: "analytics_engine", name: "METRICS", dataset: DATASET },
      { type: "send_email", name: "NOTIFY_EMAIL" },
      { type: "version_metadata", name: "CF_VERSION_METADATA" },
      { type: "durable_object_namespace", name: "BEACON", class_name: "Beacon" },
    ],
    cached: ["CachedBeacon"],
  };
}
