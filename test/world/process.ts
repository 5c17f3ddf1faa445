/** A process on an operator's machine: it may be killed at any moment, and then hears of nothing any more. */
import type { Outcome } from "../../src/commands/command.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import type { Clock } from "../../src/ports/machine.ts";
import type { Dice } from "./dice.ts";
import type { Operation } from "./plan.ts";
import type { Scheduler } from "./scheduler.ts";

const TIME_OUT = new DOMException("time limit reached", "TimeoutError");

export class Process {
  readonly name: string;
  readonly operation: Operation;
  readonly dice: Dice;
  readonly interrupt = new AbortController();
  alive = true;
  outcome: Outcome<unknown> | null = null;
  endedMs: number | null = null;
  /** When the plan was made that its human said yes to; null: nobody has yet. */
  saidYesToMs: number | null = null;
  /** Of the stop that it writes. */
  stopId: string | null = null;
  /** What it has put on its machine's disk, to be told later; entries of the journal by id. */
  readonly debts = new Map<string, JournalEntry>();
  /** When it last looked at what is stored, whatever came of that. */
  lookedMs = Number.NEGATIVE_INFINITY;
  /** Ids and revisions in what it has read, or seen at a `/qa`. */
  readonly #seenMs = new Map<string, number>();
  readonly #scheduler: Scheduler;

  constructor(operation: Operation, dice: Dice, scheduler: Scheduler) {
    this.name = operation.who;
    this.operation = operation;
    this.dice = dice;
    this.#scheduler = scheduler;
  }

  saw(id: string): void {
    if (!this.#seenMs.has(id)) this.#seenMs.set(id, this.#scheduler.nowMs);
  }

  /** Whether it had seen that by then. */
  knew(id: string, atMs: number): boolean {
    return (this.#seenMs.get(id) ?? Number.POSITIVE_INFINITY) <= atMs;
  }

  /** What happens to it, while it lives. */
  at(atMs: number, callback: () => void): () => void {
    return this.#scheduler.at(atMs, () => {
      if (this.alive) callback();
    });
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.at(this.#scheduler.nowMs + delayMs, callback);
  }

  clock(): Clock {
    const scheduler = this.#scheduler;
    const startMs = scheduler.nowMs;
    return {
      now: () => scheduler.nowMs + this.operation.skewMs,
      monotonic: () => scheduler.nowMs - startMs,
      uptime: () => scheduler.nowMs - startMs,
      timeout: (ms) => this.timeout(ms),
      sleep: (ms, signal) => this.sleep(ms, signal),
    };
  }

  timeout(ms: number): AbortSignal {
    const limit = new AbortController();
    this.after(ms, () => limit.abort(TIME_OUT));
    return limit.signal;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        callOff();
        reject(signal.reason);
      };
      const callOff = this.after(Math.max(1, Math.ceil(ms)), () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
