/** What the Worker's cron takes from the machine, on virtual time: timers, chance, the metrics' answers. */
import type { World } from "./world.ts";

let world: World | null = null;
let failing: (nowMs: number) => number = () => 0;

/** The world whose time it is from now on, and how native does in it, in percent of errors. */
export function enter(next: World, errorsAt: (nowMs: number) => number): void {
  world = next;
  failing = errorsAt;
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  fetch: globalThis.fetch,
  random: Math.random,
  timeout: AbortSignal.timeout,
  warn: console.warn,
  stackTraceLimit: Error.stackTraceLimit,
};

/** Until the returned function is called, nothing waits for real, and nothing is drawn by real chance. */
export function virtualMachine(): () => void {
  const cancels = new Map<number, () => void>();
  let handles = 0;
  const setTimer = (callback: () => void, ms = 0): number => {
    handles += 1;
    const handle = handles;
    if (world !== null) cancels.set(handle, world.scheduler.after(ms, callback));
    return handle;
  };
  Object.assign(globalThis, {
    setTimeout: setTimer,
    clearTimeout: (handle: number) => {
      cancels.get(handle)?.();
      cancels.delete(handle);
    },
    fetch: (_: string, { body }: { body: string }) => answer(body),
  });
  Math.random = () => 0.5;
  AbortSignal.timeout = () => new AbortController().signal;
  console.warn = () => undefined;
  // Errors are many here, and nobody reads where they were made.
  Error.stackTraceLimit = 0;
  return () => {
    world = null;
    const { random, timeout, warn, stackTraceLimit, ...globals } = real;
    Object.assign(globalThis, globals);
    Math.random = random;
    AbortSignal.timeout = timeout;
    console.warn = warn;
    Error.stackTraceLimit = stackTraceLimit;
  };
}

const MINUTE_MS = 60_000;
const MINUTES = 15;

/** The SQL API's answer, as far as the guardian reads it. */
function answer(sql: string): Promise<object> {
  const nowMs = world?.nowMs ?? 0;
  const data = sql.includes(" AS cohort") ? healthRows(nowMs) : [];
  const body = [new TextEncoder().encode(JSON.stringify({ data }))];
  return new Promise((resolve) => {
    world?.scheduler.after(50, () => resolve({ status: 200, body }));
  });
}

function healthRows(nowMs: number): object[] {
  const newest = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: MINUTES }, (_, index) => newest - index * MINUTE_MS).flatMap(
    (startMs) =>
      (["native", "proxy"] as const).map((cohort) => {
        const errors = cohort === "native" ? failing(startMs) * 10 : 0;
        return {
          bucket: startMs / 1_000,
          cohort,
          requests: 1_000,
          observations: 1_000,
          errors,
          errorObservations: errors,
          ...{ p50: 10, p90: 20, p95: 25, p99: 30 },
        };
      }),
  );
}
