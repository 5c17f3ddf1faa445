/** How long answers took: two bars for each bin, native beside proxy, each in percent of its own requests. */
import type { HistogramBin } from "../domain/dashboard/document.ts";
import { percentText } from "../domain/text/format.ts";
import { el, table } from "./dom.ts";

export function histogramDrawing(bins: readonly HistogramBin[]): HTMLElement {
  const top = Math.max(1, ...bins.flatMap(({ native, proxy }) => [native ?? 0, proxy ?? 0]));
  const bar = (cohort: "native" | "proxy", value: number | null): HTMLElement => {
    const element = el("span", { class: `bar ${cohort}` });
    element.style.height = `${(100 * (value ?? 0)) / top}%`;
    return element;
  };
  const columns = bins.map((bin) =>
    el(
      "li",
      {},
      el("span", { class: "bars" }, bar("native", bin.native), bar("proxy", bin.proxy)),
      el("span", { class: "bin" }, startText(bin)),
    ),
  );
  return el("ol", { class: "histogram", "aria-hidden": "true" }, ...columns);
}

export function histogramTable(bins: readonly HistogramBin[]): HTMLTableElement {
  const text = (value: number | null): string => (value === null ? "–" : percentText(value));
  const rows = bins.map((bin) => [rangeText(bin), text(bin.native), text(bin.proxy)]);
  return table(
    "Latency histogram, in percent of the cohort's requests",
    ["took", "native", "proxy"],
    rows,
  );
}

function startText({ fromMs }: HistogramBin): string {
  return fromMs >= 1_000 ? `${fromMs / 1_000} s` : String(fromMs);
}

function rangeText({ fromMs, toMs }: HistogramBin): string {
  return toMs === null ? `${fromMs} ms and more` : `${fromMs} to ${toMs} ms`;
}
