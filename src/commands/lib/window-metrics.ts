/** Asks the metrics for a whole window, piece by piece and all at once. */
import { anySignal } from "../../domain/lib/abort.ts";
import type {
  BucketRow,
  FailureBucketRow,
  Query,
  SeriesRow,
} from "../../domain/metrics/queries.ts";
import { failureBuckets, healthBuckets, requestSeries } from "../../domain/metrics/queries.ts";
import type { EmergencyRow, OrphanBucketRow } from "../../domain/metrics/window-queries.ts";
import { decidedByEmergency, orphanBuckets } from "../../domain/metrics/window-queries.ts";
import type { Observed } from "../../domain/policy/observations.ts";
import type { WindowPlan } from "../../domain/policy/window.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { askAll, errorOf } from "./ask-metrics.ts";

/** A day of minutes is asked for in five requests; each has ten seconds of its own. */
const LIMIT_MS = 25_000;

export interface WindowMetrics {
  health: Observed<readonly BucketRow[]>;
  failures: Observed<readonly FailureBucketRow[]>;
  orphans: Observed<readonly OrphanBucketRow[]>;
  /** Of the window's own buckets. */
  series: Observed<readonly SeriesRow[]>;
  /** From the start of the window until now. */
  decided: Observed<EmergencyRow>;
  /** Why the API did not answer; a dataset that is not there, or empty, is an answer. */
  failure: UpstreamError | null;
}

type Asked = Pick<Ports, "clock" | "interrupt" | "metrics" | "target">;

/** Never throws. */
export async function askWindow(
  ports: Asked,
  { nowS, window, ...pieces }: WindowPlan,
  given: AbortSignal,
): Promise<WindowMetrics> {
  const { bucketSeconds } = ports.target.policy;
  const signal = anySignal([ports.clock.timeout(LIMIT_MS), given]);
  const late = (error: UpstreamError) => inTime(error, signal, ports);
  const ask = <Row>(questions: readonly ((dataset: string) => Query<Row>)[]) =>
    askAll(ports.metrics, questions, signal, late);
  const [health, failures, orphans, series, decided] = await Promise.all([
    ask(pieces.health.map((w) => (dataset) => healthBuckets(dataset, w, bucketSeconds))),
    ask(pieces.failures.map((w) => (dataset) => failureBuckets(dataset, w, bucketSeconds))),
    ask(pieces.orphans.map((w) => (dataset) => orphanBuckets(dataset, w, { bucketSeconds, nowS }))),
    ask([(dataset) => requestSeries(dataset, window)]),
    ask([(dataset) => decidedByEmergency(dataset, { fromS: window.fromS, toS: nowS + 1 })]),
  ]);
  const failure = failureAmong([health, failures, orphans, series, decided]);
  return { health, failures, orphans, series, decided: firstOf(decided), failure };
}

/** What our own limit has cut short is a deadline, not a broken API. */
export function inTime(
  error: UpstreamError,
  signal: AbortSignal,
  { interrupt }: Pick<Ports, "interrupt">,
): UpstreamError {
  if (!signal.aborted || interrupt.aborted) return error;
  return new UpstreamError("deadline", `time limit reached: ${error.message}`, { cause: error });
}

function firstOf(rows: Observed<readonly EmergencyRow[]>): Observed<EmergencyRow> {
  if (rows.kind === "unseen") return rows;
  return { kind: "seen", value: rows.value[0] ?? { requests: 0, firstS: 0, lastS: 0 } };
}

function failureAmong(answers: readonly Observed<unknown>[]): UpstreamError | null {
  const failures = answers
    .map(errorOf)
    .filter((error) => error !== null)
    .filter(({ kind }) => kind !== "not-found");
  const refused = failures.find(({ kind }) => kind === "auth" || kind === "forbidden");
  return refused ?? failures[0] ?? null;
}
