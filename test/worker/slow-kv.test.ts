/** Slow reads: a stop is obeyed however long KV takes to answer, on a runtime that drops work. (AT-5) */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import type { KeepAlive } from "../../worker/carrier-reader.ts";
import { READ_LIMIT_MS } from "../../worker/carrier-reader.ts";
import { createStateReader } from "../../worker/state-reader.ts";
import { FakeRequest, FakeRuntime } from "./fake-runtime.ts";
import { configText } from "./harness.ts";

/** Over the time of the read, at one request a second and more. */
const OBEYED_WITHIN_MS = 6_000;
const LONGEST_READ_MS = 10_000;
const STOP = JSON.stringify({ active: true, id: "s1", at: "2026-01-01T00:00:00Z" });

/** What becomes of a read that began before the stop: it takes so long, or worse. */
type Fate = number | "hangs" | "fails" | "its request dies";

interface Plan {
  /** Between one request and the next, over and over; /qa with a token asks anew. */
  arrivals: { afterMs: number; qa: boolean; answerMs: number }[];
  before: Fate[];
  /** How long reads take that began after the stop, over and over. */
  after: number[];
  stopAtMs: number;
}

interface Outcome {
  /** Since the stop was in KV, when the last request was decided without it; 0 when none was. */
  lastNativeMs: number;
  longestWaitMs: number;
  mostUnderWay: number;
}

type Keep = (request: FakeRequest, runtime: FakeRuntime) => KeepAlive;

const whole: Keep = (request) => (work) => request.waitUntil(work);

class World {
  readonly runtime = new FakeRuntime();
  readonly startMs = this.runtime.nowMs;
  readonly #plan: Plan;
  readonly #keep: Keep;
  readonly #outcome: Outcome = { lastNativeMs: 0, longestWaitMs: 0, mostUnderWay: 0 };
  #requests = 0;
  #reads = 0;
  #underWay = 0;
  #request: FakeRequest | null = null;
  readonly #reader = createStateReader({
    now: () => this.runtime.nowMs,
    random: () => 1,
    timer: (delayMs, callback) => this.runtime.timer(delayMs, callback),
    kv: { get: () => this.#read() },
  });

  constructor(plan: Plan, keep: Keep) {
    this.#plan = plan;
    this.#keep = keep;
  }

  /** From the first request to well after the time at which the stop must be obeyed. */
  async play(): Promise<Outcome> {
    this.#arrive();
    await this.runtime.run(this.startMs + this.#plan.stopAtMs + boundMs(this.#plan) + 15_000);
    return this.#outcome;
  }

  get #stopped(): boolean {
    return this.runtime.nowMs >= this.startMs + this.#plan.stopAtMs;
  }

  #arrive(): void {
    const { runtime } = this;
    const arrival = nth(this.#plan.arrivals, this.#requests);
    this.#requests += 1;
    const request = new FakeRequest(runtime);
    this.#request = request;
    const keepAlive = this.#keep(request, runtime);
    const arrivedAtMs = runtime.nowMs;
    const state = runtime.inside(request, () =>
      arrival.qa ? this.#reader.fresh(keepAlive) : this.#reader.current(keepAlive),
    );
    void Promise.resolve(state).then((known) => {
      this.#decided(known, arrivedAtMs);
      runtime.at(runtime.nowMs + arrival.answerMs, () => request.answered());
    });
    runtime.at(arrivedAtMs + arrival.afterMs, () => this.#arrive());
  }

  #decided({ emergency }: EffectiveState, arrivedAtMs: number): void {
    const { nowMs } = this.runtime;
    const outcome = this.#outcome;
    outcome.longestWaitMs = Math.max(outcome.longestWaitMs, nowMs - arrivedAtMs);
    const sinceStopMs = nowMs - this.startMs - this.#plan.stopAtMs;
    if (!emergency) outcome.lastNativeMs = Math.max(outcome.lastNativeMs, sinceStopMs);
  }

  /** Shows what was in KV when it was asked. */
  #read(): Promise<Map<string, string | null>> {
    const stopped = this.#stopped;
    const fate: Fate = nth(stopped ? this.#plan.after : this.#plan.before, this.#reads);
    this.#reads += 1;
    const request = this.#request;
    if (fate === "its request dies" && request !== null) {
      this.runtime.at(this.runtime.nowMs + 1, () => request.end());
    }
    const values = new Map([
      ["config", configText({ canary_percent: 100 })],
      ["stop", stopped ? STOP : null],
    ]);
    const answer = this.runtime.answer(typeof fate === "number" ? fate : delayOf(fate), () => {
      if (fate === "fails") throw new Error("KV GET failed: 503");
      return values;
    });
    this.#count(answer);
    return answer;
  }

  #count(answer: Promise<unknown>): void {
    this.#underWay += 1;
    this.#outcome.mostUnderWay = Math.max(this.#outcome.mostUnderWay, this.#underWay);
    let open = true;
    const done = (): void => {
      if (open) this.#underWay -= 1;
      open = false;
    };
    void answer.then(done, done);
    this.runtime.at(this.runtime.nowMs + 30_000, done);
  }
}

function delayOf(fate: Exclude<Fate, number>): number | null {
  return fate === "fails" ? 0 : null;
}

function nth<T>(list: readonly T[], index: number): T {
  const item = list[index % list.length];
  if (item === undefined) throw new Error("an empty list");
  return item;
}

function boundMs({ after }: Plan): number {
  return Math.max(...after) + OBEYED_WITHIN_MS;
}

const play = (plan: Plan, keep: Keep = whole): Promise<Outcome> => new World(plan, keep).play();

const readMs = fc.integer({ min: 0, max: LONGEST_READ_MS });
const arrival = (minMs: number) =>
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: minMs, max: 1_000 }), fc.constantFrom(minMs, 1_000)),
    qa: fc.boolean(),
    answerMs: fc.constantFrom(0, 20, 3_000),
  });
/** At once, in bursts or apart, but not without end. */
const arrivals = fc
  .tuple(fc.array(arrival(0), { maxLength: 6 }), arrival(300))
  .map(([some, last]) => [...some, last]);
const plans: fc.Arbitrary<Plan> = fc.record({
  arrivals,
  before: fc.array(
    fc.oneof(readMs, fc.constantFrom<Fate>("hangs", "fails", "its request dies", 0, 251)),
    { minLength: 1, maxLength: 6 },
  ),
  after: fc.array(fc.oneof(readMs, fc.constantFrom(0, 249, 250, 251, 300, LONGEST_READ_MS)), {
    minLength: 1,
    maxLength: 4,
  }),
  stopAtMs: fc.integer({ min: 0, max: 40_000 }),
});

const obeyed = (keep: Keep = whole) =>
  fc.asyncProperty(plans, async (plan) => {
    const { lastNativeMs } = await play(plan, keep);
    return lastNativeMs <= boundMs(plan);
  });

/** One request a second, reads that always take so long, a stop between two of them. */
function steady(takesMs: number, everyMs = 1_000): Plan {
  const arrivals = [{ afterMs: everyMs, qa: false, answerMs: 20 }];
  return { arrivals, before: [takesMs], after: [takesMs], stopAtMs: 20_500 };
}

describe("KV that is slow (AT-5)", () => {
  test("whatever reads take up to 10 s, and whatever became of those before, a stop is obeyed within that time + 6 s", async () => {
    await fc.assert(obeyed(), { numRuns: 400 });
  });

  test("nobody waits longer than 250 ms, and no more than ten reads are under way", async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { longestWaitMs, mostUnderWay } = await play(plan);
        expect(longestWaitMs).toBeLessThanOrEqual(READ_LIMIT_MS);
        expect(mostUnderWay).toBeLessThanOrEqual(10);
      }),
      { numRuns: 200 },
    );
  });

  test.each([0, 240, 300, 600, 1_000, 3_000, 8_000, 10_000])(
    "visitors alone, reads of %i ms: obeyed in time, with three reads under way at most",
    async (takesMs) => {
      for (const everyMs of [50, 333, 1_000]) {
        const { lastNativeMs, mostUnderWay } = await play(steady(takesMs, everyMs));
        expect(lastNativeMs).toBeLessThanOrEqual(takesMs + OBEYED_WITHIN_MS);
        expect(mostUnderWay).toBeLessThanOrEqual(3);
      }
    },
  );
});

describe("a reader without its guard is caught", () => {
  const shortKept: Keep = (request, runtime) => (work) => {
    const limit = new Promise<void>((resolve) => {
      runtime.at(runtime.nowMs + READ_LIMIT_MS, resolve);
    });
    request.waitUntil(Promise.race([work, limit]));
  };

  test.each<[string, Keep]>([
    ["keeps a read alive for 250 ms only", shortKept],
    ["does not keep it alive", () => () => undefined],
  ])("one that %s", async (_name, keep) => {
    expect((await play(steady(300), keep)).lastNativeMs).toBeGreaterThan(30_000 - 15_000);
    expect((await fc.check(obeyed(keep), { numRuns: 200 })).failed).toBe(true);
  });
});
