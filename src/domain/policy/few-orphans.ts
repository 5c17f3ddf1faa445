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
  const present = busy.reduce((sum, { native }) => sum + native.requests, 0);
  const rate = present / Math.max(1, busy.length);
  const requests = Math.max(requestsThen, rate * minutes);
  return requests === 0 || orphaned * 100 < requests * minSharePercent;
}
