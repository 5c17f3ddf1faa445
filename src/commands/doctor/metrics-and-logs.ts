/**
 * Whether an incident could be looked into: metrics and logs. A stop needs neither, so what is missing
 * here is a warning.
 */
import { requestsByCohort } from "../../domain/metrics/queries.ts";
import { counted } from "../../domain/text/format.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Check } from "../lib/check.ts";
import { asUpstream } from "../lib/write-result.ts";

const WINDOW_S = 600;
const HOUR_MS = 3_600_000;

type Sight = Pick<Ports, "clock" | "logs" | "metrics" | "target">;

/** One question to the metrics, one page of the bucket's list. Never throws. */
export async function sightChecks(ports: Sight, signal: AbortSignal): Promise<Check[]> {
  return Promise.all([metricsCheck(ports, signal), logsCheck(ports, signal)]);
}

async function metricsCheck(
  { clock, metrics, target }: Sight,
  signal: AbortSignal,
): Promise<Check> {
  if (target.dataset === null) {
    const detail =
      "no dataset configured: assess, status, watch and verify --fleet have no metrics";
    return warning("metrics", detail, 'set "dataset" in pixcanary.json to the Worker\'s dataset');
  }
  const toS = Math.floor(clock.now() / 1_000) + 1;
  const window = { fromS: toS - WINDOW_S, toS };
  try {
    const rows = await metrics.ask((dataset) => requestsByCohort(dataset, window), { signal });
    const requests = rows.reduce((sum, row) => sum + row.requests, 0);
    const detail = `${target.dataset}, ${counted(requests, "request")} in the last 10 min`;
    return { name: "metrics", result: "pass", detail, fix: null };
  } catch (thrown) {
    const error = asUpstream(thrown);
    return warning("metrics", error.message, fixOf(error, "Account Analytics: Read", "dataset"));
  }
}

async function logsCheck({ clock, logs }: Sight, signal: AbortSignal): Promise<Check> {
  const { place } = logs.archive;
  if (place === null) {
    const detail = "no logs bucket configured: logs pull and logs errors cannot work";
    return warning("logs", detail, 'set "logsBucket" in pixcanary.json');
  }
  const nowMs = clock.now();
  try {
    const window = { sinceMs: nowMs - HOUR_MS, untilMs: nowMs };
    const listing = logs.archive.list(window, { signal })[Symbol.asyncIterator]();
    const { done } = await listing.next();
    await listing.return?.();
    const what = done === true ? "no files from the last hour" : "files from the last hour";
    const detail = `${place.bucket}/${place.prefix}, ${what}`;
    return { name: "logs", result: "pass", detail, fix: null };
  } catch (thrown) {
    const error = asUpstream(thrown);
    return warning("logs", error.message, fixOf(error, "Workers R2 Storage: Read", "logsBucket"));
  }
}

function warning(name: string, detail: string, fix: string): Check {
  return { name, result: "warn", detail, fix };
}

function fixOf({ kind }: UpstreamError, permission: string, setting: string): string {
  if (kind === "auth" || kind === "forbidden") return `give the token ${permission}`;
  if (kind === "not-found") return `check "${setting}" in pixcanary.json; were there any visitors?`;
  return "check www.cloudflarestatus.com, then run doctor again";
}
