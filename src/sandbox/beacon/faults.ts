/** What can be wrong between the locations and the beacon: the calls to it, its cache, the purges. */
import { definedOnly } from "../control/defined-only.ts";
import { type LagRange, PROMPT } from "../kv/replicas.ts";
import type { Random } from "../random.ts";
import { CacheCopies, type CopiesState } from "./copies.ts";
import { type CallMode, ObjectRoad, type RoadState } from "./road.ts";

export interface BeaconSettings {
  location?: string | undefined;
  calls?: CallMode | undefined;
  readMs?: LagRange | undefined;
  purgesLost?: boolean | undefined;
  purgeLagMs?: LagRange | undefined;
  cached?: boolean | undefined;
}

export class BeaconFaults {
  readonly copies: CacheCopies;
  readonly road: ObjectRoad;

  constructor(locations: readonly string[], random: Random) {
    this.copies = new CacheCopies(locations, random);
    this.road = new ObjectRoad(locations, random);
  }

  set(settings: BeaconSettings): void {
    const { location, calls, readMs, purgesLost, purgeLagMs, cached } = definedOnly(settings);
    if (calls !== undefined) this.road.set(calls, location);
    if (readMs !== undefined) this.road.setReadMs(readMs, location);
    if (purgesLost !== undefined) this.copies.setPurgesLost(purgesLost, location);
    if (purgeLagMs !== undefined) this.copies.setPurgeLag(purgeLagMs);
    if (cached !== undefined) this.copies.cached = cached;
  }

  /** The lag of purges stays, as that of KV does. */
  heal(): void {
    this.road.set("normal");
    this.road.setReadMs(PROMPT);
    this.copies.heal();
  }

  state(): CopiesState & RoadState {
    return { ...this.copies.state(), ...this.road.state() };
  }
}
