/** Of forged, replayed and expired stops none is taken, and none is an error of ours; valid ones in between are. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Isolate } from "./isolate.ts";
import { startIsolate } from "./isolate.ts";
import type { ForgeryOrder, ForgeryResult } from "./stop-forgeries.isolate.ts";
import { FORGERIES } from "./stop-forgeries.ts";

const BODIES = Number(process.env.PIXCANARY_STOP_BODIES ?? 10_000);
const PER_TURN = 5_000;
const seed = Number(process.env.PIXCANARY_SEED ?? Date.now() % 2 ** 31);

let isolate: Isolate;
beforeAll(async () => {
  isolate = await startIsolate("stop-forgeries.isolate.ts", { workers: 1 });
});
afterAll(() => isolate.dispose());

test(`of ${BODIES} forged, replayed and expired stops 0 are accepted and 0 are a 5xx`, async () => {
  const nowMs = Date.now();
  const statuses: Record<string, number> = {};
  let valid = 0;
  for (let tried = 0; tried < BODIES; tried += PER_TURN) {
    const count = Math.min(PER_TURN, BODIES - tried);
    const order: ForgeryOrder = { seed: seed + tried, count, nowMs };
    const result = await isolate.run<ForgeryResult>(order);
    for (const [kind, times] of Object.entries(result.statuses)) {
      statuses[kind] = (statuses[kind] ?? 0) + times;
    }
    valid += result.valid;
    expect(result, `seed ${seed + tried}`).toMatchObject({
      tried: count,
      accepted: 0,
      serverErrors: 0,
      validRefused: 0,
      firstWrong: null,
    });
  }
  console.log(`signed stops: seed ${seed}, ${BODIES} forged, ${valid} valid`, statuses);
  expect(valid).toBeGreaterThan(0);
  const kinds = new Set(Object.keys(statuses).map((kind) => kind.split(":")[0]));
  expect(kinds.size).toBe(Object.keys(FORGERIES).length);
});
