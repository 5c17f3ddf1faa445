/**
 * The policy as one table (DESIGN §5): each rule, what it is called, how it is measured, and what it
 * recommends. `key` names its numbers, which are in numbers.ts.
 */
import { errorRate, failures, overProxy, p90, proxyErrors } from "./bucket-rules.ts";
import type { Case, Result } from "./case.ts";
import type { Finding } from "./finding.ts";
import type { RuleKey } from "./numbers.ts";
import { orphans, reduction } from "./other-rules.ts";
import type { Family, Recommendation, Rule, Severity } from "./rule.ts";

export interface RuleRow {
  rule: Rule;
  label: string;
  key: RuleKey;
  family: Family;
  severity: Severity;
  recommends: Exclude<Recommendation, "none">;
  /** `before`: the findings of the rows above. */
  measure(given: Case, before: readonly Finding[]): Result;
}

/** In the order in which people read them. */
export const RULES: readonly RuleRow[] = [
  {
    rule: "error_rate_critical",
    label: "error rate, critical",
    key: "errorRateCritical",
    family: "errors",
    severity: "critical",
    recommends: "not-aus",
    measure: (given) => errorRate("errorRateCritical", given),
  },
  {
    rule: "error_rate_warning",
    label: "error rate, warning",
    key: "errorRateWarning",
    family: "errors",
    severity: "warning",
    recommends: "reduce",
    measure: (given) => errorRate("errorRateWarning", given),
  },
  {
    rule: "p90_over_proxy_critical",
    label: "p90 over proxy, critical",
    key: "p90OverProxyCritical",
    family: "latency",
    severity: "critical",
    recommends: "not-aus",
    measure: (given) => overProxy("p90OverProxyCritical", given),
  },
  {
    rule: "p90_over_proxy_warning",
    label: "p90 over proxy, warning",
    key: "p90OverProxyWarning",
    family: "latency",
    severity: "warning",
    recommends: "reduce",
    measure: (given) => overProxy("p90OverProxyWarning", given),
  },
  {
    rule: "p90_warning",
    label: "p90, warning",
    key: "p90Warning",
    family: "latency",
    severity: "warning",
    recommends: "reduce",
    measure: p90,
  },
  {
    rule: "r2_failures",
    label: "R2 failures",
    key: "r2Failures",
    family: "r2",
    severity: "critical",
    recommends: "not-aus",
    measure: (given) => failures("r2Failures", "r2", given),
  },
  {
    rule: "database_failures",
    label: "database failures",
    key: "databaseFailures",
    family: "database",
    severity: "critical",
    recommends: "not-aus",
    measure: (given) => failures("databaseFailures", "database", given),
  },
  {
    rule: "orphaned_intents",
    label: "orphaned intents",
    key: "orphanedIntents",
    family: "orphans",
    severity: "warning",
    recommends: "disable",
    measure: orphans,
  },
  {
    rule: "reduction_did_not_help",
    label: "reduction did not help",
    key: "reductionDidNotHelp",
    family: "reduction",
    severity: "warning",
    recommends: "disable",
    measure: reduction,
  },
  {
    rule: "proxy_unhealthy",
    label: "proxy unhealthy",
    key: "proxyUnhealthy",
    family: "proxy",
    severity: "warning",
    recommends: "notify",
    measure: proxyErrors,
  },
];

export function rowOf(rule: Rule): RuleRow {
  const row = RULES.find((one) => one.rule === rule);
  if (row === undefined) throw new Error(`no such rule: ${rule}`);
  return row;
}

export function labelOf(rule: Rule): string {
  return rowOf(rule).label;
}
