/** Both cohorts side by side: the newest complete bucket in numbers, those before as bars. */
import type { BucketRow } from "../../domain/metrics/queries.ts";
import type { Policy } from "../../domain/policy/numbers.ts";
import { clockTime, countText, percentText, roughDuration } from "../../domain/text/format.ts";
import { sparkline } from "../../domain/text/sparkline.ts";
import type { Health } from "./model.ts";

const LABEL = 12;
const VALUE = 12;
const GAP = 2;
const MOST_BARS = 30;

interface Measure {
  label: string;
  value(row: BucketRow, policy: Policy): number;
  text(value: number): string;
}

const MEASURES: readonly Measure[] = [
  {
    label: "requests",
    value: ({ requests }, { bucketSeconds }) => (requests * 60) / bucketSeconds,
    text: (value) => `${countText(value)}/min`,
  },
  {
    label: "errors",
    value: ({ requests, errors }) => (requests > 0 ? (errors * 100) / requests : 0),
    text: percentText,
  },
  { label: "p50", value: ({ p50 }) => p50, text: (value) => `${countText(value)} ms` },
  { label: "p90", value: ({ p90 }) => p90, text: (value) => `${countText(value)} ms` },
  { label: "p99", value: ({ p99 }) => p99, text: (value) => `${countText(value)} ms` },
];

type Cohort = BucketRow["cohort"];

/** Empty when there is nothing to show yet. */
export function seriesLines(health: Health | null, policy: Policy, columns: number): string[] {
  const rows = health?.observations.health;
  if (rows?.kind !== "seen" || rows.value.length === 0) return [];
  const width = Math.max(0, Math.floor((columns - LABEL - GAP) / 2));
  const bars = Math.max(0, Math.min(MOST_BARS, width - VALUE - 1));
  const starts = startsOf(rows.value, policy.bucketSeconds).slice(-Math.max(1, bars));
  const span = `last ${roughDuration(starts.length * policy.bucketSeconds)}`;
  const over = bars < span.length ? "" : ` ${span}`;
  const cell = (text: string): string => `${text.padStart(VALUE)}${over}`.padEnd(width + GAP);
  const head = `  ${clockTime((starts.at(-1) ?? 0) * 1_000)} ${cell("native")}${cell("proxy")}`;
  const lines = MEASURES.map(({ label, value, text }) => {
    const of = (cohort: Cohort) =>
      starts.map((start) => {
        const row = rows.value.find((one) => one.bucket === start && one.cohort === cohort);
        return row === undefined ? null : value(row, policy);
      });
    const [native, proxy] = [of("native"), of("proxy")];
    // Requests differ by the share; rates and durations are there to be compared.
    const common = label === "requests" ? null : topOf([...native, ...proxy]);
    const shown = (values: (number | null)[]): string => {
      const newest = values.at(-1) ?? null;
      const number = newest === null ? "–" : text(newest);
      return `${number.padStart(VALUE)} ${bars < 1 ? "" : sparkline(values, common ?? topOf(values))}`;
    };
    return `  ${label.padEnd(LABEL - 2)}${shown(native).padEnd(width + GAP)}${shown(proxy)}`.trimEnd();
  });
  return [head.trimEnd(), ...lines];
}

function topOf(values: readonly (number | null)[]): number {
  return Math.max(0, ...values.map((value) => value ?? 0));
}

/** Every bucket from the first to the last that has any row; a gap is nothing, not something old. */
function startsOf(rows: readonly BucketRow[], bucketSeconds: number): number[] {
  const starts = rows.map(({ bucket }) => bucket);
  const first = Math.min(...starts);
  const total = Math.min(1_000, Math.round((Math.max(...starts) - first) / bucketSeconds) + 1);
  return Array.from({ length: total }, (_, index) => first + index * bucketSeconds);
}
