/**
 * The policy over a whole window: at the end of each of its buckets, what `assess` would have said
 * then. The rows are the policy's own; nothing is judged here by any other rule.
 */

import type { BucketRow, FailureBucketRow } from "../metrics/queries.ts";
import type { Window } from "../metrics/sql.ts";
import type { OrphanBucketRow } from "../metrics/window-queries.ts";
import { uncaught } from "./caught-intents.ts";
import { evaluate } from "./evaluate.ts";
import type { Assessment, Finding } from "./finding.ts";
import type { Policy } from "./numbers.ts";
import type { Observations, Observed } from "./observations.ts";
import { newestEndS, questions } from "./observations.ts";
import { RULES } from "./rules.ts";
import type { Verdict } from "./verdict.ts";
import type { RuleOverWindow } from "./window-rule.ts";
import { RuleTally } from "./window-rule.ts";

/** A week of minutes; more is not asked for: a few requests and a second of computing are enough. */
export const MAX_BUCKETS = 10_080;
/** Two rows per bucket keep well below the 10,000 of one answer: a row cut off could be the failure. */
const BUCKETS_PER_QUESTION = 4_500;

export interface WindowPlan {
  nowS: number;
  /** The buckets that are judged: complete and settled ones, as in `assess`. */
  window: Window;
  buckets: number;
  /** What to ask for, piece by piece: from as early as the first bucket's rules look back. */
  health: Window[];
  failures: Window[];
  orphans: Window[];
}

/** `lengthS` is wall time, rounded up to whole buckets; null when it is more than MAX_BUCKETS. */
export function planWindow(nowS: number, policy: Policy, lengthS: number): WindowPlan | null {
  const { bucketSeconds, settleSeconds } = policy;
  const wanted = Math.max(1, Math.ceil(lengthS / bucketSeconds));
  if (wanted > MAX_BUCKETS) return null;
  const toS = newestEndS(nowS, policy);
  const fromS = Math.max(0, toS - wanted * bucketSeconds);
  const first = questions(fromS + bucketSeconds + settleSeconds, policy);
  const last = questions(nowS, policy);
  const pieces = (from: Window, to: Window) =>
    split({ fromS: from.fromS, toS: to.toS }, bucketSeconds * BUCKETS_PER_QUESTION);
  return {
    nowS,
    window: { fromS, toS },
    buckets: Math.round((toS - fromS) / bucketSeconds),
    health: pieces(first.health, last.health),
    failures: pieces(first.failures, last.failures),
    orphans: pieces(first.orphans, last.orphans),
  };
}

function split({ fromS, toS }: Window, lengthS: number): Window[] {
  const count = Math.max(1, Math.ceil((toS - fromS) / lengthS));
  return Array.from({ length: count }, (_, index) => ({
    fromS: fromS + index * lengthS,
    toS: Math.min(toS, fromS + (index + 1) * lengthS),
  }));
}

/** The answers to a plan's questions. */
export interface WindowSeen {
  health: Observed<readonly BucketRow[]>;
  failures: Observed<readonly FailureBucketRow[]>;
  orphans: Observed<readonly OrphanBucketRow[]>;
  /** `caughtWindows` of the journal: their intents count here as little as in `assess`. */
  caught: readonly Window[];
  /** When the share had last been reduced by then; both in seconds since the epoch. */
  lastReductionS(atS: number): Observed<number | null>;
}

export interface PolicyOverWindow {
  /** `no_data` when native's error rate could be judged at no time. */
  verdict: Verdict;
  /** All rows of the table, in its order. */
  rules: RuleOverWindow[];
  coverage: Coverage;
  /** Of native, on the routes that both cohorts have. */
  native: NativeTotals;
  /** At the end of the window, which is now. */
  now: Assessment;
}

/** Counts are weighted; observations are the rows that were really seen. */
export interface NativeTotals {
  requests: number;
  errors: number;
  observations: number;
  error_observations: number;
}

/** In buckets of the window. */
export interface Coverage {
  buckets: number;
  with_native: number;
  /** With native traffic, and enough around it for its error rate to be judged. */
  covered: number;
}

/** Pure, and the only place where a window is judged: one evaluation at the end of each bucket. */
export function overWindow(plan: WindowPlan, seen: WindowSeen, policy: Policy): PolicyOverWindow {
  const { bucketSeconds } = policy;
  const { fromS, toS } = plan.window;
  const at = sliding(seen, policy);
  const tallies = RULES.map((row) => new RuleTally(row, policy));
  const coverage: Coverage = { buckets: plan.buckets, with_native: 0, covered: 0 };
  const native = { requests: 0, errors: 0, observations: 0, error_observations: 0 };
  for (let endS = fromS + bucketSeconds; endS <= toS; endS += bucketSeconds) {
    const observations = at(endS);
    const { findings } = evaluate(observations, policy);
    for (const [index, finding] of findings.entries()) {
      tallies[index]?.add(finding, { endS, refuted: isRefuted(finding, findings) });
    }
    const newest = newestNative(observations, endS - bucketSeconds);
    native.requests += newest.requests;
    native.errors += newest.errors;
    native.observations += newest.observations;
    native.error_observations += newest.errorObservations;
    if (newest.requests > 0) coverage.with_native += 1;
    if (newest.requests > 0 && isJudged(findings)) coverage.covered += 1;
  }
  const rules = tallies.map((tally) => tally.result());
  return { verdict: verdictOf(rules), rules, coverage, native, now: evaluate(at(toS), policy) };
}

/** Another row that looks at the same thing, and longer, has data and sees nothing wrong. */
function isRefuted({ rule, family }: Finding, findings: readonly Finding[]): boolean {
  return findings.some((f) => f.rule !== rule && f.family === family && f.verdict === "pass");
}

function isJudged(findings: readonly Finding[]): boolean {
  return findings.some(({ family, verdict }) => family === "errors" && verdict !== "no_data");
}

function newestNative(
  { health }: Observations,
  startS: number,
): Pick<BucketRow, "requests" | "errors" | "observations" | "errorObservations"> {
  const rows = health.kind === "seen" ? health.value : [];
  const row = rows.find(({ bucket, cohort }) => bucket === startS && cohort === "native");
  return row === undefined || !(row.requests > 0)
    ? { requests: 0, errors: 0, observations: 0, errorObservations: 0 }
    : row;
}

/** As for one assessment: rows that had nothing to judge are no obstacle, unless errors are among them. */
function verdictOf(rules: readonly RuleOverWindow[]): Verdict {
  const verdicts = rules.map(({ verdict }) => verdict);
  if (verdicts.includes("fail")) return "fail";
  const errors = rules.filter(({ family }) => family === "errors");
  if (errors.every(({ verdict }) => verdict === "no_data")) return "no_data";
  return verdicts.includes("inconclusive") ? "inconclusive" : "pass";
}

// --- What was to be seen at a time ---------------------------------------------------------------

/** Of all that was seen, what the policy looks at when the newest complete bucket ends at `endS`. */
function sliding(seen: WindowSeen, policy: Policy): (endS: number) => Observations {
  const health = piecewise(seen.health);
  const failures = piecewise(seen.failures);
  const orphans = piecewise(seen.orphans);
  const uncaughtIn = (piece: WindowSeen["orphans"]): Observations["orphans"] =>
    piece.kind === "unseen"
      ? piece
      : { kind: "seen", value: uncaught(piece.value, seen.caught, policy.bucketSeconds) };
  return (endS) => {
    const nowS = endS + policy.settleSeconds;
    const asked = questions(nowS, policy);
    return {
      nowS,
      health: health(asked.health),
      failures: failures(asked.failures),
      orphans: uncaughtIn(orphans(asked.orphans)),
      lastReductionS: seen.lastReductionS(nowS),
    };
  };
}

/** The rows of a piece, by their buckets; sorted once. */
function piecewise<Row extends { bucket: number }>(
  all: Observed<readonly Row[]>,
): (window: Window) => Observed<readonly Row[]> {
  if (all.kind === "unseen") return () => all;
  const rows = all.value.toSorted((a, b) => a.bucket - b.bucket);
  return ({ fromS, toS }) => ({
    kind: "seen",
    value: rows.slice(firstFrom(rows, fromS), firstFrom(rows, toS)),
  });
}

/** The index of the first row of this bucket or a later one. */
function firstFrom(rows: readonly { bucket: number }[], bucketS: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.bucket ?? 0) < bucketS) low = middle + 1;
    else high = middle;
  }
  return low;
}
