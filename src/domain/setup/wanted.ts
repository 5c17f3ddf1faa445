/** What an environment is made of: the names of all that `setup` looks for and makes. */

/** In pixcanary.json, and in the Worker's bindings. */
export interface Wanted {
  env: string;
  accountId: string;
  /** As Cloudflare knows the Worker. */
  worker: string;
  qaUrls: readonly string[];
  canaryTag: string;
  dataset: string;
  mediaBucket: string;
  logsBucket: string;
  /** With a slash at its end. */
  logsPrefix: string;
  /** Left out where it is Cloudflare's own. */
  apiBaseUrl: string | undefined;
  /** The namespace that pixcanary.json names already; null: found by its title. */
  namespaceId: string | null;
  /** What wrangler's file binds: it counts where the account has it, and may be a placeholder. */
  boundNamespaceId: string | null;
  /** Relative to no folder: with `~/` or absolute. */
  qaTokenFile: string;
  /** Null: no such channel. An object without a file means that the secret is in a variable. */
  notify: { pagerduty: { routingKeyFile?: string } | null; slack: { webhookFile?: string } | null };
}

/** Bindings of the Worker that `setup` fills in; worker/env.ts reads them by these names. */
export const BINDINGS = {
  namespace: "KV_CANARY_CONFIG",
  media: "MEDIA",
  metrics: "METRICS",
} as const;

export const LOGS_PREFIX = "b2a/";
export const CANARY_TAG = "B2a";

/** Two runs, and two people, look for the same one. */
export function namespaceTitle({ worker }: Pick<Wanted, "worker">): string {
  return `${worker}-canary-config`;
}

export function jobName({ worker }: Pick<Wanted, "worker">): string {
  return `${worker}-trace-events`;
}

/** Of production without a suffix; logs of two environments in one place would be counted as one. */
export function defaultNames(env: string): {
  dataset: string;
  mediaBucket: string;
  logsBucket: string;
} {
  const isProduction = env.includes("prod");
  return {
    dataset: isProduction ? "canary_requests" : `canary_requests_${env.replaceAll("-", "_")}`,
    mediaBucket: isProduction ? "piximmo-media" : `piximmo-media-${env}`,
    logsBucket: isProduction ? "logs-canary" : `logs-canary-${env}`,
  };
}
