/** Metric points for tests, with sensible values for what a test does not care about. */
import { type MetricPoint, toDataPoint } from "../../src/domain/metrics/point.ts";
import type { StoredPoint } from "../../src/sandbox/analytics/engine.ts";
import { DATASET } from "../../src/sandbox/types.ts";

function metricPoint(fields: Partial<MetricPoint> = {}): MetricPoint {
  return {
    kind: "request",
    tag: "B2a",
    cohort: "native",
    phase: "b1a",
    reason: "cookie",
    status: 200,
    route: "/api/pixcapture/upload/intent",
    colo: "FRA",
    revision: "01REV",
    workerVersion: "v1",
    durationMs: 100,
    ...fields,
  };
}

/** One row of Analytics Engine. */
export function storedPoint(
  atMs: number,
  fields: Partial<MetricPoint> = {},
  row: Partial<StoredPoint> = {},
): StoredPoint {
  const { indexes, blobs, doubles } = toDataPoint(metricPoint(fields));
  const [index] = indexes;
  return { dataset: DATASET, atMs, sampleInterval: 1, index, blobs, doubles, ...row };
}
