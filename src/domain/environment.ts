/** The schema of `pixcanary.json`: which environments exist and what belongs to each. No secrets. */
import * as z from "zod";
import { isValidTag } from "./state.ts";

export const OFFICIAL_API_URL = "https://api.cloudflare.com/client/v4";

const DEFAULT_NORMAL_PERCENT = 10;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

const id = z.string().regex(/^[0-9a-fA-F]{32}$/, "must be 32 hexadecimal digits");

/** Printed on cards and in messages as it is. */
const printable = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => !UNPRINTABLE.test(text), "must not hold control characters");

const path = printable.describe("relative to the configuration file, or absolute");

const bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "must be an R2 bucket name (a-z, 0-9 and -)");

const qaUrl = z
  .string()
  .max(500)
  .refine(
    isSafeQaUrl,
    "must be an https:// URL (http:// only on loopback), without user, password or #",
  );

/** The API token goes there: nothing but Cloudflare, or this very machine. */
const apiBaseUrl = z
  .string()
  .max(500)
  .refine(isSafeApiUrl, `must be ${OFFICIAL_API_URL}, or http:// on loopback (for the sandbox)`);

export const environmentSchema = z.strictObject({
  accountId: id,
  namespaceId: id.describe("of the Workers KV namespace bound as KV_CANARY_CONFIG"),
  worker: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, "must be a Worker's name"),
  qaUrls: z.array(qaUrl).min(1).max(32).describe("the /qa addresses that are watched"),
  apiBaseUrl: apiBaseUrl.optional(),
  canaryTag: z.string().refine(isValidTag, "must be 1 to 32 letters, digits, _ or -"),
  normalPercent: z
    .number()
    .min(0)
    .max(100)
    .refine((n) => Number(n.toFixed(2)) === n, "has more than two decimal places")
    .default(DEFAULT_NORMAL_PERCENT)
    .describe("the share that restore goes back to"),
  protected: z
    .boolean()
    .optional()
    .describe("no drills here; true by default when the name contains prod"),
  dataset: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, "must be an Analytics Engine dataset name")
    .optional(),
  mediaBucket: bucket.optional(),
  logsBucket: bucket.optional(),
  logsPrefix: z
    .string()
    .regex(/^[A-Za-z0-9_.=/-]{0,128}$/, "must be letters, digits and _ . = / -")
    .optional(),
  tokenFile: path.optional(),
  qaTokenFile: path.optional(),
  onCall: printable.optional(),
  slack: printable.optional(),
  docs: printable.optional(),
  wranglerConfig: path.optional(),
  policy: z.record(z.string(), z.unknown()).optional(),
  notify: z.record(z.string(), z.unknown()).optional(),
});

export const configFileSchema = z.strictObject({
  $schema: z.string().max(500).optional(),
  environments: z
    .record(
      z.string().regex(/^[a-z0-9-]{1,32}$/, "must be 1 to 32 of a-z, 0-9 and -"),
      environmentSchema,
    )
    .refine((all) => Object.keys(all).length > 0, "must name at least one environment"),
});

export type Environment = z.output<typeof environmentSchema>;
export type ConfigFile = z.output<typeof configFileSchema>;

/** The environment a command acts on, as configured; no secrets. */
export interface Target {
  env: string;
  accountId: string;
  namespaceId: string;
  worker: string;
  canaryTag: string;
  normalPercent: number;
  protected: boolean;
  qaUrls: readonly string[];
  apiBaseUrl: string;
  /** As given with --config, so that printed commands can be pasted; null when it was found. */
  configPath: string | null;
  /** Whom to call and where to read on, as configured; for the card. */
  contacts: { onCall: string | null; slack: string | null; docs: string | null };
}

/** Own properties only: an environment called `constructor` must be configured to exist. */
export function findEnvironment(config: ConfigFile, name: string): Environment | null {
  return Object.hasOwn(config.environments, name) ? (config.environments[name] ?? null) : null;
}

export function toTarget(name: string, env: Environment, configPath: string | null = null): Target {
  return {
    env: name,
    accountId: env.accountId,
    namespaceId: env.namespaceId,
    worker: env.worker,
    canaryTag: env.canaryTag,
    normalPercent: env.normalPercent,
    protected: env.protected ?? name.includes("prod"),
    qaUrls: env.qaUrls,
    apiBaseUrl: apiBaseUrlOf(env),
    configPath,
    contacts: { onCall: env.onCall ?? null, slack: env.slack ?? null, docs: env.docs ?? null },
  };
}

/** Without a slash at the end. */
export function apiBaseUrlOf(env: Pick<Environment, "apiBaseUrl">): string {
  return (env.apiBaseUrl ?? OFFICIAL_API_URL).replace(/\/+$/, "");
}

/** The same rule for addresses from elsewhere (an environment variable, an option). */
export function isSafeApiUrl(text: string): boolean {
  if (text.replace(/\/$/, "") === OFFICIAL_API_URL) return true;
  const url = parseUrl(text);
  return url !== null && url.protocol === "http:" && isLoopback(url.hostname) && url.search === "";
}

function isSafeQaUrl(text: string): boolean {
  const url = parseUrl(text);
  if (url === null) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

/** Null for what is no URL or carries a user, a password or a fragment. */
function parseUrl(text: string): URL | null {
  if (UNPRINTABLE.test(text) || /[\s@#\\]/.test(text)) return null;
  const url = URL.parse(text);
  return url === null || url.username !== "" || url.password !== "" ? null : url;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
