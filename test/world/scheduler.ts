/**
 * Virtual time: events in the order of their times, and of their making where these are equal. Before time moves
 * on, everything has run that was able to.
 */

interface Event {
  atMs: number;
  number: number;
  /** Null: called off. */
  callback: (() => void) | null;
}

/** Node takes its next tick only when no promise job is left: exact, and cheap. */
const nextTick = process.nextTick;
const settled = (): Promise<void> => new Promise((resolve) => nextTick(resolve));

export class Scheduler {
  nowMs: number;
  /** Events that happened. */
  count = 0;
  #number = 0;
  /** A binary heap. */
  readonly #events: Event[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** Returns how to call it off. */
  at(atMs: number, callback: () => void): () => void {
    this.#number += 1;
    const event: Event = { atMs: Math.max(atMs, this.nowMs), number: this.#number, callback };
    this.#push(event);
    return () => {
      event.callback = null;
    };
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.at(this.nowMs + delayMs, callback);
  }

  /** Until then, until nothing is left, or until `over` says so, which is asked after each event. */
  async run(untilMs: number, over: () => boolean = () => false): Promise<void> {
    await settled();
    while (!over()) {
      const next = this.#events[0];
      if (next === undefined || next.atMs > untilMs) return;
      this.#pop();
      if (next.callback === null) continue;
      this.nowMs = next.atMs;
      this.count += 1;
      next.callback();
      await settled();
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      if (left === undefined) break;
      const right = heap[2 * index + 2];
      const isRight = right !== undefined && isBefore(right, left);
      const least = isRight ? right : left;
      if (isBefore(last, least)) break;
      heap[index] = least;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number);
}
