/** Bindings, vars and secrets of this Worker, parsed once per isolate. */
import type { OverrideMode } from "../src/domain/override.ts";
import { overrideMode } from "../src/domain/override.ts";
import type { CookieKey } from "./cookie-signer.ts";
import { parseCookieKeys } from "./cookie-signer.ts";

/** What wrangler.jsonc binds (generated `Env`), the secrets, and the optional hook for drills. */
export interface Bindings extends Env {
  COOKIE_KEYS?: string;
  QA_TOKEN?: string;
  URL_SIGNING_KEY?: string;
  /** Only where faults are drilled, never in production: see native/chaos.ts. */
  CHAOS?: Fetcher;
}

export interface Settings {
  production: boolean;
  /** Without a slash at the end; null when missing or unusable. */
  originUrl: string | null;
  originHealthPath: string;
  override: OverrideMode;
  qaGuarded: boolean;
  qaToken: string | null;
  qaAllowedOrigins: ReadonlySet<string>;
  cookieKeys: readonly CookieKey[];
  urlSigningKey: string | null;
  workerVersion: string | null;
  /** What was wrong, in words that hold no secret. */
  problems: readonly string[];
}

const MIN_SIGNING_KEY_CHARS = 32;

/**
 * Never throws. What is missing or wrong takes its safe side: unknown environments count as
 * production, the guard is on, overrides are off, and without cookie keys nobody new goes native.
 */
export function parseSettings(env: Bindings): Settings {
  const problems: string[] = [];
  const production = env.ENVIRONMENT !== "staging" && env.ENVIRONMENT !== "development";
  if (production && env.ENVIRONMENT !== "production") {
    problems.push("ENVIRONMENT is not staging, development or production: production is assumed");
  }
  const originUrl = parseOrigin(env.ORIGIN_URL);
  if (originUrl === null) problems.push("ORIGIN_URL is not an http(s) URL: nothing can be proxied");
  const cookieKeys = parseCookieKeys(env.COOKIE_KEYS);
  problems.push(...cookieKeys.problems);
  const qaToken = env.QA_TOKEN === undefined || env.QA_TOKEN === "" ? null : env.QA_TOKEN;
  if (qaToken === null) problems.push("QA_TOKEN is missing: a guarded /qa refuses everybody");
  const urlSigningKey = parseSigningKey(env.URL_SIGNING_KEY);
  if (urlSigningKey === null) problems.push("URL_SIGNING_KEY is missing or too short: no uploads");
  return {
    production,
    originUrl,
    originHealthPath: parsePath(env.ORIGIN_HEALTH_PATH) ?? "/health",
    override: overrideMode(env.CANARY_OVERRIDE),
    qaGuarded: production || env.FEATURE_QA_GUARD !== "false",
    qaToken,
    qaAllowedOrigins: parseOrigins(env.QA_ALLOWED_ORIGINS),
    cookieKeys: cookieKeys.keys,
    urlSigningKey,
    workerVersion: env.CF_VERSION_METADATA?.id ?? null,
    problems,
  };
}

function parseOrigin(text: string | undefined): string | null {
  if (text === undefined || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") return null;
  if (url.username !== "" || url.password !== "") return null;
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function parsePath(text: string | undefined): string | null {
  return text?.startsWith("/") === true ? text : null;
}

function parseSigningKey(text: string | undefined): string | null {
  return text !== undefined && text.length >= MIN_SIGNING_KEY_CHARS ? text : null;
}

/** `null` is what sandboxed frames send as their origin: it can never be allowed. */
function parseOrigins(text: string | undefined): ReadonlySet<string> {
  const origins = (text ?? "").split(",").map((origin) => origin.trim());
  return new Set(origins.filter((origin) => origin !== "" && origin !== "null" && origin !== "*"));
}
