/** What edge locations see of the central store, and when. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CentralStore } from "../../src/sandbox/kv/central-store.ts";
import { type LagRange, Replicas } from "../../src/sandbox/kv/replicas.ts";
import { seededRandom } from "../../src/sandbox/random.ts";

function world(lagMs: LagRange, locations = ["FRA", "AMS"]) {
  const clock = { ms: 1_000_000 };
  const now = () => clock.ms;
  const store = new CentralStore(now);
  const replicas = new Replicas({ locations, store, lagMs, random: seededRandom(1), now });
  return { clock, store, replicas };
}

describe("replicas", () => {
  test("without lag a write is visible as soon as it is acknowledged", () => {
    const { store, replicas } = world({ min: 0, max: 0 });
    store.put("config", "a");
    expect(replicas.text("FRA", "config")).toBe("a");
    store.delete("config");
    expect(replicas.text("FRA", "config")).toBeNull();
  });

  test("a write is seen after the lag and not before, a first write and a deletion alike", () => {
    const { clock, store, replicas } = world({ min: 500, max: 500 });
    store.put("stop", "on");
    clock.ms += 499;
    expect(replicas.text("FRA", "stop")).toBeNull();
    clock.ms += 1;
    expect(replicas.text("FRA", "stop")).toBe("on");
    store.delete("stop");
    clock.ms += 499;
    expect(replicas.text("FRA", "stop")).toBe("on");
    clock.ms += 1;
    expect(replicas.text("FRA", "stop")).toBeNull();
  });

  test("a location never goes back in time, whatever the lags", () => {
    const steps = fc.array(
      fc.record({ waitMs: fc.integer({ min: 0, max: 3_000 }), write: fc.boolean() }),
      { minLength: 1, maxLength: 120 },
    );
    fc.assert(
      fc.property(steps, fc.integer(), (list, seed) => {
        const clock = { ms: 0 };
        const now = () => clock.ms;
        const store = new CentralStore(now);
        const lagMs = { min: 0, max: 5_000 };
        const random = seededRandom(seed);
        const replicas = new Replicas({ locations: ["FRA", "AMS"], store, lagMs, random, now });
        const newest = new Map<string, number>();
        let written = 0;
        for (const { waitMs, write } of list) {
          if (write) store.put("config", String(++written));
          clock.ms += waitMs;
          for (const colo of ["FRA", "AMS"]) {
            const seen = Number(replicas.text(colo, "config") ?? 0);
            expect(seen).toBeGreaterThanOrEqual(newest.get(colo) ?? 0);
            newest.set(colo, seen);
          }
        }
        clock.ms += 5_000;
        expect(Number(replicas.text("FRA", "config") ?? 0)).toBe(written);
      }),
      { numRuns: 500 },
    );
  });

  test("a frozen location keeps what it saw, for more writes than are kept, and then catches up", () => {
    const { clock, store, replicas } = world({ min: 0, max: 0 });
    store.put("config", "before");
    replicas.freeze(true, "AMS");
    for (let i = 1; i <= 200; i++) {
      clock.ms += 1;
      store.put("config", `after ${i}`);
    }
    expect(replicas.text("AMS", "config")).toBe("before");
    expect(replicas.text("FRA", "config")).toBe("after 200");
    replicas.freeze(false, "AMS");
    expect(replicas.text("AMS", "config")).toBe("after 200");
  });

  test("a write in the millisecond in which a location is frozen is not seen there, until it is thawed", () => {
    const { clock, store, replicas } = world({ min: 0, max: 0 });
    store.put("config", "before");
    replicas.freeze(true, "AMS");
    store.put("config", "after");
    replicas.catchUp();
    expect(replicas.text("FRA", "config")).toBe("after");
    expect(replicas.text("AMS", "config")).toBe("before");
    clock.ms += 1;
    replicas.freeze(false, "AMS");
    expect(replicas.text("AMS", "config")).toBe("after");
  });

  test("stale reads are one write behind; reordered reads go back in time", () => {
    const { store, replicas } = world({ min: 0, max: 0 });
    store.put("config", "1");
    replicas.setMode("stale", "FRA");
    expect(replicas.text("FRA", "config")).toBeNull();
    for (const value of ["2", "3", "4"]) store.put("config", value);
    expect(replicas.text("FRA", "config")).toBe("3");
    expect(replicas.text("AMS", "config")).toBe("4");
    replicas.setMode("reorder", "FRA");
    const seen = Array.from({ length: 200 }, () => Number(replicas.text("FRA", "config")));
    expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4]));
    expect(seen.some((value, i) => i > 0 && value < (seen[i - 1] ?? 0))).toBe(true);
  });

  test("catching up delivers everything at once", () => {
    const { store, replicas } = world({ min: 60_000, max: 60_000 });
    store.put("config", "new");
    expect(replicas.text("FRA", "config")).toBeNull();
    replicas.catchUp();
    expect(replicas.text("FRA", "config")).toBe("new");
  });

  test("an expired value is gone centrally and at the edge", () => {
    const { clock, store, replicas } = world({ min: 0, max: 0 });
    store.put("probe", "x", { expiresAtMs: clock.ms + 60_000 });
    clock.ms += 59_999;
    expect([store.text("probe"), replicas.text("FRA", "probe")]).toEqual(["x", "x"]);
    clock.ms += 1;
    expect([store.text("probe"), replicas.text("FRA", "probe")]).toEqual([null, null]);
  });
});
