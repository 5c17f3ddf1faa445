/** Where visitors' requests show a ramp's step, and where they still show what was before it. */
import { timeOf } from "../lib/time.ts";
import { locationsByRevision } from "../metrics/queries.ts";
import type { Ask, Observed } from "../policy/observations.ts";
import { coloName } from "../proof/colo-name.ts";
import { foldFleet } from "../proof/fleet.ts";
import type { RampDocument } from "./document.ts";

export interface Visited {
  /** How many locations had any request since the step was written. */
  locations: number;
  /** Names of those whose newest request was still decided by an older config. */
  lagging: readonly string[];
}

/** Unseen also before the first step is written. Never rejects. */
export async function visitedSince(
  { written_at, plan, step }: RampDocument,
  nowMs: number,
  ask: Ask,
): Promise<Observed<Visited>> {
  const atMs = timeOf(written_at ?? undefined);
  const revision = plan[step]?.revision;
  if (!Number.isFinite(atMs) || revision === undefined) {
    return { kind: "unseen", because: "no step is written" };
  }
  const nowS = Math.floor(nowMs / 1_000);
  const window = { fromS: Math.min(Math.ceil(atMs / 1_000), nowS), toS: nowS + 1 };
  const rows = await ask((dataset) => locationsByRevision(dataset, window));
  if (rows.kind === "unseen") return rows;
  const poll = { rows: rows.value, fromS: window.fromS, asOfS: nowS };
  const locations = foldFleet([], poll, { emergency: false, revision, atMs });
  const lagging = locations.filter(({ state }) => state === "lagging");
  return {
    kind: "seen",
    value: { locations: locations.length, lagging: lagging.map(({ colo }) => coloName(colo)) },
  };
}
