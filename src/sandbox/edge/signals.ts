/** Who ends the process at a signal. */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Miniflare ends the process at a signal before anything can be said or closed. Where the program listens for itself,
 * what `make` has added is taken off again; what ends the runtime when the process exits stays.
 */
export function keepingSignals<T>(make: () => T): T {
  const before = SIGNALS.map((signal) => ({ signal, own: process.listeners(signal) }));
  const made = make();
  for (const { signal, own } of before.filter(({ own }) => own.length > 0)) {
    for (const listener of process.listeners(signal)) {
      if (!own.includes(listener)) process.off(signal, listener);
    }
  }
  return made;
}
