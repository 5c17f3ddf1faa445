/** The public contract of the sandbox. */
import type { LagRange } from "./kv/replicas.ts";

export interface SandboxOptions {
  /** Airport codes; each gets its own instance of the Worker and its own KV replica. */
  locations?: string[];
  /** How long a write takes to reach a location; drawn per write and location. 0 = visible at ack. */
  lagMs?: LagRange;
  /**
   * An account as it is given to its owner: without namespace, buckets, Logpush jobs and Worker. The locations
   * run the Worker that is deployed by the API, with its bindings, vars and secrets; `vars`, `percent`, `workerPath`
   * and `qaMetrics` then mean nothing. They have copies of the first namespace to be created.
   */
  empty?: boolean;
  /** The share of native traffic at the start. */
  percent?: number;
  /** A Postgres to use instead of the embedded one; its tables are created when missing. */
  databaseUrl?: string;
  /** Replaces vars and secrets of the Worker by name. */
  vars?: Record<string, string>;
  /** Makes lags, faults and visitors repeatable. Tokens stay random. */
  seed?: number;
  /** 1 write/s/key and 1,200 requests / 5 min, as the real API has them. */
  rateLimits?: boolean;
  /**
   * The Worker's own time limits (of reads, queries, pings) are so many times as long: on a machine that
   * has much else to do, what is healthy stays so. `/qa` bears as many times the looks of a token: one
   * with nothing else to do is quick. 1 unless given.
   */
  patience?: number;
  /** Another build of the Worker than dist/worker/index.js. */
  workerPath?: string;
  /** `metrics_24h` in `/qa`: each look with fresh health may then start chDB, which costs a second. */
  qaMetrics?: boolean;
  /** So often the Worker's cron runs, at one location after the other; null, the default: never by itself. */
  cronMs?: number | null;
  /** The Workers' trace events become Logpush files and live tails. True unless given. */
  logs?: boolean;
  /** Receivers of notices, to which Workers and configuration point. True unless given. */
  notices?: boolean;
  onWarning?: (text: string) => void;
}

/** What `pixcanary sandbox --json` prints. */
export interface SandboxDescription {
  schema: 1;
  apiBaseUrl: string;
  accountId: string;
  /** Of an empty account: the id that the first namespace will have. */
  kvNamespaceId: string;
  apiToken: string;
  /** Of an empty account: of no use, `setup` makes one. */
  qaToken: string;
  /** The `Cookie` header of a user who is logged in; more with `POST /api/login`. */
  session: string;
  edgeUrl: string;
  locations: { colo: string; url: string }[];
  originUrl: string;
  databaseUrl: string;
  mediaBucket: string;
  logsBucket: string;
  controlUrl: string;
  /** Where notices arrive; null without receivers. */
  noticeUrls: { pagerduty: string; slack: string; webhook: string } | null;
  configPath: string;
}

export const DEFAULT_LOCATIONS: readonly string[] = ["FRA", "AMS", "IAD"];
export const DEFAULT_LAG: LagRange = { min: 1_000, max: 5_000 };
export const DEFAULT_PERCENT = 10;
export const MEDIA_BUCKET = "piximmo-media";
export const LOGS_BUCKET = "logs-canary";
/** As Cloudflare knows the Worker. */
export const WORKER_NAME = "pix-sandbox";
/** Of the account; its locations stand for this host, whatever their addresses. */
export const ZONE = "pix.test";
export const HOST = "api.pix.test";
export const DATASET = "canary_requests";
export const CANARY_TAG = "B2a";
/** In the configuration that the sandbox writes, and in the keys of its Workers' notices. */
export const ENVIRONMENT_NAME = "sandbox";
/** Of the QA page: `/qa` allows it, and it alone. */
export const PAGES_ORIGIN = "https://staging.pix.immo";
