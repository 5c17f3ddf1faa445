/**
 * The part of the Workers runtime that a state reader depends on, on a virtual clock: a request lives
 * until it is answered and all that it gave to `waitUntil` is done, 30 s after its answer at most. With
 * it end its timers and what it had asked for: their answers never come.
 */
import { settle } from "./reader-bench.ts";

const WAIT_UNTIL_MS = 30_000;

export class FakeRequest {
  alive = true;
  /** The answer itself counts as work, until it is given. */
  #work = 1;

  readonly #runtime: FakeRuntime;
  #callOffEnd = (): void => undefined;

  constructor(runtime: FakeRuntime) {
    this.#runtime = runtime;
  }

  waitUntil(work: Promise<unknown>): void {
    this.#work += 1;
    const done = () => this.#done();
    void work.then(done, done);
  }

  answered(): void {
    this.#callOffEnd = this.#runtime.at(this.#runtime.nowMs + WAIT_UNTIL_MS, () => this.end());
    this.#done();
  }

  /** As when the runtime tears it down. */
  end(): void {
    this.alive = false;
    this.#callOffEnd();
  }

  #done(): void {
    this.#work -= 1;
    if (this.#work === 0) this.end();
  }
}

export class FakeRuntime {
  nowMs = 1_700_000_000_000;
  /** In order of time. */
  #events: { atMs: number; callback: () => void }[] = [];
  #current: FakeRequest | null = null;

  /** Not of any request: what the world does. */
  at(atMs: number, callback: () => void): () => void {
    const event = { atMs, callback };
    const later = this.#events.findIndex((other) => other.atMs > atMs);
    this.#events.splice(later === -1 ? this.#events.length : later, 0, event);
    return () => {
      this.#events = this.#events.filter((other) => other !== event);
    };
  }

  /** What is called meanwhile belongs to this request. */
  inside<T>(request: FakeRequest, run: () => T): T {
    this.#current = request;
    try {
      return run();
    } finally {
      this.#current = null;
    }
  }

  /** Of the request that is running. */
  timer(delayMs: number, callback: () => void): () => void {
    const owner = this.#current;
    if (owner === null) throw new Error("a timer outside of any request");
    return this.at(this.nowMs + delayMs, () => {
      if (owner.alive) this.inside(owner, callback);
    });
  }

  /** An answer to the request that is running; null never comes. */
  answer<T>(delayMs: number | null, value: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (delayMs === null) return;
      this.timer(delayMs, () => {
        try {
          resolve(value());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async run(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#events.shift();
      this.nowMs = next.atMs;
      next.callback();
      await settle();
    }
    this.nowMs = untilMs;
  }
}
