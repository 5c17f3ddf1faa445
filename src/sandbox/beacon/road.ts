/** The way from each location to the Durable Objects: open, slow, refusing as an overloaded object does, or silent. */
import { drawnMs, type LagRange, PROMPT } from "../kv/replicas.ts";
import type { Random } from "../random.ts";

/** `throw`: calls fail at once. `hang`: they never answer. */
export type CallMode = "normal" | "throw" | "hang";

export interface RoadState {
  /** How many came since the start, refused ones included. */
  calls: number;
  modes: Record<string, CallMode>;
  readMs: Record<string, LagRange>;
}

export class ObjectRoad {
  readonly #modes: Map<string, CallMode>;
  readonly #readMs: Map<string, LagRange>;
  readonly #random: Random;
  #calls = 0;

  constructor(locations: readonly string[], random: Random) {
    this.#modes = new Map(locations.map((colo) => [colo, "normal"]));
    this.#readMs = new Map(locations.map((colo) => [colo, PROMPT]));
    this.#random = random;
  }

  /** One call more. */
  take(colo: string): CallMode {
    this.#calls += 1;
    return this.#modes.get(colo) ?? "normal";
  }

  set(mode: CallMode, colo?: string): void {
    for (const one of colo === undefined ? [...this.#modes.keys()] : [colo]) {
      this.#modes.set(one, mode);
    }
  }

  setReadMs(readMs: LagRange, colo?: string): void {
    for (const one of colo === undefined ? [...this.#readMs.keys()] : [colo]) {
      this.#readMs.set(one, readMs);
    }
  }

  /** What the next read from there takes. */
  drawReadMs(colo: string): number {
    return drawnMs(this.#readMs.get(colo) ?? PROMPT, this.#random);
  }

  state(): RoadState {
    return {
      calls: this.#calls,
      modes: Object.fromEntries(this.#modes),
      readMs: Object.fromEntries(this.#readMs),
    };
  }
}
