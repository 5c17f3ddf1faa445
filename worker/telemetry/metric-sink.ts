/** Where metric points go. */
import type { MetricPoint } from "../../src/domain/metrics/point.ts";
import { toDataPoint } from "../../src/domain/metrics/point.ts";

export interface MetricSink {
  write(point: MetricPoint): void;
}

/** Analytics Engine; a failing or missing dataset never reaches the request. */
export function analyticsEngineSink(dataset: AnalyticsEngineDataset | undefined): MetricSink {
  return {
    write(point) {
      try {
        dataset?.writeDataPoint(toDataPoint(point));
      } catch {
        // Metrics are for looking on; the visitor comes first.
      }
    },
  };
}
