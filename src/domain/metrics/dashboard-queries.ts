/** What the dashboard asks beyond the policy's questions; see queries.ts. */
import * as z from "zod";
import type { Cohort } from "../decision/decide.ts";
import { once } from "../lib/lazy.ts";
import type { Query, Window } from "./sql.ts";
import {
  ANSWERED,
  bucket,
  column,
  ERRORS,
  MAX_ROWS,
  number,
  query,
  REQUESTS,
  table,
  within,
} from "./sql.ts";

const VISITORS = `${ANSWERED} AND ${column.route} != '/qa'`;

export interface PhaseBucketRow {
  /** Start of the bucket in seconds since the epoch. */
  bucket: number;
  cohort: Cohort;
  phase: string;
  requests: number;
  errors: number;
}

/** Answered requests of visitors per bucket, cohort and phase. */
export function phaseBuckets(
  dataset: string,
  window: Window,
  bucketSeconds: number,
): Query<PhaseBucketRow> {
  return query("errors by phase", phaseBucketRow, [
    `SELECT ${bucket(bucketSeconds)} AS bucket, ${column.cohort} AS cohort,`,
    `${column.phase} AS phase, ${REQUESTS} AS requests, ${ERRORS} AS errors`,
    `FROM ${table(dataset)} WHERE ${VISITORS} AND ${within(window)}`,
    `GROUP BY bucket, cohort, phase ORDER BY bucket, cohort, phase LIMIT ${MAX_ROWS}`,
  ]);
}

/** Upper ends of the histogram's bins in milliseconds, about evenly spaced by ratio; the last bin has none. */
export const BIN_ENDS_MS = [
  10, 20, 30, 50, 75, 100, 150, 200, 300, 450, 600, 900, 1_300, 2_000, 3_000, 5_000,
] as const;

export interface LatencyRow {
  cohort: Cohort;
  /** Requests by bin: one more than `BIN_ENDS_MS`. */
  bins: number[];
}

/** How long answers to visitors took, by cohort. */
export function latencyBins(dataset: string, window: Window): Query<LatencyRow> {
  const starts = [0, ...BIN_ENDS_MS];
  const bins = starts.map((start, nth) => {
    const end = BIN_ENDS_MS[nth];
    const below = end === undefined ? "" : ` AND ${column.duration} < ${end}`;
    return `sumIf(_sample_interval, ${column.duration} >= ${start}${below}) AS bin${nth}`;
  });
  return query("latency histogram", latencyRow, [
    `SELECT ${column.cohort} AS cohort, ${bins.join(", ")}`,
    `FROM ${table(dataset)} WHERE ${VISITORS} AND ${within(window)}`,
    "GROUP BY cohort ORDER BY cohort",
  ]);
}

export interface ErrorGroupRow {
  cohort: Cohort;
  route: string;
  status: number;
  errors: number;
  /** Seconds since the epoch. */
  firstS: number;
  lastS: number;
}

const MOST_GROUPS = 10;

/** Answers of 500 and more, the most frequent first. */
export function errorGroups(dataset: string, window: Window): Query<ErrorGroupRow> {
  return query("error groups", errorGroupRow, [
    `SELECT ${column.cohort} AS cohort, ${column.route} AS route, ${column.status} AS status,`,
    `${REQUESTS} AS errors, toUnixTimestamp(MIN(timestamp)) AS firstS,`,
    `toUnixTimestamp(MAX(timestamp)) AS lastS`,
    `FROM ${table(dataset)} WHERE ${VISITORS} AND ${column.status} >= 500 AND ${within(window)}`,
    `GROUP BY cohort, route, status ORDER BY errors DESC, route LIMIT ${MOST_GROUPS}`,
  ]);
}

const cohort = once(() => z.enum(["native", "proxy"]));
const text = once(() => z.string().max(1_000));
const phaseBucketRow = once(() =>
  z.object({
    bucket: number,
    cohort: cohort(),
    phase: text(),
    requests: number,
    errors: number,
  }),
);
const latencyRow = once(() =>
  z
    .object({ cohort: cohort() })
    .catchall(z.unknown())
    .transform(
      (row): LatencyRow => ({
        cohort: row.cohort,
        bins: [0, ...BIN_ENDS_MS].map((_, nth) => number.parse(row[`bin${nth}`])),
      }),
    ),
);
const errorGroupRow = once(() =>
  z.object({
    cohort: cohort(),
    route: text(),
    status: number,
    errors: number,
    firstS: number,
    lastS: number,
  }),
);
