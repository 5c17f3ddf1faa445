/** The way from each location to the Durable Objects: open, refusing as an overloaded object does, or silent. */

/** `throw`: calls fail at once. `hang`: they never answer. */
export type CallMode = "normal" | "throw" | "hang";

export class ObjectRoad {
  readonly #modes: Map<string, CallMode>;
  #calls = 0;

  constructor(locations: readonly string[]) {
    this.#modes = new Map(locations.map((colo) => [colo, "normal"]));
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

  /** `calls`: how many came since the start, refused ones included. */
  state(): { calls: number; modes: Record<string, CallMode> } {
    return { calls: this.#calls, modes: Object.fromEntries(this.#modes) };
  }
}
