/** All that a history takes place in. */

import { base32 } from "../../src/domain/lib/base32.ts";
import { BeaconModel, oldestCopyMs } from "./beacon.ts";
import { diceFor } from "./dice.ts";
import { Copies, Kv } from "./kv.ts";
import type { Location, Plan, Trouble } from "./plan.ts";
import { START_MS } from "./plan.ts";
import type { Process } from "./process.ts";
import { Scheduler } from "./scheduler.ts";
import { OBEY_BEACON_MS, OBEY_MS, type Surroundings, Truth } from "./truth.ts";
import type { Twin } from "./twins.ts";

export interface Place extends Location {
  url: string;
  copies: Copies;
}

/** In words, for who reads how it went; null: nobody does. */
export type Tell = (who: string, words: string, atMs: number) => void;

export class World implements Surroundings {
  readonly plan: Plan;
  readonly twin: Twin;
  readonly scheduler = new Scheduler(START_MS);
  readonly kv = new Kv();
  readonly truth = new Truth();
  readonly places: readonly Place[];
  readonly processes: Process[] = [];
  /** Null: nobody listens. */
  readonly tell: ((who: string, words: string) => void) | null;
  readonly beacon: BeaconModel | null;
  #ids = 0;

  constructor(plan: Plan, twin: Twin, tell: Tell | null) {
    this.plan = plan;
    this.twin = twin;
    this.tell = tell === null ? null : (who, words) => tell(who, words, this.nowMs);
    this.beacon = plan.beacon === null ? null : new BeaconModel(this);
    this.places = plan.locations.map((location) => ({
      ...location,
      url: `https://${location.name.toLowerCase()}.example/qa`,
      copies: new Copies(this.kv, location),
    }));
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  dice(name: string) {
    return diceFor(this.plan.seed, name);
  }

  place(name: string): Place {
    const found = this.places.find((place) => place.name === name);
    if (found === undefined) throw new Error(`there is no location ${name}`);
    return found;
  }

  /** Whether this is broken now, there or everywhere. */
  has(trouble: Trouble, at: string | null = null): boolean {
    const { faults } = this.plan;
    if (faults.length === 0) return false;
    const ms = this.nowMs - START_MS;
    return faults.some(
      (fault) =>
        fault.trouble === trouble &&
        (fault.at === null || fault.at === at) &&
        fault.fromMs <= ms &&
        ms < fault.toMs,
    );
  }

  boundMs(location: string): number {
    const { tiers, lagMs } = this.place(location);
    return OBEY_MS + (tiers === 1 ? 0 : lagMs);
  }

  beaconBoundMs(): number {
    const { beacon } = this.plan;
    return beacon === null ? Number.POSITIVE_INFINITY : OBEY_BEACON_MS + oldestCopyMs(beacon);
  }

  isQuiet(carrier: "kv" | "beacon", location: string, forMs: number): boolean {
    const ms = this.nowMs - START_MS;
    return !this.plan.faults.some(
      ({ trouble, at, fromMs, toMs }) =>
        trouble.startsWith(carrier) &&
        (at === null || at === location) &&
        fromMs <= ms &&
        ms - forMs < toMs,
    );
  }

  /** Greater than all that were made before, as long as the clocks say so. */
  ulid(ms: number, after?: string): string {
    this.#ids += 1;
    const fresh = base32(ms, 10) + base32(this.#ids, 16);
    if (after === undefined || after.length !== 26 || fresh > after) return fresh;
    // As the library: the next one.
    const head = after.slice(0, 20);
    const tail = Number.parseInt(after.slice(20), 36) % 1_000_000;
    return head + base32(tail + 1_000_000 + this.#ids, 6);
  }
}
