/** Waiting that ends with the sandbox. */
import { once, setMaxListeners } from "node:events";
import { setTimeout } from "node:timers/promises";

/** Many waits hang on one signal on purpose; Node takes more than ten for a leak. */
export function manyWaiters(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}

/** Waits; ends early, without an error, when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

/** Waits for the signal alone. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}
