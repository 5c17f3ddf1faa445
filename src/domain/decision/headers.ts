/** The two response headers that show a decision: written by the Worker, read by the CLI. */
import type { Cohort, Decision, Reason } from "./decide.ts";

export const CANARY_HEADER = "X-Pix-Canary";
/** The sticky cookie's name; what it holds: cookie.ts. */
export const COHORT_COOKIE = "_canary_cohort";
export const DECISION_HEADER = "X-Pix-Decision";

const COHORTS: readonly string[] = ["native", "proxy"] satisfies Cohort[];
const REASONS: readonly string[] = [
  "emergency",
  "header",
  "cookie",
  "sampled",
  "default",
] satisfies Reason[];

/** E.g. `1;tag=B2a;cohort=native;reason=sampled`. */
export function canaryHeader(decision: Decision): string {
  return `1;tag=${decision.tag ?? "none"};cohort=${decision.cohort};reason=${decision.reason}`;
}

/** E.g. `native (10% sample)` or `proxy (emergency)`. */
export function decisionHeader(decision: Decision): string {
  const why = decision.reason === "sampled" ? `${decision.percent}% sample` : decision.reason;
  return `${decision.cohort} (${why})`;
}

/** Of `native (10% sample)` 10; null when nobody was drawn. */
export function sampledPercent(value: string | null): number | null {
  const match = /\((\d{1,3}(?:\.\d{1,2})?)% sample\b/.exec(value ?? "");
  return match === null ? null : Number(match[1]);
}

export interface SeenDecision {
  tag: string;
  cohort: Cohort;
  reason: Reason;
}

/** Null when the header is missing or is not ours. */
export function parseCanaryHeader(value: string | null | undefined): SeenDecision | null {
  const match = /^1;tag=([A-Za-z0-9_-]{1,32});cohort=([a-z]+);reason=([a-z]+)$/.exec(value ?? "");
  if (match === null) return null;
  const [, tag = "", cohort = "", reason = ""] = match;
  if (!COHORTS.includes(cohort) || !REASONS.includes(reason)) return null;
  return { tag, cohort: cohort as Cohort, reason: reason as Reason };
}
