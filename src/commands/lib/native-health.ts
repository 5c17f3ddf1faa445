/** From metrics and journal to an assessment: what assess, status, watch, ramp and validate share. */

import type { Window } from "../../domain/metrics/queries.ts";
import { orphanBuckets } from "../../domain/metrics/window-queries.ts";
import { caughtWindows, uncaught } from "../../domain/policy/caught-intents.ts";
import { evaluate } from "../../domain/policy/evaluate.ts";
import type { Assessment } from "../../domain/policy/finding.ts";
import type { Policy } from "../../domain/policy/numbers.ts";
import type { Ask, Observations } from "../../domain/policy/observations.ts";
import { lastReduction } from "../../domain/policy/observations.ts";
import { observeNative } from "../../domain/policy/observe.ts";
import { isBlind } from "../../domain/situation/judged.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { askOf, errorOf } from "./ask-metrics.ts";

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
  const ask = askOf(ports.metrics, signal);
  const reading =
    entries === undefined
      ? ports.journal.recent(ENTRIES, { signal })
      : Promise.resolve({ entries, warnings: [] });
  const orphansIn = async (window: Window): Promise<Observations["orphans"]> =>
    uncaughtIn(window, { ask, nowS, policy, entries: (await reading).entries });
  const [observations, { warnings }] = await Promise.all([
    observeNative(nowS, policy, {
      ask,
      orphans: orphansIn,
      lastReductionS: reading.then(reductionIn),
    }),
    reading,
  ]);
  const failure = isBlind(observations) ? errorOf(observations.health) : null;
  return { observations, failure, warnings: [...warnings] };
}

interface OrphansGiven {
  ask: Ask;
  nowS: number;
  policy: Policy;
  entries: readonly JournalEntry[];
}

/** Intents made in the window that were not caught by an emergency. */
export async function uncaughtIn(
  window: Window,
  { ask, nowS, policy, entries }: OrphansGiven,
): Promise<Observations["orphans"]> {
  const { bucketSeconds } = policy;
  const rows = await ask((dataset) => orphanBuckets(dataset, window, { bucketSeconds, nowS }));
  if (rows.kind === "unseen") return rows;
  const caught = caughtWindows(entries, nowS, policy);
  return { kind: "seen", value: uncaught(rows.value, caught, bucketSeconds) };
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
