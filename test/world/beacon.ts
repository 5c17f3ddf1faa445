/** The beacon: one object with the real rules, and before it a cache in each location, which a purge may miss. */
import type { BeaconAnswer, Told } from "../../src/domain/state/beacon.ts";
import {
  answerOf,
  BEACON_MAX_AGE_S,
  newBeacon,
  tellBeacon,
} from "../../src/domain/state/beacon.ts";
import { STOP_KEY } from "../../src/domain/state/documents.ts";
import type { BeaconCarrier, BeaconRead } from "../../worker/beacon/carrier.ts";
import type { Dice } from "./dice.ts";
import { factsOf } from "./documents.ts";
import { START_MS } from "./plan.ts";
import type { World } from "./world.ts";

const MAX_AGE_MS = BEACON_MAX_AGE_S * 1_000;
/** As the entrypoint does it: a location that was filling its copy may have kept the old answer. */
const PURGE_AGAIN_MS = 2_000;
/** As the carrier has it. */
const TELL_LIMIT_MS = 3_000;

interface Copy {
  read: BeaconRead;
  untilMs: number;
}

/** Waits as long as who asks is there to wait. */
export type Later = (delayMs: number, callback: () => void) => void;

export class BeaconModel {
  readonly #world: World;
  #stored = newBeacon(START_MS);
  /** Of stops that it held, by id; the truth, whatever it keeps of them. */
  readonly #releasedMs = new Map<string, number>();
  readonly #copies = new Map<string, Copy>();
  readonly #dice: Dice;

  constructor(world: World) {
    this.#world = world;
    this.#dice = world.dice("beacon");
    for (const { trouble, toMs } of world.plan.faults) {
      if (trouble === "beacon lost") world.scheduler.at(START_MS + toMs, () => this.#restart());
    }
  }

  /** As it is reached from there. */
  carrierAt(location: string, later: Later, dice: Dice): BeaconCarrier {
    const world = this.#world;
    return {
      read: () =>
        new Promise((resolve, reject) => {
          const copy = this.#copies.get(location);
          if (copy !== undefined && copy.untilMs > world.nowMs) {
            return later(dice.between(1, 8), () => resolve({ ...copy.read, cache: "HIT" }));
          }
          const isDead = this.#isDeadFor(location);
          later(dice.between(10, 80), () => {
            if (isDead) return reject(BEACON_FAILED);
            const answer = answerOf(this.#stored);
            const read: BeaconRead = { answer, saidAtMs: world.nowMs, cache: "MISS" };
            later(dice.between(10, 80), () => {
              // As old as the answer: a purge that came meanwhile has emptied nothing.
              this.#copies.set(location, { read, untilMs: world.nowMs + MAX_AGE_MS });
              resolve(read);
            });
          });
        }),
      tell: (text) =>
        new Promise((resolve, reject) => {
          if (this.#isDeadFor(location)) {
            return later(dice.between(50, TELL_LIMIT_MS), () => reject(BEACON_FAILED));
          }
          later(dice.between(10, 80), () => {
            const said = this.#tell(text);
            later(dice.between(10, 80), () => resolve(said));
          });
        }),
    };
  }

  #isDeadFor(location: string): boolean {
    return this.#world.has("beacon dead", location) || this.#world.has("beacon lost");
  }

  /** Whether a stop of that id was released here before then. */
  hasReleased(id: string, beforeMs: number): boolean {
    return (this.#releasedMs.get(id) ?? Number.POSITIVE_INFINITY) < beforeMs;
  }

  #tell(text: string): { answer: BeaconAnswer; told: Told } {
    const world = this.#world;
    const { beacon, told } = tellBeacon(this.#stored, text, world.nowMs);
    const id = factsOf(STOP_KEY, text)?.id ?? "";
    if (told === "held" && this.#releasedMs.has(id))
      world.truth.fail("replayed", `the beacon holds ${id} again, which it has heard released`);
    for (const stop of this.#stored.stops) {
      const isGone = !beacon.stops.some(({ mark }) => mark === stop.mark);
      if (isGone && stop.id !== undefined) this.#releasedMs.set(stop.id, world.nowMs);
    }
    if (beacon !== this.#stored) {
      this.#stored = world.twin.stored?.(beacon) ?? beacon;
      world.tell?.("beacon", `was told ${text.includes('"active":true') ? "a stop" : "a release"}`);
      for (const delayMs of [0, PURGE_AGAIN_MS]) this.#purge(delayMs);
    }
    if (told === "held") world.truth.heldByBeacon(text, world.nowMs);
    return { answer: answerOf(beacon), told };
  }

  #restart(): void {
    const { truth, nowMs, tell } = this.#world;
    this.#stored = newBeacon(nowMs);
    this.#releasedMs.clear();
    truth.lostByBeacon();
    tell?.("beacon", "starts anew and has forgotten all");
  }

  #purge(delayMs: number): void {
    const { places, plan, scheduler } = this.#world;
    const { purgeMs = 0, lost = 0 } = plan.beacon ?? {};
    for (const { name } of places) {
      if (this.#dice.chance(lost)) continue;
      const empty = (): void => void this.#copies.delete(name);
      scheduler.after(delayMs + this.#dice.between(0, purgeMs), empty);
    }
  }
}

const BEACON_FAILED = new Error("the beacon answered HTTP 503");

/** How old a copy may be of which no purge was lost, and of which one was. */
export function oldestCopyMs({ purgeMs, lost }: { purgeMs: number; lost: number }): number {
  return lost > 0 ? MAX_AGE_MS + 200 : Math.min(MAX_AGE_MS, PURGE_AGAIN_MS + purgeMs) + 200;
}
