/** A limit for every wait. */
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
