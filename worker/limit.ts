/** Waiting in the Worker, and a limit for every wait. */
import { unlessAborted } from "../src/domain/lib/abort.ts";

export class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

/** Rejects with TimeLimitError after `limitMs`; the work itself goes on unheard. */
export async function withLimit<T>(what: string, limitMs: number, work: Promise<T>): Promise<T> {
  let handle: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    handle = setTimeout(
      () => reject(new TimeLimitError(`${what}: no answer within ${limitMs} ms`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(handle);
  }
}

/** Rejects with the signal's reason when that aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  if (signal === undefined) return over;
  await unlessAborted(over, signal, () => clearTimeout(timer));
  signal.throwIfAborted();
}
