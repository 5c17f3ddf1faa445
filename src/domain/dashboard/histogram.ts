/** How long answers took, both cohorts over each other: in percent of each, as one has nine times the requests. */
import type { LatencyRow } from "../metrics/dashboard-queries.ts";
import { BIN_ENDS_MS } from "../metrics/dashboard-queries.ts";
import type { HistogramBin } from "./document.ts";

export interface Histogram {
  bins: HistogramBin[];
  /** Requests behind each. */
  native: number;
  proxy: number;
}

export function histogramOf(rows: readonly LatencyRow[]): Histogram {
  const binsOf = (cohort: "native" | "proxy"): readonly number[] =>
    rows.find((row) => row.cohort === cohort)?.bins ?? [];
  const sum = (bins: readonly number[]): number => bins.reduce((all, count) => all + count, 0);
  const [native, proxy] = [binsOf("native"), binsOf("proxy")];
  const totals = { native: sum(native), proxy: sum(proxy) };
  const percent = (count: number | undefined, total: number): number | null =>
    total > 0 ? (100 * (count ?? 0)) / total : null;
  const bins = [0, ...BIN_ENDS_MS].map((fromMs, nth) => ({
    fromMs,
    toMs: BIN_ENDS_MS[nth] ?? null,
    native: percent(native[nth], totals.native),
    proxy: percent(proxy[nth], totals.proxy),
  }));
  return { bins, ...totals };
}
