/** How often a watch may ask: places in the budget, pauses between rounds, and what is told of refusals. */
import { anySignal } from "../../domain/lib/abort.ts";
import type { FleetExpectation, FleetLocation } from "../../domain/proof/fleet.ts";
import type { Ports } from "../../ports/ports.ts";
import { asUpstream } from "../lib/write-result.ts";
import type { WatchModel } from "./model.ts";
import type { Pace, Spent } from "./request-budget.ts";
import { slower, spend, waitForRoom } from "./request-budget.ts";

export interface Polling {
  ports: Ports;
  model: WatchModel;
  /** Ends it all. */
  signal: AbortSignal;
  /** Between looks at state and metrics; the slower ones follow from it. */
  intervalMs: number;
  /** Something in the model is new; not called any more once the signal has aborted. */
  changed(): void;
}

export interface Run extends Polling {
  pace: Pace;
  spent: Spent;
  /**
   * Aborted and replaced to ask at once: `state` when `/qa` shows something new, and `rest` when what
   * is stored has changed.
   */
  wake: Record<Wake, AbortController>;
  fleet: { expected: FleetExpectation; known: readonly FleetLocation[] };
}

/** False when it is over. */
export async function placeFor(run: Run, requests: number): Promise<boolean> {
  for (;;) {
    const nowMs = run.ports.clock.now();
    const waitMs = Math.max(waitForRoom(run.spent, requests, nowMs), run.pace.notBeforeMs - nowMs);
    if (run.signal.aborted) return false;
    if (waitMs <= 0) {
      run.spent = spend(run.spent, requests, nowMs);
      return true;
    }
    if (!(await pause(run, waitMs))) return false;
  }
}

/** False when it is over; a wake-up ends it early. */
export async function pause(run: Run, ms: number, wake?: AbortSignal): Promise<boolean> {
  const signal = wake === undefined ? run.signal : anySignal([run.signal, wake]);
  await run.ports.clock.sleep(ms, signal).catch(() => undefined);
  return !run.signal.aborted;
}

/** Never sooner, up to a fifth later: several who watch do not stay in step. */
export function jittered(run: Run, ms: number): number {
  return ms * (1 + run.ports.rng.next() / 5);
}

/** Each question in one request: it is asked again soon, and retries would not be in the budget. */
export function once(run: Run): Ports {
  const { ports, model } = run;
  const entries = [...(model.journal.value ?? [])];
  const warnings = model.journal.value === null ? ["journal not read yet"] : [];
  return {
    ...ports,
    store: {
      ...ports.store,
      read: (options) => noted(run, ports.store.read({ ...options, once: true })),
    },
    metrics: {
      ask: (question, options) =>
        noted(run, ports.metrics.ask(question, { ...options, once: true })),
    },
    journal: { ...ports.journal, recent: async () => ({ entries, warnings }) },
  };
}

async function noted<T>(run: Run, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const { status, retryAfterMs } = asUpstream(thrown);
    if (status === 429) run.pace = slower(run.pace, run.ports.clock.now(), retryAfterMs);
    throw thrown;
  }
}

export function limitOf(run: Run): AbortSignal {
  return anySignal([run.ports.clock.timeout(PART_LIMIT_MS), run.signal]);
}

/** For one part: what takes longer is not worth waiting for, as it is asked again soon. */
const PART_LIMIT_MS = 8_000;

export type Wake = "state" | "rest";

export function wakeUp(run: Run, which: Wake): void {
  const old = run.wake[which];
  run.wake[which] = new AbortController();
  old.abort();
}
