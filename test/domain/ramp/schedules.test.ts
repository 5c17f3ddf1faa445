/**
 * AT-10: laptops sleep, for seconds or for days, and holds last up to 60 days. No step fires early, none
 * is doubled, a wake-up raises by one step at most, and not before health was asked again.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shortDuration } from "../../../src/domain/lib/duration.ts";
import type { Gate } from "../../../src/domain/ramp/advance.ts";
import { runs } from "../../support/runs.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, PASS, RampWorld, rampOf } from "./world.ts";

const SCHEDULES = runs(1_000);

/** Up to 60 days, the 2^31 ms of Node's timers among them. */
const holdS = fc.oneof(
  fc.integer({ min: 1, max: 7_200 }),
  fc.integer({ min: 3_600, max: 60 * 86_400 }),
  fc.constant(Math.ceil(2 ** 31 / 1_000)),
  fc.constant(60 * 86_400),
);

const sleepMs = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1_000, 10 * MINUTE_MS, 8 * HOUR_MS, 3 * DAY_MS) },
);

const schedule = fc.record({
  holds: fc.array(holdS, { minLength: 1, maxLength: 5 }),
  sleeps: fc.array(sleepMs, { minLength: 5, maxLength: 40 }),
  liveAfterMs: fc.array(fc.integer({ min: 0, max: 5 * MINUTE_MS }), { minLength: 5, maxLength: 5 }),
});

type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never;

interface Figures {
  early: number;
  doubled: number;
  perWake: number;
  unasked: number;
  finished: number;
}

/** `twin` breaks the guard that the figures are about. */
function play(given: Schedule, twin: (world: RampWorld) => void = () => undefined): Figures {
  const plan = given.holds.map((s, i) => `${(i + 1) * 10}:${shortDuration(s)}`).join(",");
  const world = new RampWorld(rampOf(plan));
  const figures: Figures = { early: 0, doubled: 0, perWake: 0, unasked: 0, finished: 0 };
  const liveSinceMs: number[] = [];
  let wrote = new Set<number>();
  for (let turn = 0; turn < 400 && world.ramp.state === "running"; turn += 1) {
    const stepBefore = world.ramp.step;
    const writtenAtMs = Date.parse(world.ramp.written_at ?? "");
    world.everywhere =
      world.nowMs - writtenAtMs >= (given.liveAfterMs[Math.max(0, stepBefore)] ?? 0);
    // Health is known only while somebody asks: a gate from before the sleep is gone.
    world.gate = gateAt(world);
    twin(world);
    const order = world.tick();
    if (order.do === "write") {
      if (wrote.has(order.step)) figures.doubled += 1;
      wrote = new Set([...wrote, order.step]);
      if (order.step > stepBefore + 1) figures.perWake += 1;
      if (order.step > 0) {
        const heldMs = world.nowMs - (liveSinceMs[order.step - 1] ?? Number.POSITIVE_INFINITY);
        if (heldMs < (given.holds[order.step - 1] ?? 0) * 1_000) figures.early += 1;
        if (world.gates.at(-1)?.verdict !== "pass") figures.unasked += 1;
      }
    }
    if (world.ramp.phase === "hold" && liveSinceMs[world.ramp.step] === undefined) {
      liveSinceMs[world.ramp.step] = world.nowMs;
    }
    // As the runner waits: not beyond what was ordered, unless the machine sleeps.
    const untilMs = order.do === "wait" ? Math.max(1, order.untilMs - world.nowMs) : 1_000;
    const holdLeftMs = Date.parse(world.ramp.hold_until ?? "") - world.nowMs;
    const skipMs = holdLeftMs > 10 * MINUTE_MS ? holdLeftMs / 3 : untilMs;
    world.nowMs += Math.ceil(skipMs) + (given.sleeps[turn % given.sleeps.length] ?? 0);
  }
  if (world.ramp.state === "done") figures.finished += 1;
  return figures;
}

function gateAt(world: RampWorld): Gate {
  return { ...PASS, why: new Date(world.nowMs).toISOString() };
}

function total(run: (given: Schedule) => Figures, schedules = SCHEDULES): Figures {
  const sum: Figures = { early: 0, doubled: 0, perWake: 0, unasked: 0, finished: 0 };
  const seed = Date.now() % 2 ** 31;
  for (const given of fc.sample(schedule, { numRuns: schedules, seed })) {
    const figures = run(given);
    for (const key of Object.keys(sum) as (keyof Figures)[]) sum[key] += figures[key];
  }
  console.log(`AT-10: seed ${seed}, ${schedules} schedules: ${JSON.stringify(sum)}`);
  return sum;
}

describe("AT-10", () => {
  it("0 early, 0 doubled, one step per wake-up, health asked before each", () => {
    const figures = total((given) => play(given));
    expect(figures).toMatchObject({ early: 0, doubled: 0, perWake: 0, unasked: 0 });
    expect(figures.finished).toBeGreaterThan(SCHEDULES / 2);
  });

  it("is noticed when a timer of more than 2^31 ms fires at once", () => {
    const overflowing = (world: RampWorld) => {
      const holdMs = Date.parse(world.ramp.hold_until ?? "") - world.nowMs;
      if (holdMs > 2 ** 31 - 1) {
        world.ramp = { ...world.ramp, hold_until: new Date(world.nowMs).toISOString() };
      }
    };
    expect(total((given) => play(given, overflowing), 50).early).toBeGreaterThan(0);
  });

  it("is noticed when a run forgets what it has written", () => {
    const forgetful = (world: RampWorld) => {
      if (world.ramp.step === 1 && world.ramp.phase === "settle") {
        world.ramp = { ...world.ramp, step: 0, phase: "hold", hold_until: world.ramp.started_at };
        world.config = { ...world.config, revision: "STEP0", canary_percent: 10 };
      }
    };
    expect(total((given) => play(given, forgetful), 50).doubled).toBeGreaterThan(0);
  });
});
