/** What is written before the API has answered, a stop above all, has this machine's time. */
import type { Ports } from "../../ports/ports.ts";

/** Null when the clock is right, or nobody knows. */
export function skewWarning({ apiClock }: Pick<Ports, "apiClock">): string | null {
  const aheadMs = apiClock.aheadMs() ?? 0;
  if (aheadMs === 0) return null;
  const by = `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? "ahead of" : "behind"}`;
  return `this machine's clock is ${by} the API's, whose time is used once it has answered. Fix: timedatectl set-ntp true`;
}
