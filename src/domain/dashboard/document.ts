/**
 * What `/qa/dashboard/data` answers, and `pixcanary dashboard --local` as well: all that the page shows. Documented
 * in docs/dashboard.md; a field is only added, another meaning is another `schema`. Texts may hold anything: the page
 * shows them as text.
 */

import type { ErrorGroupRow } from "../metrics/dashboard-queries.ts";
import type { AchievedShare } from "../proof/achieved-share.ts";
import type { FleetLocation } from "../proof/fleet.ts";
import type { Mark } from "../situation/known.ts";

export const DASHBOARD_SCHEMA = 1;

/** One panel: a question that failed takes no other panel with it. */
export type Panel<T> = { ok: true; data: T } | { ok: false; problem: string };

export interface Curve {
  name: string;
  cohort: "native" | "proxy" | null;
  /** `measured` by the metrics; `limit`: of the policy; `set`: what was configured, which holds until the next. */
  kind: "measured" | "limit" | "set";
  /** One for each of `t`; null: not measured. */
  values: (number | null)[];
}

export interface Plot {
  unit: "per min" | "%" | "ms";
  /** Seconds since the epoch, rising: the middle of each bucket, or when something changed. */
  t: number[];
  curves: Curve[];
}

export interface Banner {
  word: "NORMAL" | "REDUCED" | "DISABLED" | "EMERGENCY" | "RAMP" | "UNKNOWN";
  /** Beside the word: "10 % of new visitors", "step 2 of 5, 10 %". */
  detail: string;
  /** ISO 8601; null: not known. */
  since: string | null;
  by: string | null;
  why: string | null;
}

export interface Advice {
  mark: Mark;
  headline: string;
  /** All else that is not well, worst first. */
  concerns: { mark: Mark; text: string }[];
  /** `command`: ready to paste. */
  next: { kind: "command" | "notify"; text: string };
}

export interface CohortTotals {
  cohort: "native" | "proxy";
  phase: string;
  requests: number;
  errors: number;
}

export interface HistogramBin {
  fromMs: number;
  /** Null: no end. */
  toMs: number | null;
  /** In percent of the cohort's requests; null: it has none. */
  native: number | null;
  proxy: number | null;
}

/** A change, for the timeline. */
export interface ChangeMark {
  id: string;
  at: string;
  who: string;
  what: string;
  why: string | null;
  proof: string;
}

/** Of the range that is shown. Asked of the metrics, and kept for a while. */
export interface RangeFigures {
  /** When the metrics were asked, ISO 8601. */
  at: string;
  /** Some points stand for more than one: figures are estimates. */
  sampled: boolean;
  requests: Panel<{ plot: Plot; native: number; proxy: number }>;
  errors: Panel<{ plot: Plot; totals: CohortTotals[] }>;
  latency: Panel<{ plot: Plot }>;
  histogram: Panel<{ bins: HistogramBin[]; native: number; proxy: number }>;
  failures: Panel<{ plot: Plot; r2: number; database: number }>;
  error_groups: Panel<ErrorGroupRow[]>;
}

/** Of now, whatever range is shown. */
export interface PresentFigures {
  /** When the metrics were asked, ISO 8601. */
  at: string;
  orphans: Panel<{ intents: number; finalized: number; limit: number; minutes: number }>;
  /** Since the share was set. */
  share: Panel<AchievedShare>;
  /** Since the last change. */
  locations: Panel<FleetLocation[]>;
}

export interface Backend {
  status: "healthy" | "failing" | "unknown";
  problem: string | null;
}

export interface DashboardDocument {
  schema: typeof DASHBOARD_SCHEMA;
  /** When state, advice and timeline were looked at, ISO 8601. */
  at: string;
  environment: string;
  /** Who answers: a location of the Worker, or this machine. */
  place: string;
  range: { key: string; from_s: number; to_s: number; bucket_s: number };
  banner: Banner;
  advice: Advice;
  backends: { native: Backend; proxy: Backend };
  present: PresentFigures;
  figures: RangeFigures;
  /** Share over time, and what was done; null curve values: not known. `cut`: there may be older entries of the range. */
  timeline: Panel<{ plot: Plot; marks: ChangeMark[]; cut: boolean }>;
}
