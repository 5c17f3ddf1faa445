/** What only a long window is asked for, see metrics.ts: by bucket, so that each minute can be judged. */
import * as z from "zod";
import type { Cohort } from "../decision/decide.ts";
import { once } from "../lib/lazy.ts";
import type { Query, Window } from "./sql.ts";
import {
  column,
  MAX_ROWS,
  number,
  OF_NATIVE,
  query,
  REQUEST,
  REQUESTS,
  seconds,
  table,
  within,
} from "./sql.ts";

export interface OrphanBucketRow {
  /** Start of the bucket in which the intents were made, seconds since the epoch. */
  bucket: number;
  intents: number;
  finalized: number;
  /** Native's that began in it. */
  requests: number;
}

/**
 * `orphanedIntents` for each bucket: of the intents made in it, how many were finalized by now. A
 * finalize point's duration is the age of its intent, a request's how long ago it began; an intent's own is 0.
 */
export function orphanBuckets(
  dataset: string,
  window: Window,
  { bucketSeconds, nowS }: { bucketSeconds: number; nowS: number },
): Query<OrphanBucketRow> {
  const madeAt = `(toUnixTimestamp(timestamp) - ${column.duration} / 1000)`;
  const width = seconds(bucketSeconds);
  const of = (kind: string): string => `sumIf(_sample_interval, ${column.kind} = '${kind}')`;
  return query("orphaned intents by minute", orphanBucketRow, [
    `SELECT floor(${madeAt} / ${width}) * ${width} AS bucket,`,
    `${of("intent")} AS intents, ${of("finalize")} AS finalized, ${of("request")} AS requests`,
    `FROM ${table(dataset)} WHERE (${column.kind} IN ('intent', 'finalize') OR (${OF_NATIVE}))`,
    `AND ${madeAt} >= ${seconds(window.fromS)} AND ${madeAt} < ${seconds(window.toS)}`,
    `AND ${within({ fromS: window.fromS, toS: nowS + 1 })}`,
    `GROUP BY bucket ORDER BY bucket LIMIT ${MAX_ROWS}`,
  ]);
}

export interface EmergencyRow {
  /** 0: none, and then the times say nothing. */
  requests: number;
  firstS: number;
  lastS: number;
}

/** Requests that a stop decided, from when to when; looks at `/qa` are as good a witness as any. */
export function decidedByEmergency(dataset: string, window: Window): Query<EmergencyRow> {
  return query("decided by emergency", emergencyRow, [
    `SELECT ${REQUESTS} AS requests,`,
    `toUnixTimestamp(MIN(timestamp)) AS firstS, toUnixTimestamp(MAX(timestamp)) AS lastS`,
    `FROM ${table(dataset)}`,
    `WHERE ${REQUEST} AND ${column.reason} = 'emergency' AND ${within(window)}`,
  ]);
}

export interface VisitorRow {
  cohort: Cohort;
  /** Visitors drawn in the window. */
  drawn: number;
  /** Of those: whose first request failed. */
  failed: number;
}

/** Who came back with a cookie is not among them: nothing tells one visitor's requests from another's. */
export function visitorsByCohort(dataset: string, window: Window): Query<VisitorRow> {
  const drawn = `${column.reason} = 'sampled'`;
  return query("visitors by cohort", visitorRow, [
    `SELECT ${column.cohort} AS cohort, sumIf(_sample_interval, ${drawn}) AS drawn,`,
    `sumIf(_sample_interval, ${drawn} AND ${column.status} >= 500) AS failed`,
    `FROM ${table(dataset)} WHERE ${REQUEST} AND ${column.route} != '/qa' AND ${within(window)}`,
    `GROUP BY cohort ORDER BY cohort`,
  ]);
}

const visitorRow = once(() =>
  z.object({ cohort: z.enum(["native", "proxy"]), drawn: number, failed: number }),
);
const orphanBucketRow = once(() =>
  z.object({ bucket: number, intents: number, finalized: number, requests: number }),
);
const emergencyRow = once(() => z.object({ requests: number, firstS: number, lastS: number }));
