/** What several may keep together, in characters. */
export interface Budget {
  left: number;
}

/** What a short value takes beside its characters. */
const VALUE_COST = 24;

/** Counts by value, bounded: what comes after the limit of distinct values is counted as others. */
export class Counter {
  readonly #counts = new Map<string, number>();
  readonly #limit: number;
  readonly #budget: Budget;
  #others = 0;

  constructor(limit: number, budget: Budget = { left: Infinity }) {
    this.#limit = limit;
    this.#budget = budget;
  }

  /** Null is a value that the line did not have: it is not counted. */
  add(value: string | number | null, amount = 1): void {
    if (value === null) return;
    const key = String(value);
    const count = this.#counts.get(key);
    if (count !== undefined) this.#counts.set(key, count + amount);
    else if (this.#mayKeep(key)) this.#counts.set(ownCopy(key), amount);
    else this.#others += amount;
  }

  /** The first value in any case: a counter that began late still tells what is always the same. */
  #mayKeep({ length }: string): boolean {
    const { size } = this.#counts;
    if (size === 0) return true;
    if (size >= this.#limit || this.#budget.left <= 0) return false;
    this.#budget.left -= length + VALUE_COST;
    return true;
  }

  get(value: string): number {
    return this.#counts.get(value) ?? 0;
  }

  /** Of all values, the others among them. */
  get total(): number {
    let total = this.#others;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  get others(): number {
    return this.#others;
  }

  /** Largest first, equal ones by name, so that the order of lines does not matter. */
  entries(): [value: string, count: number][] {
    return [...this.#counts].sort(
      ([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : a > b ? 1 : 0),
    );
  }

  /** For a document: the others under a key that no value can have. */
  toObject(): Record<string, number> {
    const pairs = this.entries();
    if (this.#others > 0) pairs.push(["(others)", this.#others]);
    return Object.fromEntries(pairs.map(([value, count]) => [value, tidy(count)]));
  }
}

/**
 * A part of a longer string keeps the whole of it in memory; what is kept for long must not hold on
 * to the chunk of the file that it was found in.
 */
export function ownCopy(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

/** Weights are 1 / sample rate: sums carry rounding dust. */
export function tidy(count: number): number {
  return Math.round(count * 1_000) / 1_000;
}
