/** The gate of a ramp's step: the policy's assessment, and how many requests the step has had. */

import type { SeriesRow } from "../metrics/queries.ts";
import type { Assessment } from "../policy/finding.ts";
import { sentence } from "../policy/finding-text.ts";
import type { Gate } from "./advance.ts";

export function gateOf(assessment: Assessment, nativeRequests: number | null): Gate {
  const { verdict, recommendation, problems, findings } = assessment;
  const told =
    problems.length > 0 ? problems : findings.filter((finding) => finding.verdict === verdict);
  const why = verdict === "pass" ? "all rows pass" : told.slice(0, 3).map(sentence).join("; ");
  return { verdict, recommendation, why, nativeRequests };
}

/** On the routes that native has handlers for, as many as were really seen. */
export function nativeRequestsOf(rows: readonly SeriesRow[]): number {
  return rows
    .filter(({ cohort, phase }) => cohort === "native" && (phase === "b1a" || phase === "b1b"))
    .reduce((sum, { observations }) => sum + observations, 0);
}
