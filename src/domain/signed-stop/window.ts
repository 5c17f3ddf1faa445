/** When a signed stop counts as of now. */
import { timeOf } from "../lib/time.ts";
import type { StopMessage } from "./message.ts";

/** Replays end then, and laptops that are further off are corrected by the Worker's answer. */
export const WINDOW_MS = 120_000;
/** A clock that is further off has no valid TLS either; a stop of tomorrow would outlive its release's rules. */
const DAY_MS = 86_400_000;

/** Both limits included. A time that cannot be read is outside. */
export function isOfNow(
  { at, sent_at }: Pick<StopMessage, "at" | "sent_at">,
  nowMs: number,
): boolean {
  return isNear(sent_at, nowMs, WINDOW_MS) && isNear(at, nowMs, DAY_MS);
}

/** The times of a message that is sent again, by the clock of the Worker that refused it. */
export function timesBy(
  serverMs: number,
  { at }: Pick<StopMessage, "at">,
): Pick<StopMessage, "at" | "sent_at"> {
  const sent_at = new Date(serverMs).toISOString();
  return { at: isNear(at, serverMs, DAY_MS) ? at : sent_at, sent_at };
}

function isNear(text: string, nowMs: number, limitMs: number): boolean {
  return Math.abs(timeOf(text) - nowMs) <= limitMs;
}
