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

/** As many entries of the journal are read: with so many there may be older ones. */
export const MOST_ENTRIES = 100;

/** What is to be read of the journal. */
export interface Past {
  /** Of the kept answer. */
  key: string;
  /** "2026-11", rising. */
  months: string[];
  /** Entries of this time and later are left out. Seconds since the epoch. */
  toS: number;
}

/** Whatever the range: what matters now, and what every range that ends now shows. */
export function pastOfNow(nowS: number): Past {
  // The clocks of others may be ahead.
  return pastOf("now", nowS - LONGEST_SPAN_S, nowS + DAY_S);
}

/** Of a range around a moment; null: it ends now. */
export function pastOfRange({ key, window }: Range, nowS: number): Past | null {
  return window.toS > nowS ? null : pastOf(key, window.fromS, window.toS);
}

function pastOf(key: string, fromS: number, toS: number): Past {
  const month = (s: number): string => new Date(s * 1_000).toISOString().slice(0, 7);
  // The change before it may be some days older.
  const months = [...new Set([fromS - LONGEST_SPAN_S, fromS, toS].map(month))].toSorted();
  return { key, months, toS };
}

const DAY_S = 86_400;
