/** A state reader with time, chance and KV in the test's hands. */
import { expect } from "vitest";
import { STATE_KEYS } from "../../src/domain/state/state.ts";
import type { StateReader } from "../../worker/state-reader.ts";
import { createStateReader } from "../../worker/state-reader.ts";
import { configText } from "./harness.ts";

type Answer = ReadonlyMap<string, string | null>;

/** KV whose answers come when the test says so, and a clock that stands still until moved. */
export class Bench {
  nowMs = 1_000_000;
  config: string | null = configText({ canary_percent: 50, revision: "r1" });
  stop: string | null = null;
  reads = 0;
  /** `hang` leaves reads open, to be answered one by one through `pending`. */
  mode: "answer" | "hang" | "throw" | "throw-at-once" | "nonsense" = "answer";
  pending: ((answer: Answer) => void)[] = [];
  background: Promise<unknown>[] = [];
  #timers = new Set<{ atMs: number; callback: () => void }>();
  readonly reader: StateReader = createStateReader({
    now: () => this.nowMs,
    random: () => 1,
    timer: (delayMs, callback) => {
      const timer = { atMs: this.nowMs + delayMs, callback };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
    kv: { get: (keys, options) => this.#read(keys, options) },
  });

  get timers(): number {
    return this.#timers.size;
  }

  current = async () => this.reader.current((work) => this.background.push(work));
  fresh = () => this.reader.fresh((work) => this.background.push(work));

  /** Moves the clock and fires what is due. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.nowMs) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }

  answer(): Answer {
    return new Map([
      ["config", this.config],
      ["stop", this.stop],
    ]);
  }

  #read(keys: string[], options: { cacheTtl: number }): Promise<Answer> {
    expect([keys, options]).toEqual([STATE_KEYS, { cacheTtl: 30 }]);
    this.reads += 1;
    switch (this.mode) {
      case "hang":
        return new Promise((resolve) => this.pending.push(resolve));
      case "throw":
        return Promise.reject(new Error("KV GET failed: 503"));
      case "throw-at-once":
        throw new Error("binding is broken");
      case "nonsense":
        return Promise.resolve(new Map<string, never>([["config", { not: "text" } as never]]));
      default:
        return Promise.resolve(this.answer());
    }
  }
}

/** Lets everything that is already decided happen. */
export async function settle(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
}
