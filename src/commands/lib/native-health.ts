/** From metrics and journal to an assessment: what assess, status, watch, ramp and validate share. */

import type { Query } from "../../domain/metrics/queries.ts";
import { failureBuckets, healthBuckets } from "../../domain/metrics/queries.ts";
import { orphanBuckets } from "../../domain/metrics/window-queries.ts";
import { caughtWindows, uncaught } from "../../domain/policy/caught-intents.ts";
import { evaluate } from "../../domain/policy/evaluate.ts";
import type { Assessment } from "../../domain/policy/finding.ts";
import type { Observations, Observed } from "../../domain/policy/observations.ts";
import { lastReduction, questions } from "../../domain/policy/observations.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { asUpstream } from "./write-result.ts";

/** For all of it: an on-call engineer waits, and metrics that take longer are not to be had. */
export const HEALTH_LIMIT_MS = 8_000;
/** A reduction further back than this has been overtaken by other changes. */
const ENTRIES = 20;

export interface Observation {
  observations: Observations;
  /** Why the metrics could not be had, if none of them could; the findings then say no_data. */
  failure: UpstreamError | null;
  /** What was wrong with the journal. */
  warnings: string[];
}

type Health = Pick<Ports, "clock" | "journal" | "metrics" | "target">;

/**
 * Three questions to the metrics and one look at the journal, at once. Never throws. `entries` saves
 * the look, for who has read the journal already; in order of time.
 */
export async function observe(
  ports: Health,
  signal: AbortSignal,
  entries?: readonly JournalEntry[],
): Promise<Observation> {
  const { policy } = ports.target;
  const nowS = Math.floor(ports.clock.now() / 1_000);
  const windows = questions(nowS, policy);
  const { bucketSeconds } = policy;
  const ask = <Row>(question: (dataset: string) => Query<Row>) =>
    attempt(ports.metrics.ask(question, { signal }));
  const [health, failures, orphans, journal] = await Promise.all([
    ask((dataset) => healthBuckets(dataset, windows.health, bucketSeconds)),
    ask((dataset) => failureBuckets(dataset, windows.failures, bucketSeconds)),
    ask((dataset) => orphanBuckets(dataset, windows.orphans, { bucketSeconds, nowS })),
    entries === undefined ? ports.journal.recent(ENTRIES, { signal }) : { entries, warnings: [] },
  ]);
  const caught = caughtWindows(journal.entries, nowS, policy);
  const observations: Observations = {
    nowS,
    health: observed(health, (rows) => rows),
    failures: observed(failures, (rows) => rows),
    orphans: observed(orphans, (rows) => uncaught(rows, caught, bucketSeconds)),
    lastReductionS: reductionIn(journal),
  };
  const failure = [health, failures, orphans].every(isError) && isError(health) ? health : null;
  return { observations, failure, warnings: [...journal.warnings] };
}

/** Never throws. */
export async function assessHealth(
  ports: Health,
  signal: AbortSignal,
  entries?: readonly JournalEntry[],
): Promise<Observation & { assessment: Assessment }> {
  const observation = await observe(ports, signal, entries);
  return { ...observation, assessment: evaluate(observation.observations, ports.target.policy) };
}

/** "Cancelled" is not what happened to somebody who waited for an answer until the limit. */
export function sayingLate(
  metrics: Ports["metrics"],
  limit: AbortSignal,
  limitMs: number,
): Ports["metrics"] {
  return {
    ask: (question, options) =>
      metrics.ask(question, options).catch((error: unknown) => {
        throw limit.aborted
          ? new UpstreamError("unavailable", `no answer within ${limitMs / 1_000} s`)
          : error;
      }),
  };
}

async function attempt<T>(work: Promise<T>): Promise<T | UpstreamError> {
  try {
    return await work;
  } catch (error) {
    return asUpstream(error);
  }
}

function isError(value: unknown): value is UpstreamError {
  return value instanceof Error;
}

function observed<T, V>(answer: T | UpstreamError, pick: (value: T) => V): Observed<V> {
  if (isError(answer)) return { kind: "unseen", because: answer.message };
  return { kind: "seen", value: pick(answer) };
}

/** A journal that could not be read completely may hide the very entry. */
function reductionIn(journal: {
  entries: readonly JournalEntry[];
  warnings: readonly string[];
}): Observations["lastReductionS"] {
  const [warning] = journal.warnings;
  const atS = lastReduction(journal.entries);
  if (atS === null && warning !== undefined) return { kind: "unseen", because: warning };
  return { kind: "seen", value: atS };
}
