/** AT-7: 100,000 values in CI of `config`, the same in workerd (the Worker) and in Node (the CLI). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runs } from "../support/runs.ts";
import type { Order, Verdicts } from "./config-verdicts.ts";
import { verdictsOf } from "./config-verdicts.ts";
import type { Isolate } from "./isolate.ts";
import { startIsolate } from "./isolate.ts";

const order: Order = {
  seed: Number(process.env.PIXCANARY_SEED ?? Date.now() % 2 ** 31),
  count: runs(100_000, 10_000),
  parser: "real",
};

let isolate: Isolate;
beforeAll(async () => {
  isolate = await startIsolate("config-values.isolate.ts");
});
afterAll(() => isolate.dispose());

describe("AT-7", () => {
  test("0 throws, 0 disagreements, and the decision is by the last good value or proxy", async () => {
    const [worker, cli] = await Promise.all([isolate.run<Verdicts>(order), verdictsOf(order)]);
    console.log(`AT-7: seed ${order.seed}, ${worker.count} values, ${worker.valid} valid`);
    expect(worker).toMatchObject({ count: order.count, threw: 0, misjudged: [], misrouted: [] });
    expect(worker.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(cli).toEqual(worker);
    expect(worker.valid).toBeGreaterThan(order.count / 5);
    expect(worker.valid).toBeLessThan(order.count / 2);
  });

  test("a parser that takes what it finds is caught in every way", async () => {
    const lenient = { ...order, count: 2_000, parser: "lenient" } as const;
    const [broken, real] = [
      await verdictsOf(lenient),
      await verdictsOf({ ...lenient, parser: "real" }),
    ];
    expect(broken.threw).toBeGreaterThan(0);
    expect(broken.misjudged).not.toEqual([]);
    expect(broken.misrouted).not.toEqual([]);
    expect(broken.digest).not.toBe(real.digest);
  });
});
