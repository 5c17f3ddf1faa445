/** Two more series of the seed's metrics, which tests compare with what visitors saw. */
import * as z from "zod";
import type { Cohort } from "../../src/domain/decision/decide.ts";
import type { Query, Window } from "../../src/domain/metrics/sql.ts";
import {
  column,
  MAX_ROWS,
  number,
  query,
  REQUEST,
  REQUESTS,
  table,
  within,
} from "../../src/domain/metrics/sql.ts";

const cohort = z.enum(["native", "proxy"]);
const text = z.string();

const statusRow = z.object({ cohort, phase: text, status: number, requests: number });
const kindRow = z.object({ cohort, kind: text, cause: text, points: number });

interface StatusRow {
  cohort: Cohort;
  phase: string;
  status: number;
  requests: number;
}

/** `canary_errors_total` by cohort, phase and status code: answers of 400 and more; 499 had no answer. */
export function errorSeries(dataset: string, window: Window): Query<StatusRow> {
  return query("error series", () => statusRow, [
    `SELECT ${column.cohort} AS cohort, ${column.phase} AS phase, ${column.status} AS status,`,
    `${REQUESTS} AS requests`,
    `FROM ${table(dataset)} WHERE ${REQUEST} AND ${column.status} >= 400 AND ${within(window)}`,
    `GROUP BY cohort, phase, status ORDER BY cohort, phase, status LIMIT ${MAX_ROWS}`,
  ]);
}

interface KindRow {
  cohort: Cohort;
  kind: string;
  /** `limit` or `upstream` of a failure of R2 or the database, else empty. */
  cause: string;
  points: number;
}

/** `r2_upload_failures_total`, `db_query_failures_total`, intents, finalizes, drift by cohort. */
export function failureSeries(dataset: string, window: Window): Query<KindRow> {
  return query("failure series", () => kindRow, [
    `SELECT ${column.cohort} AS cohort, ${column.kind} AS kind, ${column.cause} AS cause,`,
    `${REQUESTS} AS points`,
    `FROM ${table(dataset)} WHERE ${column.kind} != 'request' AND ${within(window)}`,
    `GROUP BY cohort, kind, cause ORDER BY cohort, kind, cause`,
  ]);
}
