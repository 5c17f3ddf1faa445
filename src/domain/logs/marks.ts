/** What appeared or grew after a change of state: marks, not verdicts. */
import { tidy } from "./counter.ts";
import type { Group } from "./groups.ts";
import type { RequestTally } from "./tally.ts";
import type { StateChange } from "./timeline.ts";

export interface Mark {
  kind: "new" | "grew";
  since: { command: string; at: string; revision: string | null };
  /** Lines of the group after the change. */
  count: number;
  /** `grew`: errors per request after, divided by that before. */
  factor: number | null;
}

/** A growth of less is noise. */
const LEAST_FACTOR = 2;
/** Fewer lines after the change carry no rate. */
const LEAST_COUNT = 5;

export function marksOf(
  group: Group,
  tally: RequestTally,
  changes: readonly StateChange[],
): Mark[] {
  const appeared = appearance(group, tally, changes);
  const grown = growth(group, tally, changes);
  return [appeared, grown].filter((mark) => mark !== null);
}

/** New: none before the latest change that its first line follows, although there were lines then. */
function appearance(
  group: Group,
  tally: RequestTally,
  changes: readonly StateChange[],
): Mark | null {
  const first = group.spans.findIndex((count) => count > 0);
  const change = changes[first - 1];
  const watched = sum(tally.lines.slice(0, Math.max(first, 0)));
  if (change === undefined || watched === 0) return null;
  return { kind: "new", since: told(change), count: sum(group.spans), factor: null };
}

/** Grew: errors per request of the same cohorts, in the last span with lines against the one before. */
function growth(group: Group, tally: RequestTally, changes: readonly StateChange[]): Mark | null {
  const last = tally.lines.findLastIndex((count) => count > 0);
  const change = changes[last - 1];
  const [before, after] = [group.spans[last - 1] ?? 0, group.spans[last] ?? 0];
  if (change === undefined || before === 0 || after < LEAST_COUNT) return null;
  const cohorts = group.cohorts.entries().map(([cohort]) => cohort);
  const names = cohorts.length === 0 ? ["unknown"] : cohorts;
  const requestsBefore = tally.requestsIn(last - 1, names);
  const requestsAfter = tally.requestsIn(last, names);
  if (requestsBefore <= 0 || requestsAfter <= 0) return null;
  const factor = after / requestsAfter / (before / requestsBefore);
  if (factor < LEAST_FACTOR) return null;
  return { kind: "grew", since: told(change), count: after, factor: tidy(factor) };
}

function told({ command, atMs, revision }: StateChange): Mark["since"] {
  return { command, at: new Date(atMs).toISOString(), revision };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
