/** What would stop a ramp half-way: a clock that is wrong, a token that ends before the plan does. */

import type { PlannedStep } from "../../domain/ramp/plan.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";

const SKEW_LIMIT_MS = 30_000;
/** A ramp takes longer than planned as soon as a step is extended. */
const SPARE_MS = 86_400_000;

/** `reason`: the start is refused. */
export async function clockAndToken(
  steps: readonly PlannedStep[],
  ports: Ports,
  signal: AbortSignal,
): Promise<{ notes: string[] } | { reason: string }> {
  try {
    const { expiresOn } = await ports.account.token({ signal });
    const nowMs = ports.clock.now();
    const awayMs = Math.abs(ports.apiClock.aheadMs() ?? 0);
    if (awayMs > SKEW_LIMIT_MS) {
      return { reason: `this machine's clock is ${Math.round(awayMs / 1_000)} s off the API's` };
    }
    const lengthMs = steps.reduce((sum, { holdS }) => sum + (holdS ?? 0) * 1_000, 0);
    const endsMs = expiresOn === null ? Number.POSITIVE_INFINITY : Date.parse(expiresOn);
    const notes =
      endsMs < nowMs + lengthMs + SPARE_MS
        ? [
            `the API token expires at ${isoSeconds(expiresOn ?? "")}, possibly before this ramp ends`,
          ]
        : [];
    return { notes };
  } catch {
    return { notes: ["clock skew and token expiry unknown: the API did not answer"] };
  }
}
