/** The emergency that was on before a stop: where that stop was not written, it is what keeps visitors on proxy. */
import { timeOf } from "../../domain/lib/time.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { differences } from "../../domain/proof/traffic.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import { shownAt } from "../lib/emergencies.ts";
import { mayHaveWritten, wrote } from "../lib/write-result.ts";
import type { StopRun } from "./stop-run.ts";

export interface Earlier {
  at: string | null;
  by: string | null;
  reason: string | null;
  /** "the earlier stop by anna is in force". */
  text: string;
}

/** As it was read, or as `/qa` shows it; null: neither. Never this stop itself, nor its mirror. */
export function earlierOf(run: StopRun): Earlier | null {
  const { seen, asked } = emergenciesSeen(run);
  const found = readIn(run) ?? shownIn(run);
  if (found === null) {
    // As nothing of this stop was written, what shows is not its doing.
    if (seen === 0 || mayBeOurs(run)) return null;
    const text = `an earlier emergency is ${inForce(seen, asked)} (no /qa shows its author)`;
    return { at: null, by: null, reason: null, text };
  }
  const { key, at = null, by = null, reason = null } = found;
  const what = key === "stop" ? "stop" : "emergency in config";
  const everywhere = asked > 0 && seen === asked;
  const place = found.stored && !everywhere ? "stored" : inForce(seen, asked);
  const text = `the earlier ${what} by ${by ?? UNKNOWN_AUTHOR} is ${place}`;
  return { at, by, reason, text };
}

/** At how many of the `/qa` that were asked an emergency was seen. */
export function emergenciesSeen({ proof: { sightings } }: Pick<StopRun, "proof">): {
  seen: number;
  asked: number;
} {
  const missing = differences({ emergency: true }, sightings).length;
  return { seen: sightings.length - missing, asked: sightings.length };
}

function inForce(seen: number, asked: number): string {
  return seen === asked ? "in force" : `in force at ${seen} of ${asked} /qa`;
}

interface Found {
  key: "stop" | "config";
  id?: string | undefined;
  at?: string | undefined;
  by?: string | undefined;
  reason?: string | undefined;
  stored: boolean;
}

function readIn({ stored, before }: StopRun): Found | null {
  const stop = stored.kind === "unknown" ? stored.earlier : null;
  if (stop !== null) return { ...stop, key: "stop", stored: true };
  if (before?.emergency_proxy !== true) return null;
  const { last_updated: at, updated_by: by, reason } = before;
  return { key: "config", at, by, reason, stored: true };
}

function shownIn({ stop, proof: { sightings } }: StopRun): Found | null {
  const others = sightings.flatMap(allShownAt).filter(({ id }) => id !== stop.id);
  const stops = others.filter(({ key }) => key === "stop");
  // A mirror says the same of its stop.
  const [newest] = (stops.length > 0 ? stops : others).toSorted((a, b) =>
    timeOf(a.at) > timeOf(b.at) ? -1 : 1,
  );
  return newest === undefined ? null : { ...newest, stored: false };
}

/** Each emergency in force there; a Worker from before that list names the newest stop alone. */
export function allShownAt(sighting: Sighting): Omit<Found, "stored">[] {
  const { qa } = sighting;
  if (qa === null || qa.emergencies !== undefined) return shownAt(sighting);
  const { active, id, at, by, reason } = qa.stop;
  const orAbsent = (text: string | null) => text ?? undefined;
  const named = { id: orAbsent(id), at: orAbsent(at), by: orAbsent(by), reason: orAbsent(reason) };
  return active ? [{ key: "stop", ...named }] : [];
}

function mayBeOurs({ writes: { stop, config, signed } }: StopRun): boolean {
  return [stop, config, signed].some((write) => wrote(write) || mayHaveWritten(write));
}
