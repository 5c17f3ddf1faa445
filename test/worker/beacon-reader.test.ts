/** The state reader with its second carrier: either one stops, both release, and neither is in a request's way. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Beacon } from "../../src/domain/state/beacon.ts";
import { answerOf, newBeacon, tellBeacon } from "../../src/domain/state/beacon.ts";
import type { BeaconCarrier, BeaconRead } from "../../worker/beacon/carrier.ts";
import { READ_LIMIT_MS } from "../../worker/carrier-reader.ts";
import { BEACON_STALE_MS, createStateReader, FRESH_MS } from "../../worker/state-reader.ts";
import { configText } from "./harness.ts";
import { settle } from "./reader-bench.ts";

const T0 = Date.parse("2026-11-01T10:00:00Z");
const iso = (ms: number): string => new Date(ms).toISOString();
const STOP = JSON.stringify({ active: true, id: "s1", at: iso(T0), by: "anna" });
const RELEASE = JSON.stringify({
  active: false,
  id: "r1",
  at: iso(T0 + 60_000),
  releases: { id: "s1", at: iso(T0), stops: [{ id: "s1" }] },
});
const HAND = JSON.stringify({ active: false, at: iso(T0 - 60_000) });

type Mode = "answer" | "hang" | "throw";

/** An isolate, KV and the beacon itself; the clock stands still until it is moved. */
class Bench {
  nowMs = T0;
  stop: string | null = null;
  kv: Mode = "answer";
  beacon: { is: Beacon; reads: Mode; tells: Mode } = {
    is: newBeacon(T0),
    reads: "answer",
    tells: "answer",
  };
  readonly told: string[] = [];
  asked = 0;
  #timers: { atMs: number; callback: () => void }[] = [];
  readonly reader = createStateReader({
    now: () => this.nowMs,
    random: () => 1,
    timer: (delayMs, callback) => {
      const timer = { atMs: this.nowMs + delayMs, callback };
      this.#timers.push(timer);
      return () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
      };
    },
    kv: {
      get: () => as(this.kv, () => new Map([["config", CONFIG] as const, ["stop", this.stop]])),
    },
    beacon: this.#carrier(),
  });

  #carrier(): BeaconCarrier {
    return {
      read: () => {
        this.asked += 1;
        return as(this.beacon.reads, (): BeaconRead => {
          return { answer: answerOf(this.beacon.is), saidAtMs: this.nowMs, cache: "MISS" };
        });
      },
      tell: (text) => {
        this.told.push(text);
        return as(this.beacon.tells, () => {
          const { beacon, told } = tellBeacon(this.beacon.is, text, this.nowMs);
          this.beacon.is = beacon;
          return { answer: answerOf(beacon), told };
        });
      },
    };
  }

  /** Past KV: as `POST /qa/stop` does. */
  stopByBeacon(text = STOP): void {
    this.beacon.is = tellBeacon(this.beacon.is, text, this.nowMs).beacon;
  }

  /** What a visitor gets; `waitedMs` counts only while the clock has to be moved for an answer. */
  async visit(): Promise<{ emergency: boolean; waitedMs: number }> {
    return this.#finish(this.reader.current(() => undefined));
  }

  async fresh(): Promise<{ emergency: boolean; waitedMs: number }> {
    return this.#finish(this.reader.fresh(() => undefined));
  }

  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    for (const timer of this.#timers.filter(({ atMs }) => atMs <= this.nowMs)) {
      this.#timers = this.#timers.filter((one) => one !== timer);
      timer.callback();
    }
    await settle();
  }

  async #finish(state: ReturnType<typeof this.reader.current>) {
    let known: boolean | null = null;
    void Promise.resolve(state).then(({ emergency }) => {
      known = emergency;
    });
    await settle();
    const startedMs = this.nowMs;
    while (known === null) await this.pass(10);
    return { emergency: known as boolean, waitedMs: this.nowMs - startedMs };
  }
}

const CONFIG = configText({ canary_percent: 50, revision: "c1" });

function as<T>(mode: Mode, answer: () => T): Promise<T> {
  if (mode === "hang") return new Promise(() => undefined);
  return mode === "throw" ? Promise.reject(new Error("broken")) : Promise.resolve(answer());
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe("either carrier stops", () => {
  test.each<Mode>(["answer", "hang", "throw"])("the beacon, while KV's reads %s", async (mode) => {
    await bench.visit();
    bench.kv = mode;
    bench.stopByBeacon();
    await bench.pass(FRESH_MS + 1);
    await bench.visit();
    expect((await bench.visit()).emergency).toBe(true);
  });

  test.each<Mode>(["answer", "hang", "throw"])("KV, while the beacon's %s", async (mode) => {
    await bench.visit();
    bench.beacon.reads = mode;
    bench.stop = STOP;
    await bench.pass(FRESH_MS + 1);
    await bench.visit();
    expect((await bench.visit()).emergency).toBe(true);
  });

  test("an isolate that starts waits for both, and for neither longer than the limit", async () => {
    bench.stopByBeacon();
    expect(await bench.visit()).toEqual({ emergency: true, waitedMs: 0 });
    bench = new Bench();
    bench.beacon.reads = "hang";
    const { waitedMs } = await bench.visit();
    expect(waitedMs).toBeLessThanOrEqual(READ_LIMIT_MS);
    expect((await bench.visit()).waitedMs).toBe(0);
  });

  test("what the beacon said is used for two seconds at most before a visitor waits for it", async () => {
    await bench.visit();
    bench.stopByBeacon();
    await bench.pass(BEACON_STALE_MS + 1);
    expect(await bench.visit()).toEqual({ emergency: true, waitedMs: 0 });
  });

  test("a stop that was seen by the beacon stays while neither can be read", async () => {
    bench.stopByBeacon();
    await bench.visit();
    bench.kv = "throw";
    bench.beacon.reads = "throw";
    for (let minute = 0; minute < 60; minute += 1) {
      await bench.pass(60_000);
      expect((await bench.visit()).emergency).toBe(true);
    }
  });
});

describe("both release", () => {
  beforeEach(async () => {
    bench.stop = STOP;
    bench.stopByBeacon();
    expect((await bench.fresh()).emergency).toBe(true);
  });

  test("a release that is read in KV is told to the beacon, and shows at once", async () => {
    bench.stop = RELEASE;
    await bench.pass(10);
    expect((await bench.fresh()).emergency).toBe(false);
    expect([bench.told, bench.beacon.is.stops]).toEqual([[RELEASE], []]);
  });

  test("visitors alone bring it there, too", async () => {
    bench.stop = RELEASE;
    await bench.pass(FRESH_MS + 1);
    await bench.visit();
    expect((await bench.visit()).emergency).toBe(false);
  });

  test.each<Mode>(["hang", "throw"])("not while telling the beacon ends in %s", async (mode) => {
    bench.stop = RELEASE;
    bench.beacon.tells = mode;
    for (let second = 0; second < 20; second += 1) {
      await bench.pass(1_500);
      expect((await bench.fresh()).emergency).toBe(true);
    }
    expect(bench.told.length).toBeGreaterThan(5);
    bench.beacon.tells = "answer";
    await bench.pass(2_500);
    expect((await bench.fresh()).emergency).toBe(false);
  });

  test("not when the beacon alone has it: KV still asks for the emergency", async () => {
    bench.beacon.is = tellBeacon(bench.beacon.is, RELEASE, bench.nowMs).beacon;
    await bench.pass(FRESH_MS + 1);
    expect((await bench.fresh()).emergency).toBe(true);
    expect(bench.reader.beacon()).toMatchObject({ failing: false });
  });

  test("a release of another stop is not passed on", async () => {
    bench.stop = RELEASE.replaceAll("s1", "s2");
    for (let second = 0; second < 10; second += 1) {
      await bench.pass(FRESH_MS + 1);
      expect((await bench.visit()).emergency).toBe(true);
    }
    expect(bench.told).toEqual([]);
  });

  test("a stop that no copy here shows yet is ended at the beacon before /qa calls it released", async () => {
    bench = new Bench();
    await bench.visit();
    bench.beacon.reads = "hang";
    bench.stopByBeacon();
    bench.stop = RELEASE;
    bench.beacon.tells = "throw";
    await bench.fresh();
    expect(bench.reader.beacon()?.heard).toBe(false);
    bench.beacon.tells = "answer";
    await bench.pass(3_000);
    await bench.fresh();
    expect([bench.reader.beacon()?.heard, bench.beacon.is.stops]).toEqual([true, []]);
  });

  test("one that does not end the stop is told once in half a minute", async () => {
    bench.stop = HAND;
    for (let second = 0; second < 60; second += 1) {
      await bench.pass(1_000);
      await bench.fresh();
    }
    expect(bench.told.length).toBeLessThanOrEqual(3);
    expect((await bench.fresh()).emergency).toBe(true);
  });
});

test("a beacon that fails is asked ever less, and by no visitor waited for", async () => {
  bench.beacon.reads = "throw";
  await bench.visit();
  const before = bench.asked;
  for (let n = 0; n < 600; n += 1) {
    await bench.pass(100);
    expect((await bench.visit()).waitedMs).toBe(0);
  }
  expect(bench.asked - before).toBeLessThanOrEqual(30);
  expect(bench.reader.beacon()).toMatchObject({ failing: true, ageMs: null });
});
