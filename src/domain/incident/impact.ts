/** Who was affected, from the metrics. What was not measured is unknown, and never 0. */

import type { Cohort } from "../decision/decide.ts";
import type { CohortRow } from "../metrics/queries.ts";
import type { VisitorRow } from "../metrics/window-queries.ts";
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
  /** Of those: whose first request failed. */
  newVisitorsFailed: number | null;
}

export type Impact =
  | { kind: "known"; requests: number; failed: number; cohorts: CohortImpact[] }
  | { kind: "unknown"; because: string };

/** Answers to `requestsByCohort` and `visitorsByCohort` over the incident. */
export function impactOf(
  requests: Observed<readonly CohortRow[]>,
  visitors: Observed<readonly VisitorRow[]>,
): Impact {
  if (requests.kind === "unseen") return { kind: "unknown", because: requests.because };
  const cohorts = requests.value.filter((row) => row.requests > 0);
  if (cohorts.length === 0) {
    return { kind: "unknown", because: "the metrics hold no request of that time" };
  }
  const seen = visitors.kind === "seen" ? visitors.value : null;
  return {
    kind: "known",
    requests: sum(cohorts.map((row) => row.requests)),
    failed: sum(cohorts.map(({ errors }) => errors)),
    cohorts: cohorts.map(({ cohort, requests, errors, p90 }) => {
      // A cohort has a row where it has requests: without one, none of its visitors was drawn.
      const row = seen?.find((one) => one.cohort === cohort) ?? (seen && { drawn: 0, failed: 0 });
      const newVisitors = row?.drawn ?? null;
      const newVisitorsFailed = row?.failed ?? null;
      return { cohort, requests, failed: errors, p90Ms: p90, newVisitors, newVisitorsFailed };
    }),
  };
}

/** "at least 48 new visitors, whose first request failed"; null where that was not measured. */
export function visitorsText({ cohorts }: Extract<Impact, { kind: "known" }>): string | null {
  const failed = cohorts.map(({ newVisitorsFailed }) => newVisitorsFailed);
  const known = failed.filter((count) => count !== null);
  if (known.length < failed.length) return null;
  const count = sum(known);
  if (count === 0) return "no new visitor whose first request failed";
  return `at least ${counted(count, "new visitor")}, whose first request failed`;
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
