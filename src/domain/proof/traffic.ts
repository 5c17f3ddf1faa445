/**
 * What locations do with their visitors, as `/qa` shows it. What is stored says nothing of that: one may
 * not have read it yet, or cannot read it and goes on with what it read before. Pure.
 */
import { placeOf } from "../policy/prerequisites.ts";
import type { Expectation, Sighting } from "./expectation.ts";
import { compare } from "./expectation.ts";

/** "10 %", "emergency", or how it decides; "unknown" where it does not say. */
export function stateShown({ qa, decision }: Pick<Sighting, "qa" | "decision">): string {
  if (qa !== null) return qa.canary.emergency_proxy ? "emergency" : `${qa.canary.percent ?? "?"} %`;
  if (decision === null) return "unknown";
  return decision.reason === "emergency" ? "emergency" : `decides ${decision.reason}`;
}

/** Locations that show the same stand together: "/qa shows 100 % at FRA, AMS; emergency at IAD". */
export function trafficText(sightings: readonly Sighting[]): string {
  const places = new Map<string, string[]>();
  for (const sighting of sightings) {
    const shown = stateShown(sighting);
    places.set(shown, [...(places.get(shown) ?? []), placeOf(sighting)]);
  }
  const parts = [...places].map(([shown, at]) => `${shown} at ${[...new Set(at)].join(", ")}`);
  return parts.length === 0 ? "no /qa to ask" : `/qa shows ${parts.join("; ")}`;
}

/** Where, and in what, locations differ from what they are expected to show; none when all show it. */
export function differences(expected: Expectation, sightings: readonly Sighting[]): string[] {
  return sightings.flatMap((sighting) => {
    const comparison = compare(expected, sighting);
    return comparison.seen ? [] : [`${placeOf(sighting)}: ${comparison.because}`];
  });
}
