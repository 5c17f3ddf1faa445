/** What is in force beside what is stored: a restore ends it as well. */
import type { GuardianCap } from "../../domain/guardian/cap.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { StopDocument } from "../../domain/state/documents.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { watermarkOf } from "../../domain/state/transitions.ts";

/**
 * A stop that is not stored (lost to another writer, deleted by hand), but that `config` mirrors or a
 * location still shows: isolates that saw it keep it until they read its release. One that was
 * unreadable shows as an emergency without a stop.
 */
export function orphanOf(
  state: ParsedState,
  sightings: readonly Sighting[],
  plannedAt: string,
): Pick<StopDocument, "id" | "at"> | null {
  const { config, stop } = state;
  if (stop.kind === "invalid" || (stop.kind === "valid" && stop.value.active)) return null;
  if (config.kind === "valid" && config.value.emergency_proxy) {
    const { revision: id, last_updated: at } = config.value;
    return watermarkOf({ id, at }, plannedAt);
  }
  const shown = sightings.find((s) => s.qa?.stop.active === true)?.qa?.stop;
  if (shown !== undefined) {
    return watermarkOf({ id: shown.id ?? undefined, at: shown.at ?? undefined }, plannedAt);
  }
  const unnamed = sightings.some((s) => s.qa?.canary.emergency_proxy === true);
  return unnamed && !isEmergency(state) ? { at: plannedAt } : null;
}

export type SeenCap = Pick<GuardianCap, "id" | "at" | "by" | "reason" | "percent">;

export function capsOf({ capped }: ParsedState, sightings: readonly Sighting[]): SeenCap[] {
  const seen = [capped?.cap, ...sightings.map(({ qa }) => qa?.canary.cap)];
  const caps = new Map(seen.flatMap((cap) => (cap === undefined ? [] : [[cap.id, cap] as const])));
  return [...caps.values()];
}
