/** The beacon: a Durable Object, one per canary. What it says and when it changes: src/domain/state/beacon.ts. */
import { DurableObject } from "cloudflare:workers";
import type { BeaconAnswer, Beacon as Stored, Told } from "../../src/domain/state/beacon.ts";
import { answerOf, newBeacon, tellBeacon } from "../../src/domain/state/beacon.ts";

const KEY = "beacon";

export class Beacon extends DurableObject {
  #stored: Stored = newBeacon(Date.now());

  constructor(context: DurableObjectState, env: unknown) {
    super(context, env as never);
    void context.blockConcurrencyWhile(async () => {
      const stored = await context.storage.get<Stored>(KEY);
      if (stored === undefined) await context.storage.put(KEY, this.#stored);
      // What an older version of it has stored may lack what is new.
      else this.#stored = { ...this.#stored, ...stored };
    });
  }

  read(): BeaconAnswer {
    return answerOf(this.#stored);
  }

  /** A document of the key `stop`. Resolves when it is stored: nothing is answered before. */
  async tell(text: string): Promise<{ answer: BeaconAnswer; told: Told; changed: boolean }> {
    const { beacon, told } = tellBeacon(this.#stored, text, Date.now());
    const changed = beacon !== this.#stored;
    if (changed) {
      this.#stored = beacon;
      await this.ctx.storage.put(KEY, beacon);
    }
    return { answer: answerOf(beacon), told, changed };
  }
}
