/** Whether anybody still carries a ramp out, as far as its document tells. */
import { timeOf } from "../lib/time.ts";
import { isOver, type RampDocument } from "./document.ts";

/** A ramp with no news is kept again after so long: others see that somebody is still at it. */
export const SIGN_OF_LIFE_MS = 5 * 60_000;
/** Two signs that did not come, and a slow look. */
const SILENT_MS = 2 * SIGN_OF_LIFE_MS + 60_000;
/** A process looks at the end of a hold, and keeps what came of it. */
const OVERDUE_MS = 2 * 60_000;

/** When the last sign of life was, once the next is overdue (milliseconds). Null: heard of lately, or over. */
export function silentSince(ramp: RampDocument, nowMs: number): number | null {
  if (isOver(ramp)) return null;
  const lastMs = timeOf(ramp.updated_at);
  const holds = ramp.mode === "attached" && ramp.state === "running" && ramp.phase === "hold";
  const endsMs = holds ? timeOf(ramp.hold_until ?? undefined) : Number.NaN;
  return nowMs - lastMs > SILENT_MS || nowMs - endsMs > OVERDUE_MS ? lastMs : null;
}

/**
 * "no sign of life from laptop since 2026-03-01T12:00:00Z"; null: there are signs. `died`: this machine knows of it
 * without waiting for one.
 */
export function silenceText(ramp: RampDocument, nowMs: number, died = false): string | null {
  if (died) return `its process on this machine (${ramp.host}) has died`;
  const sinceMs = silentSince(ramp, nowMs);
  if (sinceMs === null) return null;
  const who = ramp.mode === "detached" ? "the Worker's cron" : ramp.host;
  const since = Number.isFinite(sinceMs)
    ? new Date(sinceMs).toISOString().replace(/\.\d+Z$/, "Z")
    : "an unknown time";
  return `no sign of life from ${who} since ${since}`;
}
