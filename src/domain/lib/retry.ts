/** The one loop of whatever is tried more than once, for CLI and Worker alike. */

export interface Waiting {
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  signal: AbortSignal;
}

/**
 * Tries until `delayMs` knows no delay before another try, or the signal ends the wait for it: what the
 * last try came to stands. Tries count from 1. `attempt` says by its result how it went.
 */
export async function retry<R>(
  attempt: (number: number) => Promise<R>,
  delayMs: (result: R, number: number) => number | null,
  waiting: Waiting,
): Promise<R> {
  for (let number = 1; ; number += 1) {
    const result = await attempt(number);
    const ms = waiting.signal.aborted ? null : delayMs(result, number);
    if (ms === null) return result;
    try {
      await waiting.sleep(ms, waiting.signal);
    } catch {
      return result;
    }
  }
}

export interface Backoff {
  /** The ceiling of the first delay; each further one may be twice as long, up to `maxDelayMs`. */
  firstDelayMs: number;
  maxDelayMs: number;
}

/** A delay with full jitter after the n-th try. `random` is in [0, 1). */
export function jitteredMs(
  number: number,
  { firstDelayMs, maxDelayMs }: Backoff,
  random: number,
): number {
  return Math.floor(random * Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(number - 1, 30)));
}
