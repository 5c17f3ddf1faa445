/** Vars and secrets of the sandbox's Workers. */
import { randomBytes } from "node:crypto";
import type { Cloudflare } from "../api/start.ts";
import type { Settings } from "../settings.ts";
import { DATASET, PAGES_ORIGIN } from "../types.ts";

/** Those that are secrets at Cloudflare. */
export function workerSecrets(qaToken: string): Record<string, string> {
  return {
    COOKIE_KEYS: JSON.stringify({ k1: randomBytes(32).toString("base64") }),
    URL_SIGNING_KEY: randomBytes(32).toString("base64"),
    QA_TOKEN: qaToken,
  };
}

export function workerVars(
  originUrl: string,
  secrets: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    ENVIRONMENT: "staging",
    ORIGIN_URL: originUrl,
    ORIGIN_HEALTH_PATH: "/health",
    CANARY_OVERRIDE: "open",
    FEATURE_QA_GUARD: "true",
    QA_ALLOWED_ORIGINS: PAGES_ORIGIN,
    ALLOWED_ORIGINS: PAGES_ORIGIN,
    ...secrets,
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
