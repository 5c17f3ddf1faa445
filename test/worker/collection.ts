import { HANG_MS } from "../support/patience.ts";

/** Things that arrive on their own time, and a way to wait for them. */
export interface Collection<T> {
  all(): readonly T[];
  clear(): void;
  add(item: T): void;
  /** The first `count` items that match, as soon as there are so many. */
  take(count: number, matches?: (item: T) => boolean): Promise<T[]>;
}

export function collection<T>(what: string): Collection<T> {
  let items: T[] = [];
  const waiting = new Set<() => void>();
  return {
    all: () => items,
    clear: () => {
      items = [];
    },
    add: (item) => {
      items.push(item);
      for (const look of [...waiting]) look();
    },
    take: (count, matches = () => true) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`only ${items.filter(matches).length} of ${count} ${what} arrived`));
        }, HANG_MS);
        const look = (): void => {
          const found = items.filter(matches);
          if (found.length < count) return;
          waiting.delete(look);
          clearTimeout(limit);
          resolve(found.slice(0, count));
        };
        waiting.add(look);
        look();
      }),
  };
}
