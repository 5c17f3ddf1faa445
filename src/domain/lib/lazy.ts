/** Made at the first use and kept. Schemas that a stop may not need must not cost its start-up. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
