/**
 * One Analytics Engine point: the columns of every query. The order is the schema: only append.
 * Index `<tag>:<cohort>`, the unit that is compared, so that sampling stays fair between cohorts.
 */
import type { Cohort, Reason } from "../decision/decide.ts";

/** Of the routes with a native handler, by the part of the migration that they belong to. */
export const NATIVE_PHASES = ["b1a", "b1b"] as const;

/** `proxy`: no handler exists. */
export type Phase = (typeof NATIVE_PHASES)[number] | "proxy";

export type PointKind = "request" | "r2_failure" | "db_failure" | "intent" | "finalize" | "drift";

/** `limit`: it took longer than we wait; `upstream`: it said no, or broke. */
export type FailureCause = "limit" | "upstream";

export interface MetricPoint {
  kind: PointKind;
  tag: string | null;
  cohort: Cohort;
  phase: Phase;
  reason: Reason;
  /**
   * HTTP status of the answer, 499 when the visitor had hung up before it; 0 for points that are not
   * requests.
   */
  status: number;
  route: string;
  colo: string | null;
  revision: string | null;
  workerVersion: string | null;
  /** Milliseconds: of a request, until its answer; of a finalize, since its intent; else 0. */
  durationMs: number;
  /** Of a failure of R2 or the database. */
  cause?: FailureCause | undefined;
}

export interface DataPoint {
  indexes: [string];
  blobs: string[];
  doubles: number[];
}

/**
 * blob1 kind, 2 cohort, 3 phase, 4 reason, 5 route, 6 colo, 7 revision, 8 worker version, 9 tag,
 * 10 cause.
 */
export const BLOBS = [
  "kind",
  "cohort",
  "phase",
  "reason",
  "route",
  "colo",
  "revision",
  "worker_version",
  "tag",
  "cause",
] as const;

/** double1 status, double2 duration in ms. */
export const DOUBLES = ["status", "duration_ms"] as const;

export function toDataPoint(point: MetricPoint): DataPoint {
  return {
    indexes: [`${point.tag ?? "none"}:${point.cohort}`],
    blobs: [
      point.kind,
      point.cohort,
      point.phase,
      point.reason,
      point.route,
      point.colo ?? "",
      point.revision ?? "",
      point.workerVersion ?? "",
      point.tag ?? "",
      point.cause ?? "",
    ],
    doubles: [point.status, point.durationMs],
  };
}
