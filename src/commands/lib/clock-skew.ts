/** A clock that is wrong dates what is written here wrongly, for everybody else. */
import type { Ports } from "../../ports/ports.ts";

/** What the API tells is known within 2.5 s. */
const SKEW_LIMIT_MS = 5_000;

type Clocks = Pick<Ports, "clock" | "apiClock">;

/** How far ahead of the API's this machine's clock is; 0 when no more than what is not known. Null: the API has not said. */
export function skewMs({ clock, apiClock }: Clocks): number | null {
  const apiMs = apiClock.now();
  if (apiMs === null) return null;
  const aheadMs = clock.now() - apiMs;
  return Math.abs(aheadMs) <= SKEW_LIMIT_MS ? 0 : aheadMs;
}

/** Null when the clock is right, or nobody knows. */
export function skewWarning(clocks: Clocks): string | null {
  const aheadMs = skewMs(clocks) ?? 0;
  if (aheadMs === 0) return null;
  const by = `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? "ahead of" : "behind"}`;
  return `this machine's clock is ${by} the API's; the times just written are wrong by as much. Fix: timedatectl set-ntp true`;
}
