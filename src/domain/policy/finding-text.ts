/** The policy's findings in words, for people and for the journal. Shared by the CLI and the guardian. */

import type { Finding } from "./finding.ts";
import type { Rule } from "./table.ts";

const LABELS: Readonly<Record<Rule, string>> = {
  error_rate_critical: "error rate, critical",
  error_rate_warning: "error rate, warning",
  p90_over_proxy_critical: "p90 over proxy, critical",
  p90_over_proxy_warning: "p90 over proxy, warning",
  p90_warning: "p90, warning",
  r2_failures: "R2 failures",
  database_failures: "database failures",
  orphaned_intents: "orphaned intents",
  reduction_did_not_help: "reduction did not help",
  proxy_unhealthy: "proxy unhealthy",
};

export function labelOf(rule: Rule): string {
  return LABELS[rule];
}

/** "error rate, critical 4.1 %: over 3 % in each of 3 min". Fits a `--reason`. */
export function sentence(finding: Finding): string {
  return `${labelOf(finding.rule)} ${amount(finding.value, finding.unit)}: ${finding.detail}`;
}

export function amount(value: number | null, unit: string): string {
  return value === null ? "–" : `${digits(value)} ${unit}`;
}

export function digits(value: number): string {
  return String(Number(value.toFixed(Math.abs(value) >= 100 ? 0 : 1)));
}
