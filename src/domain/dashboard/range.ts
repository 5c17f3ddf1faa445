/** What the dashboard may look at: from when to when, and in buckets of how long. */
import { timeOf } from "../lib/time.ts";
import type { Window } from "../metrics/sql.ts";

/** `fresh`: so long figures of this range are shown before they are asked for again. Seconds. */
const LAST = {
  "15m": { spanS: 900, bucketS: 60, freshS: 15 },
  "1h": { spanS: 3_600, bucketS: 60, freshS: 30 },
  "24h": { spanS: 86_400, bucketS: 1_800, freshS: 120 },
  "7d": { spanS: 604_800, bucketS: 3_600, freshS: 600 },
} as const;
export const LAST_RANGES = Object.keys(LAST) as readonly LastRange[];
export type LastRange = keyof typeof LAST;
export const DEFAULT_RANGE: LastRange = "1h";

/** Around a moment, such as an entry of the journal. Seconds. */
const AROUND = { beforeS: 1_800, afterS: 3_600, bucketS: 60, freshS: 30 } as const;
const AROUND_PREFIX = "around:";
/** As the journal writes it; a text that `Date` reads in another way is none. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/;

export interface Range {
  /** As in the address: "1h", "around:2026-11-29T14:30:00Z". */
  key: string;
  /** Ends at the end of the bucket that is now. */
  window: Window;
  bucketS: number;
  freshS: number;
}

/** Null for what is no range; no text at all is the default. */
export function parseRange(text: string | null, nowS: number): Range | null {
  const last = LAST_RANGES.find((known) => known === (text ?? DEFAULT_RANGE));
  if (last !== undefined) {
    const { spanS, bucketS, freshS } = LAST[last];
    const toS = endOfBucket(nowS, bucketS);
    return { key: last, window: { fromS: toS - spanS, toS }, bucketS, freshS };
  }
  const moment = text?.startsWith(AROUND_PREFIX) === true ? text.slice(AROUND_PREFIX.length) : "";
  const atS = MOMENT.test(moment) ? timeOf(moment) / 1_000 : Number.NaN;
  if (!(atS >= AROUND.beforeS && atS <= nowS + AROUND.afterS)) return null;
  const { beforeS, afterS, bucketS, freshS } = AROUND;
  const fromS = Math.floor((atS - beforeS) / bucketS) * bucketS;
  const endS = Math.min(fromS + beforeS + afterS, endOfBucket(nowS, bucketS));
  const window = { fromS, toS: Math.max(endS, fromS + bucketS) };
  return { key: `${AROUND_PREFIX}${moment}`, window, bucketS, freshS };
}

function endOfBucket(nowS: number, bucketS: number): number {
  return (Math.floor(nowS / bucketS) + 1) * bucketS;
}

const LONGEST_SPAN_S = 604_800;

/** The months whose journal matters to a window and to the state of now: "2026-11", oldest first. */
export function months({ fromS, toS }: Window, nowMs: number): string[] {
  const month = (s: number): string => new Date(s * 1_000).toISOString().slice(0, 7);
  // The change before the window may be some days older.
  return [...new Set([fromS - LONGEST_SPAN_S, toS, nowMs / 1_000].map(month))].toSorted();
}
