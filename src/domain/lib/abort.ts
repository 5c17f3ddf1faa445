/**
 * What `work` comes to, or `late()` when the signal aborts before. The work itself goes on unheard: this
 * is for work that takes no signal.
 */
export async function unlessAborted<T, L>(
  work: Promise<T>,
  signal: AbortSignal,
  late: () => L,
): Promise<T | L> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.then(late)]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

const sources = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/**
 * Aborts with the first of `signals`. By AbortSignal.any, which does not hold them: of one that has aborted
 * while nobody listened, and was collected as garbage since, its result never hears.
 */
export function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  const any = AbortSignal.any([...signals]);
  sources.set(any, signals);
  return any;
}
