/** Bindings, vars and secrets of this Worker, parsed once per isolate. */

import { isQaToken, QA_TOKEN_FORM } from "../src/domain/config/qa-token.ts";
import type { OverrideMode } from "../src/domain/decision/override.ts";
import { overrideMode } from "../src/domain/decision/override.ts";
import type { GuardianMode } from "../src/domain/guardian/document.ts";
import type { Policy } from "../src/domain/policy/numbers.ts";
import { DEFAULT_POLICY, policySchema } from "../src/domain/policy/numbers.ts";
import { type OperatorKey, parseOperatorKeys } from "../src/domain/signed-stop/operators.ts";
import type { CookieKey } from "./cookie-signer.ts";
import { parseCookieKeys } from "./cookie-signer.ts";
import type { AccessSettings } from "./dashboard/access.ts";
import type { NotifyBindings, NotifySettings } from "./notify/settings.ts";
import { parseNotify } from "./notify/settings.ts";

/** What wrangler.jsonc binds (generated `Env`), the secrets, and the optional hook for drills. */
export interface Bindings extends Env, NotifyBindings {
  COOKIE_KEYS?: string;
  QA_TOKEN?: string;
  URL_SIGNING_KEY?: string;
  ANALYTICS_TOKEN?: string;
  /** Public keys of who may send a signed stop, by name, as JSON. */
  OPERATOR_KEYS?: string;
  /** Numbers of the policy that differ from the runbook's, as JSON. */
  POLICY?: string;
  /** Makes this version proxy-only, see proxy-only.ts: anything but empty and `false`. */
  PROXY_ONLY?: string;
  /** In place of the official API, for the sandbox: https, or http on loopback. */
  ANALYTICS_API_URL?: string;
  NOTIFY_EMAIL?: SendEmail;
  /** `off`: the beacon is neither read nor told. */
  BEACON_CARRIER?: string;
  /** Of Cloudflare Access, for the dashboard: `https://<team>.cloudflareaccess.com`, and the application's tag. */
  ACCESS_TEAM_URL?: string;
  ACCESS_AUD?: string;
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
  /** Null when missing or unusable: then none is right. */
  qaToken: string | null;
  qaAllowedOrigins: ReadonlySet<string>;
  /** Of pages that may read what native answers, with the visitor's cookies. */
  allowedOrigins: ReadonlySet<string>;
  cookieKeys: readonly CookieKey[];
  urlSigningKey: string | null;
  /** Who may send a signed stop. */
  operators: readonly OperatorKey[];
  workerVersion: string | null;
  /** This version sends every visitor to the legacy origin, whatever the stored state says. */
  proxyOnly: boolean;
  /** Null: `/qa` shows no figures. */
  analytics: AnalyticsSettings | null;
  /** Cloudflare Access in front of the dashboard; null: there is none. */
  access: AccessSettings | null;
  /** Whom the guardian tells. */
  notify: NotifySettings;
  guardian: { mode: GuardianMode; policy: Policy };
  /** What was wrong, in words that hold no secret. */
  problems: readonly string[];
}

/** A mode that is none, or numbers that are none, change nothing by themselves: it observes. */
function parseGuardianSettings(
  { GUARDIAN, POLICY }: Bindings,
  problems: string[],
): Settings["guardian"] {
  const mode = GUARDIAN_MODES.find((known) => known === GUARDIAN);
  if (mode === undefined && GUARDIAN !== undefined) {
    problems.push("GUARDIAN is not off, observe or enforce: observe is used");
  }
  const policy = parsePolicy(POLICY);
  if (policy === null) problems.push("POLICY is not a policy: the runbook's numbers are used");
  return { mode: mode ?? "observe", policy: policy ?? DEFAULT_POLICY };
}

const GUARDIAN_MODES: readonly GuardianMode[] = ["off", "observe", "enforce"];

function parsePolicy(text: string | undefined): Policy | null {
  if (text === undefined || text === "") return DEFAULT_POLICY;
  try {
    return policySchema().safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

export interface AnalyticsSettings {
  sqlUrl: string;
  token: string;
  dataset: string;
}

const MIN_SIGNING_KEY_CHARS = 32;
const OFFICIAL_API_URL = "https://api.cloudflare.com/client/v4";

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
  const qaToken = parseQaToken(env.QA_TOKEN);
  if (qaToken === null) {
    problems.push(`QA_TOKEN is not ${QA_TOKEN_FORM}: a guarded /qa refuses all callers`);
  }
  const allowedOrigins = parseOrigins("ALLOWED_ORIGINS", env, problems);
  if (allowedOrigins.size === 0)
    problems.push("ALLOWED_ORIGINS is empty: no page can read native's answers");
  const urlSigningKey = parseSigningKey(env.URL_SIGNING_KEY);
  if (urlSigningKey === null) problems.push("URL_SIGNING_KEY is missing or too short: no uploads");
  const analytics = parseAnalytics(env);
  if (typeof analytics === "string") problems.push(`${analytics}: /qa shows no metrics_24h`);
  const access = parseAccess(env);
  if (typeof access === "string") problems.push(`${access}: sign-in by Access is off`);
  const operators = parseOperatorKeys(env.OPERATOR_KEYS);
  problems.push(...operators.problems);
  const { problems: silent, ...notify } = parseNotify(env);
  problems.push(...silent);
  return {
    production,
    originUrl,
    originHealthPath: parsePath(env.ORIGIN_HEALTH_PATH) ?? "/health",
    override: overrideMode(env.CANARY_OVERRIDE),
    qaGuarded: production || env.FEATURE_QA_GUARD !== "false",
    qaToken,
    qaAllowedOrigins: parseOrigins("QA_ALLOWED_ORIGINS", env, problems),
    allowedOrigins,
    cookieKeys: cookieKeys.keys,
    urlSigningKey,
    operators: operators.keys,
    workerVersion: env.CF_VERSION_METADATA?.id ?? null,
    proxyOnly: isProxyOnly(env.PROXY_ONLY),
    analytics: typeof analytics === "string" ? null : analytics,
    access: typeof access === "string" ? null : access,
    notify,
    guardian: parseGuardianSettings(env, problems),
    problems,
  };
}

/** A word that was mistyped is no reason to serve visitors from native. */
function isProxyOnly(text = ""): boolean {
  return !["", "false"].includes(text.trim().toLowerCase());
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

/** One that cannot be sent in a header, or that can be guessed, opens nothing. */
function parseQaToken(text: string | undefined): string | null {
  const token = text?.trim() ?? "";
  return isQaToken(token) ? token : null;
}

function parseSigningKey(text: string | undefined): string | null {
  return text !== undefined && text.length >= MIN_SIGNING_KEY_CHARS ? text : null;
}

/** As browsers write them. `null` is what sandboxed frames send: like `*`, it can never be allowed. */
function parseOrigins(
  name: "ALLOWED_ORIGINS" | "QA_ALLOWED_ORIGINS",
  env: Bindings,
  problems: string[],
): ReadonlySet<string> {
  const listed = (env[name] ?? "").split(",").map((text) => text.trim());
  const origins = new Set<string>();
  for (const text of listed.filter((each) => each !== "")) {
    const url = URL.parse(text);
    if (url?.origin.startsWith("http") === true && /^\/?$/.test(url.pathname))
      origins.add(url.origin);
    else problems.push(`${name} must list origins like https://pix.immo`);
  }
  return origins;
}

/** Null when there is nothing of it, and what is missing or wrong when there is a part of it. */
function parseAnalytics(env: Bindings): AnalyticsSettings | null | string {
  const token = env.ANALYTICS_TOKEN ?? "";
  const account = env.CLOUDFLARE_ACCOUNT_ID ?? "";
  const dataset = env.ANALYTICS_DATASET ?? "";
  if (token === "" && account === "" && dataset === "") return null;
  if (token === "") return "ANALYTICS_TOKEN is missing";
  if (!/^[0-9a-fA-F]{32}$/.test(account)) return "CLOUDFLARE_ACCOUNT_ID is not an account's id";
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(dataset)) return "ANALYTICS_DATASET is not a dataset";
  const base = parseApiUrl(env.ANALYTICS_API_URL ?? OFFICIAL_API_URL);
  if (base === null) return "ANALYTICS_API_URL is neither https nor on loopback";
  return { sqlUrl: `${base}/accounts/${account}/analytics_engine/sql`, token, dataset };
}

/** Null when there is nothing of it, and what is wrong when there is a part of it. */
function parseAccess({ ACCESS_TEAM_URL, ACCESS_AUD }: Bindings): AccessSettings | null | string {
  const [url = "", audience = ""] = [ACCESS_TEAM_URL, ACCESS_AUD];
  if (url === "" && audience === "") return null;
  const team = parseApiUrl(url);
  if (team === null) return "ACCESS_TEAM_URL is not https://<team>.cloudflareaccess.com";
  return audience === "" ? "ACCESS_AUD is missing" : { team, audience };
}

/** Without a slash at the end. The token must not go over a network in the clear. */
function parseApiUrl(text: string): string | null {
  const base = parseOrigin(text);
  if (base === null) return null;
  const { protocol, hostname } = new URL(base);
  const loopback = hostname === "127.0.0.1" || hostname === "localhost" || hostname === "[::1]";
  return protocol === "https:" || loopback ? base : null;
}
