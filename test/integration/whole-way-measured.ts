/** What the data points of the sandbox come to, for whole-way-document.ts: who was affected, and what the policy saw. */
import { BLOBS, DOUBLES } from "../../src/domain/metrics/point.ts";
import { countText, percentText } from "../../src/domain/text/format.ts";

export interface SeenPoint {
  atMs: number;
  blobs: readonly (string | null)[];
  doubles: readonly number[];
  sampleInterval?: number;
}

export interface Times {
  begunMs: number;
  endMs: number;
}

export const MINUTE_MS = 60_000;

/** What is in its columns, by name. */
export function columnOf(
  { blobs, doubles }: Pick<SeenPoint, "blobs" | "doubles">,
  name: (typeof BLOBS)[number] | (typeof DOUBLES)[number],
): string | number {
  const blob = BLOBS.indexOf(name as never);
  return blob >= 0 ? (blobs[blob] ?? "") : (doubles[DOUBLES.indexOf(name as never)] ?? 0);
}

const weight = ({ sampleInterval = 1 }: SeenPoint): number => sampleInterval;
const sum = (points: readonly SeenPoint[]): number =>
  points.reduce((all, one) => all + weight(one), 0);
const isFailed = (point: SeenPoint): boolean => Number(columnOf(point, "status")) >= 500;

/** Requests of visitors that were answered. */
export function isRequest(point: SeenPoint): boolean {
  const visitor = columnOf(point, "kind") === "request" && columnOf(point, "route") !== "/qa";
  return visitor && columnOf(point, "status") !== 499;
}

export function impactOf(points: readonly SeenPoint[], { begunMs, endMs }: Times) {
  const [fromS, toS] = [Math.floor(begunMs / 1_000), Math.ceil(endMs / 1_000)];
  const inTime = points.filter(
    ({ atMs }) => Math.floor(atMs / 1_000) >= fromS && atMs / 1_000 < toS,
  );
  const requests = inTime.filter(isRequest);
  const of = (own: readonly SeenPoint[]) => {
    const [all, failed] = [sum(own), sum(own.filter(isFailed))];
    const share = percentText((100 * failed) / all);
    const fresh = own.filter((point) => columnOf(point, "reason") === "sampled");
    const failedText = `${countText(failed)} of ${countText(all)} requests failed (${share})`;
    const counts = [countText(all), countText(failed), share, `${countText(p90(own))} ms`];
    const freshFailed = sum(fresh.filter(isFailed));
    return {
      failedText,
      freshFailed,
      cells: [...counts, countText(sum(fresh)), countText(freshFailed)],
    };
  };
  const cohort = (name: string) =>
    of(requests.filter((point) => columnOf(point, "cohort") === name));
  const [all, native, proxy] = [of(requests), cohort("native"), cohort("proxy")];
  const lines = [
    `- **Requests Failed:** ${all.failedText}`,
    `- **Visitors:** at least ${countText(all.freshFailed)} new visitors, whose first request failed`,
    "",
    "| Cohort | Requests | Failed | Failed, % | p90 | New visitors | Of these failed |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    `| native | ${native.cells.join(" | ")} |`,
    `| proxy | ${proxy.cells.join(" | ")} |`,
    "",
    "Failed means answered with 5xx, or failed on native before proxy answered instead; requests to `/qa` are left out. " +
      "New visitors are those whose cohort was drawn in that time, of whom the first request is counted: who came back " +
      "with a cookie is not among them. Under heavy traffic counts are estimates.",
  ];
  return { all, native, proxy, lines };
}

/** Of the durations, each as often as it stands for. */
function p90(points: readonly SeenPoint[]): number {
  const sorted = points.toSorted((a, b) => durationOf(a) - durationOf(b));
  const wanted = Math.ceil(sum(sorted) * 0.9);
  let passed = 0;
  const at = sorted.find((point) => {
    passed += weight(point);
    return passed >= wanted;
  });
  return at === undefined ? 0 : durationOf(at);
}

const durationOf = (point: SeenPoint): number => Number(columnOf(point, "duration_ms"));

// --- Findings --------------------------------------------------------------------------------------

/** When native's error rate was over the policy's two limits, in each of 3 and of 5 minutes. */
export function findingLines(points: readonly SeenPoint[], { endMs }: Times) {
  const minutes = minutesOf(points, Math.floor(endMs / MINUTE_MS));
  const critical = failing(minutes, { rate: 3, minutes: 3, errors: 3 });
  const warning = failing(minutes, { rate: 1.5, minutes: 5, errors: 2 });
  const caused = warning?.ends.every((end) => critical?.ends.includes(end));
  return [
    ...findingText("error rate, critical: over 3 %", "", critical, minutes),
    ...findingText(
      "error rate, warning: over 1.5 %",
      caused ? " (caused by: error rate, critical)" : "",
      warning,
      minutes,
    ),
  ];
}

interface Minute {
  number: number;
  requests: number;
  errors: number;
}

/** Native's, of the routes that both cohorts have; those that were over by then. */
function minutesOf(points: readonly SeenPoint[], end: number): Minute[] {
  const own = points.filter(
    (point) =>
      isRequest(point) &&
      columnOf(point, "cohort") === "native" &&
      columnOf(point, "phase") !== "proxy",
  );
  const numberOf = ({ atMs }: SeenPoint): number => Math.floor(atMs / MINUTE_MS);
  const first = Math.min(...own.map(numberOf));
  return Array.from({ length: end - first }, (_, nth) => {
    const inside = own.filter((point) => numberOf(point) === first + nth);
    return { number: first + nth, requests: sum(inside), errors: inside.filter(isFailed).length };
  });
}

interface Failing {
  /** The minutes after which the rule failed. */
  ends: number[];
  fromMs: number;
  toMs: number;
  worst: number;
}

const rateOf = ({ requests, errors }: Minute): number => (100 * errors) / requests;

function failing(
  minutes: readonly Minute[],
  limit: { rate: number; minutes: number; errors: number },
): Failing | null {
  const over = (minute: Minute): boolean =>
    minute.errors >= limit.errors && rateOf(minute) > limit.rate;
  const lasts = minutes.filter((_, nth) => {
    const looked = minutes.slice(Math.max(0, nth + 1 - limit.minutes), nth + 1);
    return looked.length === limit.minutes && looked.every(over);
  });
  const [first, last] = [lasts[0], lasts.at(-1)];
  if (first === undefined || last === undefined) return null;
  const from = first.number + 1 - limit.minutes;
  const looked = minutes.filter(({ number }) => number >= from && number <= last.number);
  return {
    ends: lasts.map(({ number }) => number),
    fromMs: from * MINUTE_MS,
    toMs: (last.number + 1) * MINUTE_MS,
    worst: Math.max(...looked.map(rateOf)),
  };
}

function findingText(
  label: string,
  cause: string,
  found: Failing | null,
  minutes: readonly Minute[],
) {
  if (found === null) return [];
  const judgedUntil = ((minutes.at(-1)?.number ?? 0) + 1) * MINUTE_MS;
  const worst = countText(found.worst, found.worst >= 100 ? 0 : 1);
  const begins = { atMs: found.fromMs, text: `${label}, up to ${worst} %${cause}` };
  const ends = { atMs: found.toMs, text: label.replace(": over", ": no longer over") };
  return found.toMs < judgedUntil ? [begins, ends] : [begins];
}
