/** What can be wrong between the locations and the beacon: the calls to it, its cache, the purges. */
import { definedOnly } from "../control/defined-only.ts";
import type { LagRange } from "../kv/replicas.ts";
import type { Random } from "../random.ts";
import { CacheCopies, type CopiesState } from "./copies.ts";
import { type CallMode, ObjectRoad } from "./road.ts";

export interface BeaconSettings {
  location?: string | undefined;
  calls?: CallMode | undefined;
  purgesLost?: boolean | undefined;
  purgeLagMs?: LagRange | undefined;
  cached?: boolean | undefined;
}

export class BeaconFaults {
  readonly copies: CacheCopies;
  readonly road: ObjectRoad;

  constructor(locations: readonly string[], random: Random) {
    this.copies = new CacheCopies(locations, random);
    this.road = new ObjectRoad(locations);
  }

  set(settings: BeaconSettings): void {
    const { location, calls, purgesLost, purgeLagMs, cached } = definedOnly(settings);
    if (calls !== undefined) this.road.set(calls, location);
    if (purgesLost !== undefined) this.copies.setPurgesLost(purgesLost, location);
    if (purgeLagMs !== undefined) this.copies.setPurgeLag(purgeLagMs);
    if (cached !== undefined) this.copies.cached = cached;
  }

  /** The lag of purges stays, as that of KV does. */
  heal(): void {
    this.road.set("normal");
    this.copies.heal();
  }

  /** `calls`: how many the Durable Object was asked so far. */
  state(): CopiesState & { calls: number; modes: Record<string, CallMode> } {
    return { ...this.copies.state(), ...this.road.state() };
  }
}
