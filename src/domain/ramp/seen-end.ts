/**
 * The end of a ramp that nobody has written down: whoever carried it out may be gone, or its last word lost.
 * What is stored tells it all the same, to whoever reads, as it would to whoever carries it out.
 */
import { timeOf } from "../lib/time.ts";
import type { ParsedState } from "../state/state.ts";
import { isOver, type RampDocument } from "./document.ts";
import { type Place, placeInPlan } from "./position.ts";
import { closed, ended, relieved } from "./transitions.ts";

/** As kept, or as it has ended by what is stored. */
export function asSeen(ramp: RampDocument, state: ParsedState, nowMs: number): RampDocument {
  if (isOver(ramp)) return ramp;
  if (ramp.closing !== null) return closed(ramp);
  const place = placeInPlan(ramp, state);
  if (place.kind !== "conflict" || isOlderThanBase(ramp, state)) return ramp;
  const atMs = timeOf(place.at ?? undefined);
  const known = Number.isFinite(atMs) && atMs <= nowMs ? atMs : nowMs;
  return ramp.relief === null ? conflicted(ramp, place, known) : relieved(ramp, known);
}

export function conflicted(
  ramp: RampDocument,
  { by, why }: Extract<Place, { kind: "conflict" }>,
  nowMs: number,
): RampDocument {
  return ended(ramp, "conflict", { atMs: nowMs, by, why });
}

/** An old read, of before the ramp began. */
function isOlderThanBase({ base }: RampDocument, { config, stop, capped }: ParsedState): boolean {
  const stopped = stop.kind === "invalid" || (stop.kind === "valid" && stop.value.active);
  if (stopped || capped !== undefined || config.kind !== "valid") return false;
  return timeOf(config.value.last_updated) < timeOf(base.last_updated);
}
