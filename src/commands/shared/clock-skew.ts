/** A clock that is wrong dates what is written here wrongly, for everybody else. */
import type { Ports } from "../../ports.ts";

/** What the API tells is known within 2.5 s. */
const SKEW_LIMIT_MS = 5_000;

/** Null when the clock is right, or nobody knows. */
export function skewWarning({ clock, apiClock }: Pick<Ports, "clock" | "apiClock">): string | null {
  const apiMs = apiClock.now();
  const aheadMs = apiMs === null ? 0 : clock.now() - apiMs;
  if (Math.abs(aheadMs) <= SKEW_LIMIT_MS) return null;
  const by = `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? "ahead of" : "behind"}`;
  return `this machine's clock is ${by} the API's, and so are the times just written: timedatectl set-ntp true`;
}
