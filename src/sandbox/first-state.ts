/** What a sandbox begins with: a Worker that runs and logs that arrive, or an empty account. */

import { PROXY_ONLY_TAG, PROXY_ONLY_VAR } from "../domain/ladder/proxy-only.ts";
import { jobFilter, placeOfDestination } from "../domain/setup/logpush-fields.ts";
import type { Cloudflare } from "./api/start.ts";
import { loadWorker, packageRoot } from "./edge/bundle.ts";
import { builtWorker } from "./edge/vars.ts";
import type { RunningDeployment } from "./edge/worker.ts";
import type { LogsPlace } from "./logs/logs.ts";
import type { Settings } from "./settings.ts";
import { WORKER_NAME } from "./types.ts";

/** An empty account has none: its locations run what is deployed. */
export function firstWorker(
  { settings, warn }: { settings: Settings; warn: (text: string) => void },
  { worker, namespaceId }: Pick<Cloudflare, "worker" | "namespaceId">,
  vars: Readonly<Record<string, string>>,
): RunningDeployment {
  if (settings.empty) return { name: "", isRouted: true, split: [] };
  const bundle = loadWorker(packageRoot(), settings.workerPath);
  if (!bundle.built) warn("the Worker has not been built: a stub serves instead of the Worker");
  const upload = (more: Record<string, string> = {}) =>
    builtWorker(bundle, { ...vars, ...more }, namespaceId);
  return worker.begin(WORKER_NAME, upload(), {
    upload: upload({ [PROXY_ONLY_VAR]: "1" }),
    annotations: { tag: PROXY_ONLY_TAG, triggeredBy: "upload" },
  });
}

/** Where the account's Logpush jobs deliver the Worker's events; null: nowhere. */
export function placeOfJobs({ held }: Pick<Cloudflare, "held">): LogsPlace | null {
  const job = held.jobs.find(({ enabled, filter }) => {
    return enabled && (filter ?? "") === jobFilter(held.worker.name ?? "");
  });
  const place = job === undefined ? null : placeOfDestination(job.destination_conf);
  return place === null ? null : { ...place, prefix: place.prefix.replace(/\/+$/, "") };
}
