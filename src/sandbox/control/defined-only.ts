/** What was given; a field that is undefined is not. */
type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

export function definedOnly<T extends object>(input: T): Defined<T> {
  const kept = Object.entries(input).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as Defined<T>;
}
