/** The schema of `pixcanary.json`: which environments exist and what belongs to each. No secrets. */
import * as z from "zod";
import type { Policy } from "../policy/numbers.ts";
import { DEFAULT_POLICY, policySchema } from "../policy/numbers.ts";
import { parsePlan } from "../ramp/plan.ts";
import { isValidTag } from "../state/documents.ts";
import { type Contacts, channelsSchema, escalationSchema } from "./contacts.ts";
import { notifyForReliefSchema, notifySchema } from "./notify.ts";
import { operatorSchema } from "./operator.ts";
import { isLoopback, isSafeUrl, parseUrl } from "./safe-url.ts";
import { path, printable } from "./text.ts";

export const OFFICIAL_API_URL = "https://api.cloudflare.com/client/v4";

const DEFAULT_NORMAL_PERCENT = 10;

/** Of an account or a namespace. */
export const idSchema = z.string().regex(/^[0-9a-fA-F]{32}$/, "must be 32 hexadecimal digits");

const bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "must be an R2 bucket name (a-z, 0-9 and -)");

/** A host's name, or an address of it. */
const HOST = /^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/;

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

/** Enough for an error rate of 1.5 % to be told from one of 0 % (three errors). */
const DEFAULT_RAMP_MIN_REQUESTS = 200;

const rampPlan = z
  .string()
  .max(2_000)
  .superRefine((text, context) => {
    const parsed = parsePlan(text);
    if (parsed.kind === "invalid") context.addIssue({ code: "custom", message: parsed.problem });
  });

export const environmentSchema = z.strictObject({
  accountId: idSchema,
  namespaceId: idSchema.describe("of the Workers KV namespace bound as KV_CANARY_CONFIG"),
  worker: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, "must be a Worker's name"),
  qaUrls: z.array(qaUrl).min(1).max(32).describe("the /qa URLs that prove a change"),
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
    .regex(/^[A-Za-z0-9_.=/{}-]{0,128}$/, "must be letters, digits and _ . = / { } -")
    .optional(),
  tokenFile: path.optional(),
  qaTokenFile: path.optional(),
  sessionFile: path
    .optional()
    .describe("file with the session cookie, name=value, of the test user of `verify --smoke`"),
  operator: z.lazy(operatorSchema).optional(),
  zone: z
    .string()
    .regex(HOST, "must be a zone's name, like pix.immo")
    .optional()
    .describe("whose Workers routes lead to the Worker; for not-aus --via route"),
  legacyHosts: z
    .array(z.string().regex(HOST, "must be a host or an address, without a scheme"))
    .min(1)
    .max(8)
    .optional()
    .describe("where DNS points without the route: the legacy origin's hosts and addresses"),
  pagesOrigin: z
    .string()
    .max(200)
    .refine(isWebOrigin, "must be an origin like https://pix.immo, without a path")
    .optional()
    .describe("of the QA page: /qa must allow it (QA_ALLOWED_ORIGINS of the Worker)"),
  onCall: printable.optional().describe("who is called first"),
  slack: printable.optional().describe("the channel where incidents are handled"),
  channels: z.lazy(channelsSchema).optional().describe("other places: a bridge, a status page"),
  escalation: z.lazy(escalationSchema).optional().describe("who is called next, and when"),
  docs: printable.optional(),
  // Made at its first use: a stop that replaces no number of the policy does without it.
  policy: z.lazy(policySchema).optional().describe("numbers that differ from the runbook's"),
  ramps: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "must be a name (a-z, 0-9 and -)"), rampPlan)
    .optional()
    .describe("plans for ramp start --plan <name>"),
  rampMinNativeRequests: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(DEFAULT_RAMP_MIN_REQUESTS)
    .describe("native requests that each ramp step needs before the next"),
  notify: z.lazy(notifySchema).optional().describe("notification channels for changes"),
});

const { shape } = environmentSchema;

/** The schema of each setting, for what is asked or typed one by one. */
export const settingSchemas = shape;

/**
 * What a command that takes native traffic away needs of its environment, which is where to write.
 * The rest is for comfort or for proof and falls back when it is wrong. Where the token goes and whose
 * namespace it is stay strict; addresses that cannot be used are kept, and never seen live.
 */
const reliefEnvironmentSchema = z.object({
  accountId: shape.accountId,
  namespaceId: shape.namespaceId,
  apiBaseUrl: shape.apiBaseUrl,
  worker: shape.worker.catch("unknown"),
  qaUrls: z.array(printable).max(32).catch([]),
  canaryTag: shape.canaryTag.catch("unknown"),
  normalPercent: shape.normalPercent.catch(DEFAULT_NORMAL_PERCENT),
  protected: shape.protected.catch(undefined),
  dataset: shape.dataset.catch(undefined),
  zone: shape.zone.catch(undefined),
  legacyHosts: shape.legacyHosts.catch(undefined),
  tokenFile: shape.tokenFile.catch(undefined),
  qaTokenFile: shape.qaTokenFile.catch(undefined),
  sessionFile: shape.sessionFile.catch(undefined),
  operator: shape.operator.catch(undefined),
  onCall: shape.onCall.catch(undefined),
  slack: shape.slack.catch(undefined),
  channels: shape.channels.catch(undefined),
  escalation: shape.escalation.catch(undefined),
  docs: shape.docs.catch(undefined),
  policy: shape.policy.catch(undefined),
  ramps: shape.ramps.catch(undefined),
  rampMinNativeRequests: shape.rampMinNativeRequests.catch(DEFAULT_RAMP_MIN_REQUESTS),
  notify: z.lazy(notifyForReliefSchema).optional().catch(undefined),
});

export const environmentName = z
  .string()
  .regex(/^[a-z0-9-]{1,32}$/, "must be 1 to 32 of a-z, 0-9 and -");

export const configFileSchema = z.strictObject({
  $schema: z.string().max(500).optional(),
  environments: z
    .record(environmentName, environmentSchema)
    .refine((all) => Object.keys(all).length > 0, "must name at least one environment"),
});

/** The environments as they stand, each to be judged on its own. */
export const reliefFileSchema = z.object({
  environments: z
    .record(z.string(), z.unknown())
    .refine((all) => Object.keys(all).length > 0, "must name at least one environment"),
});

/** Null when not even relief can do with it. */
export function environmentForRelief(name: string, raw: unknown): Environment | null {
  if (!environmentName.safeParse(name).success) return null;
  return reliefEnvironmentSchema.safeParse(raw).data ?? null;
}

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
  /** The Analytics Engine dataset; null when the environment names none. */
  dataset: string | null;
  /** Whose routes lead to the Worker; null when the environment names none. */
  zone: string | null;
  /** Of the legacy origin. */
  legacyHosts: readonly string[];
  /** With the default of each number that the environment does not replace. */
  policy: Policy;
  /** Plans by name. */
  ramps: Readonly<Record<string, string>>;
  /** Of native, in each step of a ramp. */
  rampMinNativeRequests: number;
  /** Of the QA page, which `/qa` allows; null when the environment names none. */
  pagesOrigin: string | null;
  /** As given with --config, so that printed commands can be pasted; null when it was found. */
  configPath: string | null;
  /** Whom to call and where to read on, as configured. */
  contacts: Contacts;
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
    dataset: env.dataset ?? null,
    zone: env.zone ?? null,
    legacyHosts: env.legacyHosts ?? [],
    policy: env.policy ?? DEFAULT_POLICY,
    ramps: env.ramps ?? {},
    rampMinNativeRequests: env.rampMinNativeRequests,
    pagesOrigin: env.pagesOrigin ?? null,
    configPath,
    contacts: contactsOf(env),
  };
}

function contactsOf({ onCall, slack, channels, escalation, docs }: Environment): Contacts {
  return {
    onCall: onCall ?? null,
    slack: slack ?? null,
    channels: channels ?? [],
    escalation: escalation ?? [],
    docs: docs ?? null,
  };
}

/** Without a slash at the end. */
export function apiBaseUrlOf(env: Pick<Environment, "apiBaseUrl">): string {
  return (env.apiBaseUrl ?? OFFICIAL_API_URL).replace(/\/+$/, "");
}

/** The same rule for addresses from elsewhere (an environment variable, an option). */
export function isSafeApiUrl(text: string): boolean {
  if (text.replace(/\/$/, "") === OFFICIAL_API_URL) return true;
  // It stands in commands that people paste.
  if (!/^[\w:/.[\]%~+-]+$/.test(text)) return false;
  const url = parseUrl(text);
  return url !== null && url.protocol === "http:" && isLoopback(url.hostname) && url.search === "";
}

/** The token for `/qa` goes to no other. */
export function isSafeQaUrl(text: string): boolean {
  return isSafeUrl(text);
}

function isWebOrigin(text: string): boolean {
  return parseUrl(text)?.origin === text && isSafeQaUrl(text);
}
