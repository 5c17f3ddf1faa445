/** Starts the API in front of what the sandbox holds. */
import { randomBytes } from "node:crypto";
import {
  destinationConf,
  DATASET as JOB_DATASET,
  jobFilter,
  OUTPUT_OPTIONS,
} from "../../domain/setup/logpush-fields.ts";
import { LOGS_PREFIX } from "../../domain/setup/wanted.ts";
import type { AnalyticsEngine } from "../analytics/engine.ts";
import type { Closers } from "../closers.ts";
import type { RunningDeployment } from "../edge/worker.ts";
import type { CentralStore } from "../kv/central-store.ts";
import type { Logs } from "../logs/logs.ts";
import type { Settings } from "../settings.ts";
import { HOST, LOGS_BUCKET, MEDIA_BUCKET, WORKER_NAME, ZONE } from "../types.ts";
import type { ApiDeps, R2Access } from "./access.ts";
import { AccountWorker } from "./account-worker.ts";
import { analyticsRoutes } from "./analytics-routes.ts";
import { createApi } from "./app.ts";
import { Limits } from "./limits.ts";
import { Namespaces } from "./namespaces.ts";
import { ApiServer } from "./server.ts";
import { tailRoutes } from "./tail-routes.ts";
import { Tokens } from "./tokens.ts";
import { Zones } from "./zones.ts";

export interface Cloudflare {
  api: ApiServer;
  tokens: Tokens;
  limits: Limits;
  apiToken: string;
  apiBaseUrl: string;
  accountId: string;
  namespaceId: string;
  /** What the account holds. */
  held: Pick<ApiDeps, "jobs" | "namespaces" | "worker" | "zones"> &
    Pick<AccountWorker, "secrets"> & { buckets: Set<string> };
  worker: AccountWorker;
}

interface Behind {
  settings: Pick<Settings, "empty" | "rateLimits">;
  closers: Closers;
  store: CentralStore;
  analytics: AnalyticsEngine;
  logs: Logs;
  /** Those of the Worker that its account knows. */
  secrets: Readonly<Record<string, string>>;
}

/** As `setup` makes it, for what the sandbox delivers by itself. */
function logJob(accountId: string): ApiDeps["jobs"][number] {
  const place = { bucket: LOGS_BUCKET, prefix: LOGS_PREFIX };
  return {
    id: 1,
    name: "sandbox",
    dataset: JOB_DATASET,
    destination_conf: destinationConf(place, accountId, { id: "sandbox", secret: "sandbox" }),
    filter: jobFilter(WORKER_NAME),
    output_options: { ...OUTPUT_OPTIONS, field_names: [...OUTPUT_OPTIONS.field_names] },
    enabled: true,
  };
}

/** What the API asks of the running sandbox. */
interface Running {
  bucket: R2Access["bucket"];
  run(deployment: RunningDeployment): Promise<void>;
}

export async function startApi(
  { settings, closers, store, analytics, logs, secrets }: Behind,
  originUrl: string,
  running: () => Running,
): Promise<Cloudflare> {
  const accountId = randomBytes(16).toString("hex");
  const namespaceId = randomBytes(16).toString("hex");
  const tokens = new Tokens(accountId);
  const run = (deployment: RunningDeployment): Promise<void> => running().run(deployment);
  const bucket = (name: string) => running().bucket(name);
  const legacy = new URL(originUrl).hostname;
  const zones = new Zones(() => worker.reroute());
  const isRouted = (name: string): boolean => zones.leadTo(name);
  const worker = settings.empty
    ? new AccountWorker({ name: null, isRouted, run })
    : new AccountWorker({ name: WORKER_NAME, secrets: Object.entries(secrets), isRouted, run });
  if (!settings.empty) zones.add(ZONE, { host: HOST, legacy, script: WORKER_NAME });
  const limits = new Limits(settings.rateLimits);
  const deps: ApiDeps = {
    namespaces: new Namespaces({
      id: namespaceId,
      title: settings.empty ? null : "KV_CANARY_CONFIG",
      store,
    }),
    tokens,
    limits,
    accountId,
    r2: { names: new Set(settings.empty ? [] : [MEDIA_BUCKET, LOGS_BUCKET]), bucket },
    jobs: settings.empty ? [] : [logJob(accountId)],
    worker,
    zones,
    boundNamespaceId: namespaceId,
    now: Date.now,
  };
  closers.add(() => analytics.close());
  const api = new ApiServer(
    createApi(deps, (routes) => {
      analyticsRoutes(routes, deps, analytics);
      tailRoutes(routes, deps, logs.tails);
    }),
  );
  const apiBaseUrl = await api.start();
  closers.add(() => api.close());
  const apiToken = tokens.create("full");
  const held = { ...deps, buckets: deps.r2.names, secrets: worker.secrets };
  return { worker, api, tokens, limits, apiToken, apiBaseUrl, accountId, namespaceId, held };
}
