/**
 * Keeps a long download inside the API's budget of 1,200 requests in 5 minutes per user, with room left
 * for a stop: at most BURST + 300 s × PER_S = 990 in any five minutes.
 */
import type { Clock } from "../../ports/machine.ts";

const BURST = 300;
const PER_S = 2.3;

export interface Pace {
  /** Waits for this request's turn. Rejects with the signal's reason. */
  turn(signal: AbortSignal): Promise<void>;
}

export function createPace(clock: Pick<Clock, "monotonic" | "sleep">): Pace {
  let left = BURST;
  let atMs = clock.monotonic();
  return {
    async turn(signal) {
      const nowMs = clock.monotonic();
      left = Math.min(BURST, left + ((nowMs - atMs) / 1000) * PER_S);
      atMs = nowMs;
      // Taken before the wait, so that those who come meanwhile queue behind.
      left -= 1;
      if (left < 0) await clock.sleep((-left / PER_S) * 1000, signal);
    },
  };
}
