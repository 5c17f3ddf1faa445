/** Charts of an incident as SVG documents: no script, no link, no font of their own, and all text is text. */
import { scaleLinear, scaleUtc } from "d3-scale";
import { curveStepAfter, line } from "d3-shape";
import { escapeForTerminal } from "../text/escape.ts";
import { clockTime, isoSeconds } from "../text/format.ts";
import { chartMarker } from "./chart-marker.ts";

export interface Point {
  /** Milliseconds since the epoch. */
  atMs: number;
  /** Null: not measured; the line has a gap there. */
  value: number | null;
}

export interface Series {
  name: string;
  points: readonly Point[];
  /** Each value holds until the next. */
  steps?: boolean;
}

export interface Chart {
  /** Whose it is: another incident's chart is never overwritten. */
  incident: string;
  title: string;
  unit: string;
  fromMs: number;
  toMs: number;
  series: readonly Series[];
  /** Vertical lines: what was done when. */
  marks: readonly { atMs: number; label: string }[];
}

const WIDTH = 760;
const HEIGHT = 320;
const PLOT = { left: 56, right: 744, top: 64, bottom: 276 } as const;
/** Told apart without colour, too: each has its own dashes. */
const LOOKS = [
  { color: "#b3261e", dash: "" },
  { color: "#1a5fb4", dash: "6 3" },
  { color: "#3d3d3d", dash: "2 3" },
] as const;
const TICKS = 6;
const MAX_MARKS = 12;
const MAX_DOTS = 180;

export function chartSvg(chart: Chart): string {
  const x = scaleUtc([chart.fromMs, chart.toMs], [PLOT.left, PLOT.right]);
  const values = chart.series.flatMap(({ points }) => points.map(({ value }) => value ?? 0));
  const y = scaleLinear([0, Math.max(1, ...values)], [PLOT.bottom, PLOT.top]).nice(TICKS);
  const parts = [
    `<text x="${PLOT.left}" y="20" font-size="15" font-weight="bold">${xml(chart.title)}</text>`,
    ...legend(chart.series),
    ...y
      .ticks(TICKS)
      .flatMap((tick) => yTick(y(tick), `${y.tickFormat(TICKS)(tick)} ${chart.unit}`)),
    ...x.ticks(TICKS).flatMap((tick) => xTick(x(tick), clockTime(tick.getTime()).slice(0, 8))),
    ...chart.marks
      .filter(({ atMs }) => atMs >= chart.fromMs && atMs <= chart.toMs)
      .slice(0, MAX_MARKS)
      .flatMap(({ atMs, label }, nth) => mark(x(atMs), label, nth)),
    ...chart.series.flatMap((series, nth) => [
      path(series, nth, { x, y }),
      ...dots(series, nth, { x, y }),
    ]),
  ];
  const described = `${chart.title}, ${isoSeconds(chart.fromMs)} to ${isoSeconds(chart.toMs)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="sans-serif" font-size="11" fill="#202020">`,
    `<!-- ${chartMarker(chart.incident)} -->`,
    `<title>${xml(described)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

type Scale = (value: number) => number;

function path({ points, steps, name }: Series, nth: number, { x, y }: { x: Scale; y: Scale }) {
  const drawn = line<Point>(
    ({ atMs }) => x(atMs),
    ({ value }) => y(value ?? 0),
  )
    .defined(({ value }) => value !== null)
    .digits(1);
  if (steps === true) drawn.curve(curveStepAfter);
  const { color, dash } = lookOf(nth);
  return `<path d="${drawn(points) ?? ""}" fill="none" stroke="${color}" stroke-width="2" stroke-linecap="round"${dash}><title>${xml(name)}</title></path>`;
}

/** A minute between two without data has no line. */
function dots({ points, steps }: Series, nth: number, { x, y }: { x: Scale; y: Scale }): string[] {
  if (steps === true || points.length > MAX_DOTS) return [];
  const { color } = lookOf(nth);
  return points.flatMap(({ atMs, value }) =>
    value === null
      ? []
      : [`<circle cx="${round(x(atMs))}" cy="${round(y(value))}" r="2.5" fill="${color}"/>`],
  );
}

function lookOf(nth: number): { color: string; dash: string } {
  const { color, dash } = LOOKS[nth % LOOKS.length] ?? LOOKS[0];
  return { color, dash: dash === "" ? "" : ` stroke-dasharray="${dash}"` };
}

const LEGEND_WIDTH = 170;

function legend(series: readonly Series[]): string[] {
  return series.flatMap(({ name }, nth) => {
    const at = PLOT.left + nth * LEGEND_WIDTH;
    const { color, dash } = lookOf(nth);
    return [
      `<line x1="${at}" y1="36" x2="${at + 24}" y2="36" stroke="${color}" stroke-width="2"${dash}/>`,
      `<text x="${at + 30}" y="40">${xml(name)}</text>`,
    ];
  });
}

function yTick(at: number, label: string): string[] {
  return [
    `<line x1="${PLOT.left}" y1="${round(at)}" x2="${PLOT.right}" y2="${round(at)}" stroke="#d8d8d8"/>`,
    `<text x="${PLOT.left - 6}" y="${round(at + 4)}" text-anchor="end">${xml(label)}</text>`,
  ];
}

function xTick(at: number, label: string): string[] {
  return [
    `<line x1="${round(at)}" y1="${PLOT.bottom}" x2="${round(at)}" y2="${PLOT.bottom + 5}" stroke="#202020"/>`,
    `<text x="${round(at)}" y="${PLOT.bottom + 18}" text-anchor="middle">${xml(label)}</text>`,
  ];
}

/** Labels of neighbours stand at different heights. */
function mark(at: number, label: string, nth: number): string[] {
  const y = PLOT.top + 10 + (nth % 3) * 12;
  const end = at > PLOT.right - 120;
  return [
    `<line x1="${round(at)}" y1="${PLOT.top}" x2="${round(at)}" y2="${PLOT.bottom}" stroke="#606060" stroke-dasharray="3 3"/>`,
    `<text x="${round(at + (end ? -4 : 4))}" y="${y}" text-anchor="${end ? "end" : "start"}">${xml(label)}</text>`,
  ];
}

function round(value: number): string {
  return String(Number(value.toFixed(1)));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function xml(text: string): string {
  return escapeForTerminal(text)
    .replace(/[\ufffe\uffff]/g, "?")
    .replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}
