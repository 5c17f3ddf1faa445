/** The curves of an incident's charts: error rate by cohort, and the share, as configured and as measured. */

import { timeOf } from "../lib/time.ts";
import type { BucketRow } from "../metrics/queries.ts";
import type { Window } from "../metrics/sql.ts";
import type { Bucket } from "../policy/observations.ts";
import { bucketsOf } from "../policy/observations.ts";
import { hadNoEffect, type JournalEntry, type Snapshot } from "../state/journal.ts";
import type { Chart, Point, Series } from "./chart.ts";

export interface CurvesGiven {
  incident: string;
  /** Of the rows. */
  window: Window;
  /** The chart's end: the newest minutes are not measured yet, and what was done in them is known. */
  toMs: number;
  bucketSeconds: number;
  /** Null: they could not be asked. */
  rows: readonly BucketRow[] | null;
  /** All that are known, in order of time. */
  entries: readonly JournalEntry[];
}

/** Null where nothing was measured. */
export function errorRateChart(given: CurvesGiven): Chart | null {
  const { rows } = given;
  if (rows === null || rows.every(({ requests }) => !(requests > 0))) return null;
  const rateOf = (cohort: "native" | "proxy") => (bucket: Bucket) => {
    const { requests, errors } = bucket[cohort];
    return requests > 0 ? (100 * errors) / requests : null;
  };
  return chartOf(given, "Error rate by cohort", [
    { name: "native", points: measured(given, rows, rateOf("native")) },
    { name: "proxy", points: measured(given, rows, rateOf("proxy")) },
  ]);
}

/** Null where neither the journal nor the metrics know any share. */
export function shareChart(given: CurvesGiven): Chart | null {
  const { rows } = given;
  const configured = configuredShare(given);
  const shareOf = ({ native, proxy }: Bucket): number | null => {
    const all = native.requests + proxy.requests;
    return all > 0 ? (100 * native.requests) / all : null;
  };
  const points = rows === null ? [] : measured(given, rows, shareOf);
  const known = [...configured, ...points].some(({ value }) => value !== null);
  if (!known) return null;
  return chartOf(given, "Share of native", [
    { name: "requests, measured", points },
    { name: "new visitors, configured", points: configured, steps: true },
  ]);
}

function chartOf(given: CurvesGiven, title: string, series: Series[]): Chart {
  const { incident, window, toMs, entries } = given;
  const marks = entries
    .filter((entry) => !hadNoEffect(entry))
    .map(({ at, command }) => ({ atMs: timeOf(at), label: command }));
  const fromMs = window.fromS * 1_000;
  return { incident, title, unit: "%", fromMs, toMs, series, marks };
}

/** In the middle of each bucket, which is what it is of. */
function measured(
  { window, bucketSeconds }: CurvesGiven,
  rows: readonly BucketRow[],
  measure: (bucket: Bucket) => number | null,
): Point[] {
  return bucketsOf(window, bucketSeconds, rows, []).map((bucket, nth) => ({
    atMs: (window.fromS + (nth + 0.5) * bucketSeconds) * 1_000,
    value: measure(bucket),
  }));
}

/** As the journal tells; a stop is 0 %. */
function configuredShare({ window, toMs, entries }: CurvesGiven): Point[] {
  const fromMs = window.fromS * 1_000;
  const changes = entries.filter((entry) => !hadNoEffect(entry));
  const inside = changes.filter(({ at }) => timeOf(at) > fromMs && timeOf(at) <= toMs);
  const before = changes.findLast(({ at }) => timeOf(at) <= fromMs)?.after;
  const start = before ?? inside[0]?.before ?? null;
  const points: Point[] = [{ atMs: fromMs, value: percentOf(start) }];
  for (const { at, after } of inside) points.push({ atMs: timeOf(at), value: percentOf(after) });
  return [...points, { atMs: toMs, value: points.at(-1)?.value ?? null }];
}

function percentOf(side: Snapshot | null): number | null {
  return side?.emergency === true ? 0 : (side?.percent ?? null);
}
