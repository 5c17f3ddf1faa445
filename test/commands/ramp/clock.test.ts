/** AT-11: somebody, or a time server, sets the clock while a ramp runs. Holds stay as long as planned. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rampOf } from "../../domain/ramp/world.ts";
import { runs } from "../../support/runs.ts";
import { RampStage } from "./stage.ts";

const CASES = runs(500);
const HOUR_MS = 3_600_000;

const jump = fc.record({
  /** At this sleep from the start. */
  at: fc.integer({ min: 0, max: 40 }),
  byMs: fc.oneof(
    fc.constantFrom(1_000, -1_000, HOUR_MS, -HOUR_MS, 2 * HOUR_MS, -2 * HOUR_MS),
    fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }),
  ),
});

/** The longest difference between a hold and its plan, in ms. */
async function worstHold(
  jumps: readonly { at: number; byMs: number }[],
  uptimeIsSet = false,
): Promise<number> {
  const stage = new RampStage();
  stage.uptimeIsSet = uptimeIsSet;
  let sleeps = 0;
  stage.onSleep = () => {
    for (const { at, byMs } of jumps) if (at === sleeps) stage.clockError += byMs;
    sleeps += 1;
  };
  await stage.run(rampOf("5:2m,10:4m,50:2m,100"));
  const times = stage.writes.map(({ atMs }) => atMs);
  if (stage.writes.length < 4) return Number.POSITIVE_INFINITY;
  const holds = [120_000, 240_000, 120_000].map(
    (ms, i) => (times[i + 1] ?? 0) - (times[i] ?? 0) - ms,
  );
  return Math.max(...holds.map(Math.abs));
}

describe("AT-11", () => {
  it(`holds stay within 1 s in ${CASES} cases of clock jumps`, async () => {
    let worst = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(jump, { minLength: 1, maxLength: 4 }), async (jumps) => {
        const difference = await worstHold(jumps);
        worst = Math.max(worst, difference);
        expect(difference).toBeLessThanOrEqual(1_000);
      }),
      { numRuns: CASES },
    );
    console.log(`AT-11: ${CASES} cases, worst hold off by ${worst} ms`);
  });

  it("is noticed by a run whose time moves when the clock is set", async () => {
    expect(await worstHold([{ at: 3, byMs: HOUR_MS }], true)).toBeGreaterThan(1_000);
    expect(await worstHold([{ at: 3, byMs: -HOUR_MS }], true)).toBeGreaterThan(1_000);
  });
});
