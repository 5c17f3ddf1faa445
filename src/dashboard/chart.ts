/** A plot as a chart, and behind it the table with the same numbers. */
import uPlot from "uplot";
import type { ChangeMark, Curve, Plot } from "../domain/dashboard/document.ts";
import { timeOf } from "../domain/lib/time.ts";
import { table } from "./dom.ts";
import { clock, dayAndSecond, tickText, valueText } from "./text.ts";

const HEIGHT = 190;
/** From here on a time of the day says too little. */
const HALF_A_DAY_S = 43_200;
/** Told apart without colour, too: by dashes, and by width. */
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
/** The same in the legend, as near as borders come. */
const BORDERS = ["solid", "dashed", "dotted", "double"] as const;

interface Looks {
  native: string;
  proxy: string;
  limit: string;
  text: string;
  grid: string;
}

function looksOf(): Looks {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    native: of("native"),
    proxy: of("proxy"),
    limit: of("limit"),
    text: of("text"),
    grid: of("grid"),
  };
}

export interface ChartHandle {
  update(plot: Plot, marks: readonly ChangeMark[]): void;
}

/** `host` keeps its chart over refreshes: new data move, nothing is built anew. */
export function createChart(host: HTMLElement): ChartHandle {
  let chart: uPlot | null = null;
  let shape = "";
  let newest: Plot | null = null;
  let marks: readonly ChangeMark[] = [];
  const resize = new ResizeObserver(() => {
    chart?.setSize({ width: Math.max(host.clientWidth, 200), height: HEIGHT });
  });
  resize.observe(host);
  const draw = (plot: Plot): void => {
    const next = plot.curves.map(({ name, kind }) => `${name}/${kind}`).join();
    const data = dataOf(plot);
    if (chart !== null && shape === next) {
      chart.setData(data);
      return;
    }
    chart?.destroy();
    shape = next;
    const width = Math.max(host.clientWidth, 200);
    chart = new uPlot({ ...optionsOf(plot, () => marks), width, height: HEIGHT }, data, host);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    shape = "";
    if (newest !== null) draw(newest);
  });
  return {
    update(plot, changes) {
      newest = plot;
      marks = changes;
      draw(plot);
    },
  };
}

function dataOf({ t, curves }: Plot): uPlot.AlignedData {
  return [t, ...curves.map(({ values }) => values)];
}

function optionsOf(
  { unit, curves }: Plot,
  marksNow: () => readonly ChangeMark[],
): Omit<uPlot.Options, "width" | "height"> {
  const looks = looksOf();
  const axis = {
    stroke: looks.text,
    grid: { stroke: looks.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
    legend: {
      live: false,
      markers: { dash: (_, nth) => BORDERS[dashOf(curves, nth - 1)] ?? "solid" },
    },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.05, unit === "%" ? 1 : 10)] } },
    axes: [
      { ...axis, size: 30, values: (_, ticks) => ticks.map(tickText) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map((value) => valueText(value, unit)) },
    ],
    series: [{ label: "time" }, ...curves.map((curve, nth) => seriesOf(curve, nth, curves, looks))],
    hooks: { draw: [(chart) => drawMarks(chart, marksNow(), looks)] },
  };
}

function seriesOf(
  { name, cohort, kind }: Curve,
  nth: number,
  all: readonly Curve[],
  looks: Looks,
): uPlot.Series {
  const isLimit = kind === "limit";
  return {
    label: name,
    stroke: isLimit ? looks.limit : cohort === "proxy" ? looks.proxy : looks.native,
    width: isLimit ? 1 : 2,
    dash: [...(DASHES[dashOf(all, nth)] ?? [])],
    points: { show: kind === "measured" ? undefined : false } as uPlot.Series.Points,
    ...(kind === "set" ? { paths: uPlot.paths.stepped?.({ align: 1 }) } : {}),
  } as uPlot.Series;
}

/** Curves of one cohort differ by their dashes; limits are never solid. */
function dashOf(curves: readonly Curve[], nth: number): number {
  const own = curves[nth];
  const before = curves.slice(0, Math.max(0, nth));
  const like = before.filter((one) => one.cohort === own?.cohort && one.kind === own?.kind).length;
  return own?.kind === "limit" ? 1 + (like % (DASHES.length - 1)) : like % DASHES.length;
}

/** A line for each change: what it was says the list below the timeline. */
function drawMarks(chart: uPlot, marks: readonly ChangeMark[], looks: Looks): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = looks.text;
  ctx.globalAlpha = 0.45;
  ctx.setLineDash([3, 3]);
  for (const { at } of marks) {
    const x = chart.valToPos(timeOf(at) / 1_000, "x", true);
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** Newest first, as people ask. */
export function plotTable(caption: string, { unit, t, curves }: Plot): HTMLTableElement {
  const heads = [
    "time (UTC)",
    ...curves.map(({ name }) => `${name}${unit === "per min" ? " per min" : ""}`),
  ];
  const isLong = (t.at(-1) ?? 0) - (t[0] ?? 0) > HALF_A_DAY_S;
  const rows = t.map((seconds, nth) => [
    isLong ? dayAndSecond(seconds) : clock(seconds),
    ...curves.map(({ values }) => valueText(values[nth], unit)),
  ]);
  return table(caption, heads, rows.toReversed());
}
