/**
 * Which failing findings another one explains, so that the operator is told one thing and the right
 * one. A cause always recommends at least as much: attribution never makes the advice weaker.
 */

import type { Finding } from "./finding.ts";
import { errorReading, judge } from "./judge.ts";
import type { Policy } from "./numbers.ts";
import type { Bucket } from "./observations.ts";
import type { Rule } from "./rule.ts";
import { rowOf } from "./rules.ts";

/** A part of native that fails by itself; its family has its name. */
type Part = "r2" | "database";
interface Cause {
  rule: Rule;
  part: Part;
}

/** So many of the requests decide what the p90 is. */
const TAIL_SHARE = 0.1;

/** `bucketsIn` gives the last so many buckets, oldest first. */
export function explain(
  findings: readonly Finding[],
  bucketsIn: (minutes: number) => Bucket[],
  policy: Policy,
): Finding[] {
  const causes = findings.flatMap(({ rule, family, verdict }): Cause[] =>
    verdict === "fail" && (family === "r2" || family === "database")
      ? [{ rule, part: family }]
      : [],
  );
  const byParts = findings.map((finding) => {
    if (finding.verdict !== "fail") return finding;
    const buckets = bucketsIn(policy[rowOf(finding.rule).key].minutes);
    return { ...finding, because: partBehind(finding, causes, buckets, policy) };
  });
  return byParts.map((finding) => ({
    ...finding,
    because: finding.because ?? strongerBehind(finding, byParts),
  }));
}

/** R2 or the database behind errors, slowness and orphans. */
function partBehind(
  finding: Finding,
  causes: readonly Cause[],
  buckets: readonly Bucket[],
  policy: Policy,
): Rule | null {
  if (finding.verdict !== "fail" || causes.length === 0) return null;
  const largest = causes.toSorted((a, b) => sum(buckets, b.part) - sum(buckets, a.part))[0];
  const of = (bucket: Bucket) => causes.reduce((count, { part }) => count + bucket[part], 0);
  const explained =
    finding.family === "errors"
      ? !overWithout(finding, buckets, of, policy)
      : finding.family === "latency"
        ? buckets.every((bucket) => of(bucket) >= bucket.native.requests * TAIL_SHARE)
        : finding.family === "orphans";
  return explained ? (largest?.rule ?? null) : null;
}

function sum(buckets: readonly Bucket[], part: Part): number {
  return buckets.reduce((count, bucket) => count + bucket[part], 0);
}

/** Whether the errors that are left without those failures would fail by themselves. */
function overWithout(
  { rule, limit }: Finding,
  buckets: readonly Bucket[],
  of: (bucket: Bucket) => number,
  policy: Policy,
): boolean {
  const numbers = policy[rowOf(rule).key];
  const minErrors = "minErrors" in numbers ? numbers.minErrors : 1;
  // A failure is counted when it happens, its request when it is answered, perhaps a bucket later.
  let unspent = 0;
  const readings = buckets.map((bucket) => {
    const { requests, errors, errorObservations: observed } = bucket.native;
    const known = unspent + of(bucket);
    unspent = Math.min(of(bucket), Math.max(0, known - errors));
    const left = Math.max(0, errors - known);
    const errorObservations = left > 0 ? (observed * left) / errors : 0;
    return errorReading({ requests, errors: left, errorObservations }, limit, minErrors);
  });
  return judge(readings, true) === "fail";
}

/**
 * A critical problem of the family; for orphans, an error rate that breaks uploads under way; for a
 * reduction, any, since nobody waits for it any longer.
 */
function strongerBehind(finding: Finding, findings: readonly Finding[]): Rule | null {
  if (finding.verdict !== "fail" || finding.severity === "critical") return null;
  const { family } = finding;
  const critical = findings.find(
    (other) =>
      other.severity === "critical" &&
      other.verdict === "fail" &&
      other.because === null &&
      (other.family === family ||
        (family === "orphans" && other.family === "errors") ||
        family === "reduction"),
  );
  return critical?.rule ?? null;
}
