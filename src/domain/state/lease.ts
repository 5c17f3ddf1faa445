/** When a lease of an attached ramp ends. */

import { timeOf } from "../lib/time.ts";
import type { CanaryConfig } from "./documents.ts";

export type Lease = NonNullable<CanaryConfig["lease"]>;

/** A clock that is further off has been seen to be wrong. */
const WRONG_CLOCK_MS = 2 * 60_000;

/**
 * When the fallback is in force, by the clock of whoever asks. The length counts from the first sight, so
 * that a wrong clock of whoever renews it neither ends nor prolongs it; `expires_at` is a bound for who
 * comes later. A lease whose end cannot be read has ended. `sight`: null when that is not known; `isNews`:
 * the document was written shortly before it.
 */
export function leaseEndsMs(
  { expires_at, duration_s }: Lease,
  sight: { firstMs: number; isNews: boolean } | null,
): number {
  const expiresMs = timeOf(expires_at);
  if (duration_s === undefined || sight === null) return expiresMs;
  const endsMs = sight.firstMs + duration_s * 1_000;
  return sight.isNews && expiresMs < endsMs - WRONG_CLOCK_MS ? endsMs : Math.min(expiresMs, endsMs);
}
