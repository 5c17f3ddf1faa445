/**
 * Every question that is asked of the metrics, written once: the SQL text for Analytics Engine and
 * the meaning of its rows. Only what Analytics Engine's SQL has (one table, no JOIN, no UNION), and
 * everything weighted by `_sample_interval`, so that sampled data gives the same figures.
 * Source: developers.cloudflare.com/analytics/analytics-engine/sql-reference and /sampling
 */
import * as z from "zod";
import type { Cohort } from "../decision/decide.ts";
import { once } from "../lib/lazy.ts";
import type { Query, Window } from "./sql.ts";
import {
  ANSWERED,
  bucket,
  COMPARED,
  column,
  ERROR_OBSERVATIONS,
  ERRORS,
  HUNG_UP,
  MAX_ROWS,
  number,
  OBSERVATIONS,
  OF_NATIVE,
  quantile,
  quantiles,
  query,
  quoted,
  REQUEST,
  REQUESTS,
  seconds,
  table,
  time,
  within,
} from "./sql.ts";

export type { Query, Window } from "./sql.ts";
export { isPlainText } from "./sql.ts";

// --- The seed's series ---------------------------------------------------------------------------

export interface SeriesRow {
  cohort: Cohort;
  phase: string;
  requests: number;
  errors: number;
  p50: number;
  p90: number;
  p99: number;
  /** Stored rows behind `requests`. */
  observations: number;
}

/** `canary_requests_total` and `canary_duration_ms_histogram` by cohort and phase: of what was answered; ms. */
export function requestSeries(dataset: string, window: Window): Query<SeriesRow> {
  return query("request series", seriesRow, [
    `SELECT ${column.cohort} AS cohort, ${column.phase} AS phase, ${REQUESTS} AS requests,`,
    `${ERRORS} AS errors, ${OBSERVATIONS} AS observations, ${quantiles()}`,
    `FROM ${table(dataset)} WHERE ${ANSWERED} AND ${within(window)}`,
    `GROUP BY cohort, phase ORDER BY cohort, phase`,
  ]);
}

export interface CohortRow {
  cohort: Cohort;
  requests: number;
  errors: number;
  p90: number;
}

/** All phases together: quantiles of several rows cannot be added up. Looks at `/qa` are left out. */
export function requestsByCohort(dataset: string, window: Window): Query<CohortRow> {
  return query("requests by cohort", cohortRow, [
    `SELECT ${column.cohort} AS cohort, ${REQUESTS} AS requests, ${ERRORS} AS errors,`,
    `${quantile(0.9)} AS p90`,
    `FROM ${table(dataset)} WHERE ${ANSWERED} AND ${column.route} != '/qa' AND ${within(window)}`,
    `GROUP BY cohort ORDER BY cohort`,
  ]);
}

// --- What the policy judges ----------------------------------------------------------------------

export interface BucketRow {
  /** Start of the bucket in seconds since the epoch. */
  bucket: number;
  cohort: Cohort;
  requests: number;
  errors: number;
  p50: number;
  p90: number;
  p99: number;
  /** Stored rows behind `requests` and behind `errors`: as many, where nothing was sampled. */
  observations: number;
  errorObservations: number;
}

/** Answered requests per bucket and cohort on the routes that both cohorts have; durations in ms. */
export function healthBuckets(
  dataset: string,
  window: Window,
  bucketSeconds: number,
): Query<BucketRow> {
  return query("health by minute", bucketRow, [
    `SELECT ${bucket(bucketSeconds)} AS bucket, ${column.cohort} AS cohort,`,
    `${REQUESTS} AS requests, ${ERRORS} AS errors, ${quantiles()},`,
    `${OBSERVATIONS} AS observations, ${ERROR_OBSERVATIONS} AS errorObservations`,
    `FROM ${table(dataset)} WHERE ${ANSWERED} AND ${COMPARED} AND ${within(window)}`,
    `GROUP BY bucket, cohort ORDER BY bucket, cohort LIMIT ${MAX_ROWS}`,
  ]);
}

export interface FailureBucketRow {
  bucket: number;
  r2: number;
  database: number;
  drift: number;
  /** Stored rows behind `r2` and behind `database`. */
  r2Observations: number;
  databaseObservations: number;
  /** Requests given up by their visitors, on the routes that both cohorts have; stored rows of native's. */
  nativeLeft: number;
  proxyLeft: number;
  leftObservations: number;
}

/** Failures of native's own parts per bucket, whatever their cause, and beside them what visitors gave up. */
export function failureBuckets(
  dataset: string,
  window: Window,
  bucketSeconds: number,
): Query<FailureBucketRow> {
  const of = (kind: string): string => `sumIf(_sample_interval, ${column.kind} = '${kind}')`;
  const rows = (kind: string): string => `countIf(${column.kind} = '${kind}')`;
  const left = (cohort: Cohort): string => `${REQUEST} AND ${column.cohort} = '${cohort}'`;
  return query("failures by minute", failureBucketRow, [
    `SELECT ${bucket(bucketSeconds)} AS bucket, ${of("r2_failure")} AS r2,`,
    `${of("db_failure")} AS database, ${of("drift")} AS drift,`,
    `${rows("r2_failure")} AS r2Observations, ${rows("db_failure")} AS databaseObservations,`,
    `sumIf(_sample_interval, ${left("native")}) AS nativeLeft,`,
    `sumIf(_sample_interval, ${left("proxy")}) AS proxyLeft,`,
    `countIf(${left("native")}) AS leftObservations`,
    `FROM ${table(dataset)} WHERE (${column.kind} IN ('r2_failure', 'db_failure', 'drift')`,
    `OR (${HUNG_UP} AND ${COMPARED})) AND ${within(window)}`,
    `GROUP BY bucket ORDER BY bucket LIMIT ${MAX_ROWS}`,
  ]);
}

export interface OrphanRow {
  intents: number;
  finalized: number;
  /** Native's of that time: what share of them the orphans are. */
  requests: number;
}

/**
 * Of the intents made in the window, how many were finalized by now. A finalize point's duration is
 * the age of its intent, so each one is counted to the window in which its intent was made.
 */
export function orphanedIntents(dataset: string, window: Window, nowS: number): Query<OrphanRow> {
  const madeAt = `toUnixTimestamp(timestamp) - ${column.duration} / 1000`;
  const made = `${madeAt} >= ${seconds(window.fromS)} AND ${madeAt} < ${seconds(window.toS)}`;
  return query("orphaned intents", orphanRow, [
    `SELECT sumIf(_sample_interval, ${column.kind} = 'intent' AND timestamp < ${time(window.toS)}) AS intents,`,
    `sumIf(_sample_interval, ${column.kind} = 'finalize' AND ${made}) AS finalized,`,
    `sumIf(_sample_interval, ${REQUEST} AND timestamp < ${time(window.toS)}) AS requests`,
    `FROM ${table(dataset)} WHERE (${column.kind} IN ('intent', 'finalize') OR (${OF_NATIVE}))`,
    `AND ${within({ fromS: window.fromS, toS: nowS + 1 })}`,
  ]);
}

// --- Shares and locations ------------------------------------------------------------------------

export interface ShareRow {
  cohort: Cohort;
  /** Visitors drawn anew: what the configured share means. */
  sampled: number;
  /** Sum of the squared weights behind `sampled`, for its sampling error; equal to it when unsampled. */
  squares: number;
  /** All their requests, also those of visitors who kept an older draw. */
  requests: number;
}

/**
 * For the achieved against the configured share. `revision`: only what this configuration decided,
 * for locations go on deciding by the one before for a while. Looks at `/qa` are no visitors.
 */
export function shareOfCohorts(
  dataset: string,
  window: Window,
  revision?: string,
): Query<ShareRow> {
  const drawn = `${column.reason} = 'sampled'`;
  const decidedBy = revision === undefined ? "" : ` AND ${column.revision} = ${quoted(revision)}`;
  return query("achieved share", shareRow, [
    `SELECT ${column.cohort} AS cohort, sumIf(_sample_interval, ${drawn}) AS sampled,`,
    `sumIf(_sample_interval * _sample_interval, ${drawn}) AS squares, ${REQUESTS} AS requests`,
    `FROM ${table(dataset)} WHERE ${REQUEST} AND ${column.route} != '/qa'${decidedBy}`,
    `AND ${within(window)} GROUP BY cohort ORDER BY cohort`,
  ]);
}

export interface LocationRow {
  colo: string;
  /** Of the configuration that decided; empty when there was none. */
  revision: string;
  /** `emergency`: decided by a stop; `open`: by anything else. */
  mode: "emergency" | "open";
  requests: number;
  native: number;
  /** Seconds since the epoch. */
  firstS: number;
  lastS: number;
}

/** Which locations decided by which revision, from when to when. */
export function locationsByRevision(dataset: string, window: Window): Query<LocationRow> {
  return query("locations by revision", locationRow, [
    `SELECT ${column.colo} AS colo, ${column.revision} AS revision,`,
    `if(${column.reason} = 'emergency', 'emergency', 'open') AS mode, ${REQUESTS} AS requests,`,
    `sumIf(_sample_interval, ${column.cohort} = 'native') AS native,`,
    `toUnixTimestamp(MIN(timestamp)) AS firstS, toUnixTimestamp(MAX(timestamp)) AS lastS`,
    `FROM ${table(dataset)} WHERE ${REQUEST} AND ${within(window)}`,
    `GROUP BY colo, revision, mode ORDER BY colo, lastS LIMIT ${MAX_ROWS}`,
  ]);
}

/** How many requests of visitors came to which location. */
export function requestsByLocation(
  dataset: string,
  window: Window,
): Query<Pick<LocationRow, "colo" | "requests">> {
  return query("requests by location", coloRow, [
    `SELECT ${column.colo} AS colo, ${REQUESTS} AS requests FROM ${table(dataset)}`,
    `WHERE ${REQUEST} AND ${within(window)} GROUP BY colo ORDER BY colo LIMIT ${MAX_ROWS}`,
  ]);
}

// --- Rows ----------------------------------------------------------------------------------------

const coloRow = once(() => z.object({ colo: text(), requests: number }));
const cohort = once(() => z.enum(["native", "proxy"]));
const text = once(() => z.string().max(1_000));

const measures = { requests: number, errors: number, p50: number, p90: number, p99: number };
const seriesRow = once(() =>
  z.object({ cohort: cohort(), phase: text(), ...measures, observations: number }),
);
const cohortRow = once(() =>
  z.object({ cohort: cohort(), requests: number, errors: number, p90: number }),
);
const bucketRow = once(() =>
  z.object({
    bucket: number,
    cohort: cohort(),
    ...measures,
    observations: number,
    errorObservations: number,
  }),
);
const failureBucketRow = once(() =>
  z.object({
    bucket: number,
    r2: number,
    database: number,
    drift: number,
    r2Observations: number,
    databaseObservations: number,
    nativeLeft: number,
    proxyLeft: number,
    leftObservations: number,
  }),
);
const orphanRow = once(() => z.object({ intents: number, finalized: number, requests: number }));
const shareRow = once(() =>
  z.object({ cohort: cohort(), sampled: number, squares: number, requests: number }),
);
const locationRow = once(() =>
  z.object({
    colo: text(),
    revision: text(),
    mode: z.enum(["emergency", "open"]),
    requests: number,
    native: number,
    firstS: number,
    lastS: number,
  }),
);
