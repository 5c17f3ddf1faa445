/**
 * Whether an incident could be looked into: metrics and logs. A stop needs neither, so what is missing
 * here is a warning.
 */
import { requestsByCohort } from "../../domain/metrics/queries.ts";
import { findJob, jobProblems } from "../../domain/setup/logpush-fields.ts";
import { counted } from "../../domain/text/format.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, passed, skipped, warned } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";
import { asUpstream } from "../lib/write-result.ts";
import { noR2Fix } from "./upstream-fixes.ts";

const WINDOW_S = 600;
const HOUR_MS = 3_600_000;
const LATER = "check www.cloudflarestatus.com, then run doctor again";

type Sight = Pick<Ports, "account" | "clock" | "logs" | "metrics" | "target">;
type LogPlace = NonNullable<Ports["logs"]["archive"]["place"]>;

/** One question to the metrics, one page of the bucket's list, the jobs, the tails. Never throws. */
export async function sightChecks(ports: Sight, signal: AbortSignal): Promise<Check[]> {
  const { place } = ports.logs.archive;
  const looks = [metricsCheck(ports, signal), logsCheck(ports, place, signal)];
  // Who configures no logs reads none.
  if (place !== null) looks.push(tailCheck(ports, signal), jobCheck(ports, place, signal));
  const [metrics, logs, tail, job] = await Promise.all(looks);
  const lost = [logs, tail].find((check) => check?.isMissing === true);
  const checks = [metrics, logs, tail].flatMap((found) => found?.check ?? []);
  if (job === undefined) return checks;
  const { name } = job.check;
  return [...checks, lost === undefined ? job.check : skipped(name, lost.check.name)];
}

/** `isMissing`: the account has no such thing, so that nothing belongs to it. */
interface Look {
  check: Check;
  isMissing?: true;
}

async function metricsCheck({ clock, metrics, target }: Sight, signal: AbortSignal): Promise<Look> {
  const name = "metrics";
  if (target.dataset === null) {
    const detail =
      "no dataset configured: assess, status, watch and verify --fleet have no metrics";
    return {
      check: warned(name, detail, 'set "dataset" in pixcanary.json to the Worker\'s dataset'),
    };
  }
  const toS = Math.floor(clock.now() / 1_000) + 1;
  const window = { fromS: toS - WINDOW_S, toS };
  try {
    const rows = await metrics.ask((dataset) => requestsByCohort(dataset, window), {
      signal,
      once: true,
    });
    const requests = rows.reduce((sum, row) => sum + row.requests, 0);
    return {
      check: passed(name, `${target.dataset}, ${counted(requests, "request")} in the last 10 min`),
    };
  } catch (thrown) {
    const missing = 'check "dataset" in pixcanary.json; were there any visitors?';
    return notSeen(name, asUpstream(thrown), "Account Analytics: Read", missing);
  }
}

async function logsCheck(
  { clock, logs, target }: Sight,
  place: LogPlace | null,
  signal: AbortSignal,
): Promise<Look> {
  const name = "logs";
  if (place === null) {
    const detail = "no logs bucket configured: logs pull and logs errors cannot work";
    return { check: warned(name, detail, 'set "logsBucket" in pixcanary.json') };
  }
  const nowMs = clock.now();
  try {
    const window = { sinceMs: nowMs - HOUR_MS, untilMs: nowMs };
    const listing = logs.archive.list(window, { signal })[Symbol.asyncIterator]();
    const { done } = await listing.next();
    await listing.return?.();
    const what = done === true ? "no files from the last hour" : "files from the last hour";
    return { check: passed(name, `${place.bucket}/${place.prefix}, ${what}`) };
  } catch (thrown) {
    const error = asUpstream(thrown);
    const noR2 = noR2Fix(error);
    if (noR2 !== null) return { check: warned(name, error.message, noR2), isMissing: true };
    const missing = `check "logsBucket" in pixcanary.json; to make it: ${invocation(target, "setup")}`;
    return notSeen(name, error, "Workers R2 Storage: Read", missing);
  }
}

/** An operator's token need not see the jobs: that is nothing to warn of. */
async function jobCheck(
  { account, target }: Sight,
  place: LogPlace,
  signal: AbortSignal,
): Promise<Look> {
  const name = "Logpush";
  const where = { bucket: place.bucket, prefix: place.prefix.replace(/([^/])$/, "$1/") };
  const fix = `${invocation(target, "setup")}   # makes or repairs it`;
  try {
    const jobs = await account.logJobs({ signal });
    const job = findJob(jobs, { name: "", place: where, worker: target.worker });
    if (job === null) {
      const detail = `no job delivers the logs of ${target.worker} to ${where.bucket}/${where.prefix}`;
      return { check: warned(name, detail, fix) };
    }
    const problems = jobProblems(job);
    if (problems.length > 0)
      return { check: warned(name, `job ${job.id} ${problems.join(", ")}`, fix) };
    return { check: passed(name, `job ${job.id} delivers to ${where.bucket}/${where.prefix}`) };
  } catch (thrown) {
    const error = asUpstream(thrown);
    if (error.kind !== "forbidden") return { check: warned(name, error.message, LATER) };
    const detail = "not checked: only a token with Logs: Edit sees the jobs";
    return { check: { name, result: "skip", detail, fix: null } };
  }
}

async function tailCheck({ account, target }: Sight, signal: AbortSignal): Promise<Look> {
  const name = "tail";
  try {
    await account.tails(target.worker, { signal });
    return { check: passed(name, `live tails of ${target.worker} can be opened`) };
  } catch (thrown) {
    const missing = 'check "worker" in pixcanary.json: no Worker of that name is deployed';
    return notSeen(name, asUpstream(thrown), "Workers Tail: Read", missing);
  }
}

function notSeen(name: string, error: UpstreamError, permission: string, missing: string): Look {
  const { kind, message } = error;
  if (kind === "auth" || kind === "forbidden") {
    return { check: warned(name, message, `give the token ${permission}`) };
  }
  return kind === "not-found"
    ? { check: warned(name, message, missing), isMissing: true }
    : { check: warned(name, message, LATER) };
}
