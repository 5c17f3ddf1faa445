/** The system's clock. */
import { uptime } from "node:os";
import { unlessAborted } from "../domain/lib/abort.ts";
import { MAX_TIMER_MS } from "../domain/lib/duration.ts";
import type { Clock } from "../ports/machine.ts";

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

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await unlessAborted(over, signal, () => clearTimeout(timer));
  signal.throwIfAborted();
}
