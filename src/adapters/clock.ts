/** The system's clock. */
import { uptime } from "node:os";
import type { Clock } from "../ports/machine.ts";

/** A longer timer fires at once: Node stores delays in 31 bits. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    uptime: () => uptime() * 1_000,
    timeout: (ms) => AbortSignal.timeout(Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(ms)))),
    async sleep(ms, signal) {
      signal.throwIfAborted();
      let leftMs = Math.max(0, ms);
      do {
        const partMs = Math.min(leftMs, MAX_TIMER_MS);
        await pause(partMs, signal);
        leftMs -= partMs;
      } while (leftMs > 0);
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
