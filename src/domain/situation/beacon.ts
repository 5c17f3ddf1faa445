/** A beacon that does not answer: then KV alone brings a stop, as late as it ever did. */
import { isEmergency } from "../state/state.ts";
import type { Concern, Known, LookedAt } from "./known.ts";
import { command } from "./next.ts";
import { placesOf } from "./places.ts";

/** Null: it answers at all of them, or there is none. */
export function silentBeaconText(
  looks: readonly Pick<LookedAt, "place" | "beacon">[],
): string | null {
  const silent = looks.filter(({ beacon }) => beacon === "silent");
  if (silent.length === 0) return null;
  return `the beacon does not answer at ${placesOf(silent)}: a stop arrives by KV alone (60 s or more)`;
}

export function beaconConcerns({ looks, state, rungs = [] }: Known): Concern[] {
  const text = silentBeaconText(looks);
  if (text === null || rungs.length > 0) return [];
  const stopped = state !== null && isEmergency(state);
  const arrived = looks.every(({ emergency }) => emergency === true);
  // A rung needs the API, which did not answer where the state is unknown.
  const rung = stopped && !arrived ? "; faster: pixcanary not-aus --via version" : "";
  const next = stopped ? null : command("doctor");
  return [{ kind: "odd", mark: "!", text: `${text}${rung}`, next }];
}
