/** Who was affected, from the metrics. What was not measured is unknown, and never 0. */

import type { Cohort } from "../decision/decide.ts";
import type { CohortRow, ShareRow } from "../metrics/queries.ts";
import type { Observed } from "../policy/observations.ts";
import { counted, countText, percentText } from "../text/format.ts";

export interface CohortImpact {
  cohort: Cohort;
  requests: number;
  /** Answered with 5xx. */
  failed: number;
  p90Ms: number;
  /** Drawn in that time; null: not measured. Who came back with a cookie is not among them. */
  newVisitors: number | null;
}

export type Impact =
  | { kind: "known"; requests: number; failed: number; cohorts: CohortImpact[] }
  | { kind: "unknown"; because: string };

/** Answers to `requestsByCohort` and `shareOfCohorts` over the incident. */
export function impactOf(
  requests: Observed<readonly CohortRow[]>,
  visitors: Observed<readonly ShareRow[]>,
): Impact {
  if (requests.kind === "unseen") return { kind: "unknown", because: requests.because };
  const cohorts = requests.value.filter((row) => row.requests > 0);
  if (cohorts.length === 0) {
    return { kind: "unknown", because: "the metrics hold no request of that time" };
  }
  const drawn = visitors.kind === "seen" ? visitors.value : null;
  return {
    kind: "known",
    requests: sum(cohorts.map((row) => row.requests)),
    failed: sum(cohorts.map(({ errors }) => errors)),
    cohorts: cohorts.map(({ cohort, requests, errors, p90 }) => ({
      cohort,
      requests,
      failed: errors,
      p90Ms: p90,
      newVisitors: drawn?.find((row) => row.cohort === cohort)?.sampled ?? (drawn ? 0 : null),
    })),
  };
}

/** "1,250 of 50,000 requests failed (2.5 %)". */
export function failedText({ requests, failed }: { requests: number; failed: number }): string {
  const share = requests > 0 ? ` (${percentText((100 * failed) / requests)})` : "";
  return `${countText(failed)} of ${counted(requests, "request")} failed${share}`;
}

/** One line, for a header or a message. */
export function impactText(impact: Impact): string {
  if (impact.kind === "unknown") return `not known: ${impact.because}`;
  const parts = impact.cohorts.map((one) => `${one.cohort}: ${failedText(one)}`);
  return `${failedText(impact)}; ${parts.join("; ")}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
