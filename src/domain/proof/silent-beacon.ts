import type { QaDocument } from "./qa-document.ts";

/** A copy of its answer lives 10 s: what is older than this was not refreshed. */
export const BEACON_OLD_MS = 15_000;

/** Whether a location does not hear the beacon that it has: a stop reaches it by KV alone. */
export function isSilent({ failing, age_ms: ageMs }: NonNullable<QaDocument["beacon"]>): boolean {
  return failing || ageMs === null || ageMs > BEACON_OLD_MS;
}
