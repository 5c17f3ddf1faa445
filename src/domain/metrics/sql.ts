/**
 * The pieces that questions to the metrics are made of, and how numbers are read. Analytics Engine has
 * no parameters: what goes into the text is checked here, and nowhere else.
 */
import * as z from "zod";
import { BLOBS, DOUBLES, NATIVE_PHASES } from "./point.ts";

/** One question: SQL text, and how its rows are read. */
export interface Query<Row> {
  name: string;
  sql: string;
  /** Throws a ZodError for rows of another shape. */
  read(rows: readonly unknown[]): Row[];
}

/** [from, to) in seconds since the epoch: the resolution of Analytics Engine's timestamps. */
export interface Window {
  fromS: number;
  toS: number;
}

/** Columns by their meaning, from the order of the point's fields. */
export const column = {
  kind: blob("kind"),
  cohort: blob("cohort"),
  phase: blob("phase"),
  reason: blob("reason"),
  route: blob("route"),
  colo: blob("colo"),
  revision: blob("revision"),
  cause: blob("cause"),
  status: double("status"),
  duration: double("duration_ms"),
} as const;

export const REQUEST = `${column.kind} = 'request'`;
/** Who hung up before his answer was ready measures nothing: neither an error nor how long it takes. */
export const ANSWERED = `${REQUEST} AND ${column.status} != 499`;
/** The routes that both cohorts have: only they can be compared. The rest is proxied for everybody. */
export const COMPARED = `${column.phase} IN (${NATIVE_PHASES.map((phase) => `'${phase}'`).join(", ")})`;
export const HUNG_UP = `${REQUEST} AND ${column.status} = 499`;
/** What the policy counts as native's requests. */
export const OF_NATIVE = `${ANSWERED} AND ${COMPARED} AND ${column.cohort} = 'native'`;
export const REQUESTS = "SUM(_sample_interval)";
export const ERRORS = `sumIf(_sample_interval, ${column.status} >= 500)`;
/** Stored rows: what was really seen. One row of weight 10 is one observation, not ten. */
export const OBSERVATIONS = "count()";
export const ERROR_OBSERVATIONS = `countIf(${column.status} >= 500)`;
export const MAX_ROWS = 10_000;

function blob(name: (typeof BLOBS)[number]): string {
  return `blob${BLOBS.indexOf(name) + 1}`;
}

function double(name: (typeof DOUBLES)[number]): string {
  return `double${DOUBLES.indexOf(name) + 1}`;
}

export function quantiles(): string {
  return `${quantile(0.5)} AS p50, ${quantile(0.9)} AS p90, ${quantile(0.99)} AS p99`;
}

export function quantile(q: number): string {
  return `quantileExactWeighted(${q})(${column.duration}, _sample_interval)`;
}

export function table(dataset: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(dataset)) {
    throw new RangeError("not the name of an Analytics Engine dataset");
  }
  return dataset;
}

const PLAIN_TEXT = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether a text may go into a question; revisions that people write by hand may not. */
export function isPlainText(text: string): boolean {
  return PLAIN_TEXT.test(text);
}

export function quoted(text: string): string {
  if (!isPlainText(text)) throw new RangeError("not a text that may go into a query");
  return `'${text}'`;
}

export function seconds(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError("not a time in whole seconds");
  return String(value);
}

export function time(value: number): string {
  return `toDateTime(${seconds(value)})`;
}

export function within({ fromS, toS }: Window): string {
  return `timestamp >= ${time(fromS)} AND timestamp < ${time(toS)}`;
}

export function bucket(bucketSeconds: number): string {
  if (!Number.isSafeInteger(bucketSeconds) || bucketSeconds < 1 || bucketSeconds > 3600) {
    throw new RangeError("a bucket has 1 to 3600 whole seconds");
  }
  const start = `toStartOfInterval(timestamp, INTERVAL '${bucketSeconds}' SECOND)`;
  return `toUnixTimestamp(${start})`;
}

export function query<Row>(
  name: string,
  schema: () => z.ZodType<Row>,
  lines: string[],
): Query<Row> {
  return {
    name,
    sql: `${lines.join("\n")}\nFORMAT JSON`,
    read: (rows) => z.array(schema()).max(MAX_ROWS).parse(rows),
  };
}

/** 64-bit integers arrive as strings; a quantile of nothing as null or NaN. */
export const number = z.preprocess(toNumber, z.number());

function toNumber(value: unknown): unknown {
  if (value === null) return 0;
  return typeof value === "string" && value !== "" ? Number(value) : value;
}
