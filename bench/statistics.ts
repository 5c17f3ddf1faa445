/** Machines are shared and noisy: rounds alternate, and what is quoted is the ratio of medians. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export interface Contender {
  name: string;
  /** One measurement; the unit is the caller's. */
  measure(): Promise<number>;
}

/** Measures all contenders in turn, `rounds` times, after one unmeasured turn each. */
export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
): Promise<Map<string, number[]>> {
  const results = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (const { measure } of contenders) await measure();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, measure } of contenders) results.get(name)?.push(await measure());
  }
  return results;
}

export interface Goal {
  what: string;
  value: number;
  /** What DESIGN wants: at least, or at most. */
  reach: { least: number } | { most: number };
}

export function goalLine({ what, value, reach }: Goal): string {
  const least = "least" in reach;
  const met = least ? value >= reach.least : value <= reach.most;
  const wanted = least ? `≥ ${reach.least}` : `≤ ${reach.most}`;
  return `${met ? "✔" : "✖"} ${what}: ${value.toFixed(2)} (goal ${wanted})`;
}

export function spread(values: readonly number[], unit: string): string {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return `median ${median(values).toFixed(1)} ${unit} (${low.toFixed(1)} … ${high.toFixed(1)}, n=${values.length})`;
}
