/** What an assessment is made of. */
import type { Window } from "../metrics/queries.ts";
import type { Family, Recommendation, Rule, Severity } from "./rule.ts";
import type { Verdict } from "./verdict.ts";

export type Unit = "%" | "ms" | "per min" | "intents" | "min";

export interface Finding {
  rule: Rule;
  family: Family;
  severity: Severity;
  verdict: Verdict;
  recommends: Exclude<Recommendation, "none">;
  /** In the newest bucket that shows anything; null when none does. */
  value: number | null;
  /** Of each bucket, oldest first; one value for rows without buckets. */
  values: (number | null)[];
  limit: number;
  unit: Unit;
  window: Window;
  /** Requests (or intents) that it rests on: of native, or of proxy for its own row. */
  samples: number;
  /** How many it needs. */
  minimum: number;
  /** Why the verdict is what it is, in plain words. */
  detail: string;
  /** The newest bucket with data is over the limit many times, and by more than chance. */
  far: boolean;
  /** Another failing rule that explains this failing one, which then is no problem of its own. */
  because: Rule | null;
  /** Inconclusive for this alone: visitors gave up far more of native's requests than of proxy's. */
  gave_up?: true;
}

export interface Assessment {
  /** When it was made, seconds since the epoch. */
  atS: number;
  /** `no_data` when errors, latency or the failures of native's parts could not be measured. */
  verdict: Verdict;
  /** Of the strongest problem. */
  recommendation: Recommendation;
  /** Failing findings that nothing else explains, strongest first. */
  problems: Finding[];
  /** All rows of the table, in its order. */
  findings: Finding[];
}

export interface NormalFinding {
  name: string;
  verdict: Verdict;
  /** Errors over the whole window; for p90 the worst bucket. */
  value: number | null;
  /** The value must be lower. */
  limit: number;
  unit: Unit;
  /** Native requests in the window that were really seen. */
  samples: number;
  detail: string;
}
