/** Locations as people name them, each once. */
import type { LookedAt } from "./known.ts";

export function placesOf(looks: readonly Pick<LookedAt, "place">[]): string {
  return [...new Set(looks.map(({ place }) => place))].join(", ");
}
