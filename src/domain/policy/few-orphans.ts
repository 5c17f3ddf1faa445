/** Whether orphaned intents are few beside what native does: anybody can make a handful. */

import type { Policy } from "./numbers.ts";
import type { Bucket } from "./observations.ts";

/** Over which native's rate is taken; as many are always asked for. */
export const HEALTH_MINUTES = 5;

/**
 * Beside native's requests while the intents were made, or in a time as long at its present rate, whichever
 * are more: after a reduction the orphans of a busy hour are as few as before, and of that hour there may be
 * no figure, or one of a part. Unmeasured, they are few.
 */
export function areFewOrphans(
  { orphaned, requestsThen }: { orphaned: number; requestsThen: number },
  buckets: readonly Pick<Bucket, "native">[],
  { orphanedIntents }: Policy,
): boolean {
  const { minutes, minSharePercent } = orphanedIntents;
  const busy = buckets.filter(({ native }) => native.requests > 0);
  if (busy.length === 0) return true;
  const rate = busy.reduce((sum, { native }) => sum + native.requests, 0) / busy.length;
  return orphaned * 100 < Math.max(requestsThen, rate * minutes) * minSharePercent;
}
