/** An isolate with the real state reader, in a runtime that drops what belongs to a request when that is over. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import type { BeaconCarrier } from "../../worker/beacon/carrier.ts";
import {
  type BeaconSight,
  createStateReader,
  type StateReader,
} from "../../worker/state-reader.ts";
import type { Dice } from "./dice.ts";
import type { Place, World } from "./world.ts";

/** What was given to `waitUntil` may go on for so long after the answer. */
const WAIT_UNTIL_MS = 30_000;

/** A request lives until it is answered and its work is done; its timers and reads end with it. */
class Request {
  alive = true;
  /** The answer counts as work. */
  work = 1;

  done(): void {
    this.work -= 1;
    if (this.work === 0) this.alive = false;
  }
}

/** Whose code is running: what it starts ends with it. */
const requests = new AsyncLocalStorage<Request>();

export class Isolate {
  readonly name: string;
  readonly location: string;
  /** Emergencies that it has shown. */
  readonly seen = new Set<string>();
  alive = true;
  /** What asked for an emergency in its last answer. */
  held: string[] = [];
  readonly #world: World;
  readonly #place: Place;
  readonly #dice: Dice;
  #reader: StateReader;

  constructor(world: World, place: Place, name: string) {
    this.#world = world;
    this.#place = place;
    this.name = name;
    this.location = place.name;
    this.#dice = world.dice(`isolate ${name}`);
    this.#reader = this.#newReader();
  }

  /** A visitor's request. */
  visit(): void {
    this.#serve(
      (reader, keepAlive) => reader.current(keepAlive),
      () => undefined,
    );
  }

  /** One to `/qa` with a valid token; `answer` may never be called. */
  ask(answer: (state: EffectiveState, beacon: BeaconSight | null) => void): void {
    this.#serve(
      (reader, keepAlive) => reader.fresh(keepAlive),
      (state) => answer(state, this.#reader.beacon()),
    );
  }

  die(): void {
    this.alive = false;
  }

  #serve(
    read: (
      reader: StateReader,
      keepAlive: (work: Promise<unknown>) => void,
    ) => EffectiveState | Promise<EffectiveState>,
    answer: (state: EffectiveState) => void,
  ): void {
    if (!this.alive) return;
    if (this.#world.twin.forgetful === true) this.#reader = this.#newReader();
    const request = new Request();
    const done = (): void => request.done();
    const keepAlive = (work: Promise<unknown>): void => {
      request.work += 1;
      void work.then(done, done);
    };
    const finish = (state: EffectiveState): void => {
      if (!this.alive) return;
      this.held = state.inForce.map(({ key, id = "" }) => `${key} ${id}`);
      this.#world.tell?.(this.name, shown(state));
      this.#world.truth.observed(this, state, this.#world);
      answer(state);
      if (request.work > 1) {
        this.#world.scheduler.after(WAIT_UNTIL_MS, () => {
          request.alive = false;
        });
      }
      done();
    };
    const state = requests.run(request, () => read(this.#reader, keepAlive));
    if (state instanceof Promise) void state.then(finish);
    else finish(state);
  }

  #newReader(): StateReader {
    const { scheduler } = this.#world;
    return createStateReader({
      now: () => scheduler.nowMs,
      random: () => this.#dice.next(),
      timer: (delayMs, callback) => this.#timer(delayMs, callback),
      kv: { get: (keys) => this.#get(keys) },
      beacon: this.#beacon(),
    });
  }

  #beacon(): BeaconCarrier | null {
    const { beacon, twin } = this.#world;
    if (beacon === null) return null;
    const later = (delayMs: number, callback: () => void) => void this.#timer(delayMs, callback);
    const carrier = beacon.carrierAt(this.location, later, this.#dice);
    return twin.beacon?.(carrier) ?? carrier;
  }

  #timer(delayMs: number, callback: () => void): () => void {
    const owner = requests.getStore();
    if (owner === undefined) throw new Error("a timer outside of any request");
    return this.#world.scheduler.after(delayMs, () => {
      if (owner.alive && this.alive) requests.run(owner, callback);
    });
  }

  /** An answer holds what was there when it was asked for, or when it was given. */
  #get(keys: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
    const dice = this.#dice;
    const { copies, name } = this.#place;
    const world = this.#world;
    const isSlow = world.has("kv slow", name);
    const isFailing = world.has("kv fails", name);
    const isHanging = world.has("kv hangs", name);
    const delayMs = isSlow ? dice.between(300, 20_000) : dice.between(2, 120);
    const early = dice.chance(0.5) ? copies.read(keys, world.nowMs, dice) : null;
    return new Promise((resolve, reject) => {
      if (isHanging) return;
      this.#timer(delayMs, () => {
        if (isFailing) reject(KV_FAILED);
        else resolve(early ?? copies.read(keys, world.nowMs, dice));
      });
    });
  }
}

const KV_FAILED = new Error("KV GET failed: 503");

function shown({ emergency, config, source, inForce }: EffectiveState): string {
  if (emergency)
    return `proxy, emergency: ${inForce.map(({ key, id }) => `${key} ${id}`).join(", ")}`;
  return config === null
    ? `proxy, nothing known (${source})`
    : `${config.canary_percent} % to native`;
}
