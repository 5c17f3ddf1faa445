/** Randomness and identifiers. */
import { incrementBase32, isValid, MAX_ULID, ulid } from "ulid";
import type { Rng } from "../ports/machine.ts";

/** The library also calls valid what does not fit into 128 bits. */
const IN_RANGE = /^[0-7]/;

export function createRng(): Rng {
  return { next: Math.random, ulid: ulidAfter };
}

/**
 * Greater than a valid `after`, even if that one was made by a clock ahead of ours.
 * Nothing is greater than the very last ULID: then, as for an invalid one, just a new one.
 */
function ulidAfter(nowMs: number, after?: string): string {
  const fresh = ulid(nowMs);
  if (after === undefined || !isValid(after) || !IN_RANGE.test(after)) return fresh;
  const last = after.toUpperCase();
  if (fresh > last || last === MAX_ULID) return fresh;
  return incrementBase32(last);
}
