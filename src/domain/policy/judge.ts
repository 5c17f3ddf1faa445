/** "For N min", in one place: from what each bucket shows to a verdict. */
import type { Verdict } from "./verdict.ts";

/**
 * `thin`: over the limit, but with so little behind it that chance may have done it.
 * `empty`: nothing happened, so nothing can be said.
 */
type BucketState = "over" | "under" | "thin" | "empty";

export interface Reading {
  state: BucketState;
  /** Null where nothing can be measured. */
  value: number | null;
}

/** Oldest first. Fails only when the limit was exceeded in each bucket. */
export function judge(readings: readonly Reading[], enough: boolean): Verdict {
  if (!enough) return "no_data";
  const states = readings.map(({ state }) => state);
  if (states.length > 0 && states.every((state) => state === "over")) return "fail";
  const measured = states.filter((state) => state === "over" || state === "under");
  if (measured.at(-1) === "over") return "inconclusive";
  // Thin in every bucket that has anything: it may well be over.
  if (measured.length === 0 && states.includes("thin")) return "inconclusive";
  return measured.length === 0 ? "no_data" : "pass";
}

/**
 * For failures that are counted, not compared: a count over its limit is evidence whatever the number
 * of requests, which few requests cannot inflate. The minimum is for the good news alone.
 */
export function judgeCounts(readings: readonly Reading[], enough: boolean): Verdict {
  const verdict = judge(readings, true);
  return verdict === "pass" && !enough ? "no_data" : verdict;
}

interface Counted {
  requests: number;
  errors: number;
  /** Stored rows behind `errors`. */
  errorObservations: number;
}

/** Exactly at the limit is not over it. The rate is weighted; what it rests on is what was really seen. */
export function errorReading(
  { requests, errors, errorObservations }: Counted,
  limitPercent: number,
  minErrors: number,
): Reading {
  if (requests === 0) return { state: "empty", value: null };
  const value = (errors * 100) / requests;
  if (value <= limitPercent) return { state: "under", value };
  return { state: errorObservations < minErrors ? "thin" : "over", value };
}
