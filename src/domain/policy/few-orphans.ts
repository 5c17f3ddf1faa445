/** Whether orphaned intents are few beside what native does: anybody can make a handful. */

import type { Policy } from "./numbers.ts";
import type { Bucket } from "./observations.ts";

/** Over which native's rate is taken; as many are always asked for. */
export const HEALTH_MINUTES = 5;

/** Beside native's requests in a time as long as that of the intents. Unmeasured, they are few. */
export function areFewOrphans(
  orphaned: number,
  buckets: readonly Pick<Bucket, "native">[],
  { orphanedIntents }: Policy,
): boolean {
  const { minutes, minSharePercent } = orphanedIntents;
  const busy = buckets.filter(({ native }) => native.requests > 0);
  if (busy.length === 0) return true;
  const requests = busy.reduce((sum, { native }) => sum + native.requests, 0) / busy.length;
  return orphaned * 100 < requests * minutes * minSharePercent;
}
