/** Waiting in the Worker, and a limit for every wait. */
import { unlessAborted } from "../src/domain/lib/abort.ts";

export class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

/** Calls back after so many milliseconds; returns how to call it off. */
export type Timer = (delayMs: number, callback: () => void) => () => void;

export const TIMER: Timer = (delayMs, callback) => {
  const handle = setTimeout(callback, delayMs);
  return () => clearTimeout(handle);
};

/** Rejects with TimeLimitError after `limitMs`; the work itself goes on unheard. */
export async function withLimit<T>(
  what: string,
  limitMs: number,
  work: Promise<T>,
  timer: Timer = TIMER,
): Promise<T> {
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const callOff = timer(limitMs, () =>
    reject(new TimeLimitError(`${what}: no answer within ${limitMs} ms`)),
  );
  try {
    return await Promise.race([work, limit]);
  } finally {
    callOff();
  }
}

/** Rejects with the signal's reason when that aborts. */
export async function sleep(ms: number, signal?: AbortSignal, timer = TIMER): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const callOff = timer(ms, resolve);
  if (signal === undefined) return over;
  await unlessAborted(over, signal, callOff);
  signal.throwIfAborted();
}
