/**
 * Which of several carriers of a ramp may go on. KV has no compare-and-set, so a fence cannot refuse a write: it
 * makes whoever reads a later carrier than itself stop at once. Until then both write the same documents.
 */
import { timeOf } from "../lib/time.ts";
import type { RampDocument } from "./document.ts";

type Carrier = RampDocument["carrier"];

/** Where it is carried out from now on. `id`: unique, whoever else takes over at the same time. */
export function takenOver(
  ramp: RampDocument,
  { id, by, host }: { id: string; by: string; host: string },
): RampDocument {
  return { ...ramp, host, carrier: { fence: ramp.carrier.fence + 1, id, by } };
}

/**
 * What a carrier of `own` has to give way to: a later carrier of the same ramp, whatever that has made of it, or
 * a ramp that was started later. Null: go on.
 */
export function supersededBy(own: RampDocument, kept: RampDocument | null): RampDocument | null {
  return kept !== null && isLater(kept, own) ? kept : null;
}

/** Others see this very carrier; if not, an earlier one has written since, or the write was lost. */
export function isShown(own: RampDocument, kept: RampDocument | null): boolean {
  return kept !== null && kept.id === own.id && !isLaterCarrier(own.carrier, kept.carrier);
}

/** Of the same ramp by carrier, of two by their start. */
export function isLater(one: RampDocument, other: RampDocument): boolean {
  if (one.id === other.id) return isLaterCarrier(one.carrier, other.carrier);
  const apartMs = timeOf(one.started_at) - timeOf(other.started_at);
  return apartMs === 0 ? one.id > other.id : apartMs > 0;
}

function isLaterCarrier(one: Carrier, other: Carrier): boolean {
  return one.fence === other.fence ? one.id > other.id : one.fence > other.fence;
}
