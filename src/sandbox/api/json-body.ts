/** What a request brings, and what a list is cut into. */
import type { ApiContext } from "./access.ts";

/** Undefined for what is no JSON. */
export async function json(c: ApiContext): Promise<unknown> {
  try {
    return await c.req.json();
  } catch {
    return undefined;
  }
}

/** A whole number of the query within its bounds; null for anything else. */
export function pageNumber(
  c: ApiContext,
  name: string,
  { from, to, usual }: { from: number; to: number; usual: number },
): number | null {
  const value = Number(c.req.query(name) ?? usual);
  return Number.isInteger(value) && value >= from && value <= to ? value : null;
}
