/** What a rule of the policy is made of. */

/** What to do, weakest first. */
export const RECOMMENDATIONS = ["none", "notify", "reduce", "disable", "not-aus"] as const;

export type Recommendation = (typeof RECOMMENDATIONS)[number];

/** Rules of one family look at the same thing; a critical one makes its warnings superfluous. */
export type Family = "errors" | "latency" | "r2" | "database" | "orphans" | "reduction" | "proxy";

export type Severity = "critical" | "warning";

/** The stronger of two. */
export function strongest(a: Recommendation, b: Recommendation): Recommendation {
  return RECOMMENDATIONS.indexOf(a) >= RECOMMENDATIONS.indexOf(b) ? a : b;
}

export type Rule =
  | "error_rate_critical"
  | "error_rate_warning"
  | "p90_over_proxy_critical"
  | "p90_over_proxy_warning"
  | "p90_warning"
  | "r2_failures"
  | "database_failures"
  | "orphaned_intents"
  | "reduction_did_not_help"
  | "proxy_unhealthy";
