/** The state reader alone, with time, chance and KV in the test's hands. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LAST_GOOD_MAX_MS } from "../../src/domain/state/isolate-memory.ts";
import { NEXT_READ_MS, READ_END_MS, READ_LIMIT_MS } from "../../worker/carrier-reader.ts";
import { FRESH_MS, STALE_MS } from "../../worker/state-reader.ts";
import { configText } from "./harness.ts";
import { Bench, settle } from "./reader-bench.ts";

const STOP = JSON.stringify({ active: true, id: "s1", at: "2026-01-01T00:00:00Z" });
const RELEASE = JSON.stringify({
  active: false,
  at: "2026-01-01T01:00:00Z",
  releases: { id: "s1" },
});

describe("how old knowledge may be", () => {
  test("the first request waits for KV; up to 1 s later nobody asks again", async () => {
    const bench = new Bench();
    expect((await bench.current()).config?.revision).toBe("r1");
    bench.pass(FRESH_MS);
    await bench.current();
    expect(bench.reads).toBe(1);
  });

  test("between 1 s and 5 s it is used at once and refreshed in the background", async () => {
    const bench = new Bench();
    await bench.current();
    bench.config = configText({ revision: "r2" });
    bench.pass(FRESH_MS + 1);
    const state = bench.reader.current((work) => bench.background.push(work));
    expect(state).not.toBeInstanceOf(Promise);
    expect((await state).config?.revision).toBe("r1");
    expect([bench.reads, bench.background.length]).toEqual([2, 2]);
    await settle();
    expect((await bench.current()).config?.revision).toBe("r2");
  });

  test("older than 5 s it is waited for", async () => {
    const bench = new Bench();
    await bench.current();
    bench.config = configText({ revision: "r2" });
    bench.pass(STALE_MS + 1);
    expect((await bench.current()).config?.revision).toBe("r2");
  });

  test("a thousand requests at once make one read", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    const all = Array.from({ length: 1_000 }, bench.current);
    await settle();
    bench.pending[0]?.(bench.answer());
    const states = await Promise.all(all);
    expect(bench.reads).toBe(1);
    expect(states.every((state) => state.config?.revision === "r1")).toBe(true);
    expect(bench.timers).toBe(0);
  });

  test("a fresh read does not join one that was asked before", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    const old = bench.current();
    const before = bench.answer();
    bench.config = configText({ revision: "r2" });
    const fresh = bench.fresh();
    bench.pending[1]?.(bench.answer());
    expect((await fresh).config?.revision).toBe("r2");
    bench.pending[0]?.(before);
    expect((await old).config?.revision).toBe("r2");
  });

  test("fresh reads at the same time are one", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    const both = [bench.fresh(), bench.fresh()];
    bench.pending[0]?.(bench.answer());
    await Promise.all(both);
    expect(bench.reads).toBe(1);
  });

  test("a clock that is set back does not make old knowledge young", async () => {
    const bench = new Bench();
    await bench.current();
    bench.nowMs -= 60_000;
    await bench.current();
    expect(bench.reads).toBe(2);
  });
});

describe("KV that fails (AT-5)", () => {
  test.each(["throw", "throw-at-once", "nonsense"] as const)(
    "%s: cold means proxy",
    async (mode) => {
      const bench = new Bench();
      bench.mode = mode;
      expect(await bench.current()).toMatchObject({
        source: "none",
        config: null,
        emergency: false,
      });
    },
  );

  test("a hang costs one request at most 250 ms, and nobody waits again until another read is due", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    const first = bench.current();
    bench.pass(READ_LIMIT_MS);
    expect((await first).source).toBe("none");
    for (let n = 0; n < 100; n += 1) {
      const state = bench.reader.current(() => undefined);
      expect(state).not.toBeInstanceOf(Promise);
    }
    // The read's own end is all that is waited for.
    expect([bench.reads, bench.timers]).toEqual([1, 1]);
    bench.pass(NEXT_READ_MS - READ_LIMIT_MS);
    expect(bench.reader.current(() => undefined)).toBeInstanceOf(Promise);
    expect(bench.reads).toBe(2);
  });

  test("a read that has not answered after 30 s has failed, and its request may end", async () => {
    const bench = new Bench();
    await bench.current();
    bench.mode = "hang";
    bench.pass(STALE_MS + 1);
    const waiting = bench.current();
    bench.pass(READ_LIMIT_MS);
    expect((await waiting).source).toBe("kv");
    let ended = false;
    void bench.background.at(-1)?.then(() => {
      ended = true;
    });
    bench.pass(READ_END_MS - READ_LIMIT_MS - 1);
    await settle();
    expect([ended, bench.timers]).toEqual([false, 1]);
    bench.pass(1);
    await settle();
    expect([ended, bench.timers]).toEqual([true, 0]);
    const later = bench.current();
    bench.pass(READ_LIMIT_MS);
    expect((await later).source).toBe("last-good");
  });

  test("back-off doubles from 250 ms up to 4 s, and a success ends it", async () => {
    const bench = new Bench();
    bench.mode = "throw";
    const gapsMs: number[] = [];
    let lastMs = bench.nowMs;
    for (let seen = 0; bench.reads < 9; bench.pass(10)) {
      await bench.current();
      if (bench.reads === seen) continue;
      seen = bench.reads;
      gapsMs.push(bench.nowMs - lastMs);
      lastMs = bench.nowMs;
    }
    expect(gapsMs).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000]);
    bench.mode = "answer";
    bench.pass(NEXT_READ_MS);
    expect((await bench.current()).source).toBe("kv");
    bench.mode = "throw";
    bench.pass(STALE_MS + 1);
    expect((await bench.current()).source).toBe("last-good");
    bench.pass(250);
    await bench.current();
    expect(bench.reads).toBe(12);
  });

  test("a read that nobody owns any more is given up by its age", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    void bench.current();
    bench.nowMs += 60_000;
    bench.mode = "answer";
    await bench.current();
    bench.nowMs += 60_000;
    expect((await bench.current()).config?.revision).toBe("r1");
  });

  test("a late answer is folded in", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    void bench.current();
    bench.pass(READ_END_MS + 1);
    bench.pending[0]?.(bench.answer());
    await settle();
    const later = bench.current();
    bench.pass(READ_LIMIT_MS);
    expect((await later).config?.revision).toBe("r1");
  });

  test.each<[string, { stop?: string; config?: string }]>([
    ["a stop", { stop: STOP }],
    ["an unreadable stop", { stop: "{" }],
    ["an emergency in config", { config: configText({ emergency_proxy: true, revision: "r0" }) }],
    ["an unreadable emergency in config", { config: '{"emergency_proxy":true}' }],
  ])("%s in a late answer counts, its share does not", async (_name, late) => {
    const bench = new Bench();
    bench.mode = "hang";
    void bench.current();
    const before = { config: bench.config, stop: bench.stop };
    Object.assign(bench, { config: configText({ revision: "r0" }), ...late });
    const older = bench.answer();
    Object.assign(bench, before, { mode: "answer", config: configText({ revision: "r2" }) });
    expect(await bench.fresh()).toMatchObject({ emergency: false, config: { revision: "r2" } });
    bench.pending[0]?.(older);
    await settle();
    expect(await bench.current()).toMatchObject({
      emergency: true,
      source: "kv",
      config: { revision: "r2" },
    });
  });

  test.each<[string, { stop?: string; config?: string }]>([
    ["stop", { stop: "{" }],
    ["config", { config: '{"emergency_proxy":true}' }],
  ])("a late answer takes back no %s that a younger one could not read", async (_name, younger) => {
    const bench = new Bench();
    bench.mode = "hang";
    bench.stop = RELEASE;
    void bench.current();
    const older = bench.answer();
    Object.assign(bench, younger, { mode: "answer" });
    const known = await bench.fresh();
    expect(known.emergency).toBe(true);
    bench.pending[0]?.(older);
    await settle();
    expect(await bench.current()).toEqual(known);
  });

  test("/qa that is asked again and again does not pile up reads", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    for (let elapsedMs = 0; elapsedMs < READ_END_MS; elapsedMs += 100) {
      void bench.fresh();
      bench.pass(100);
    }
    expect(bench.reads).toBe(10);
  });

  test("warm serves the last good configuration for 10 minutes, then proxy", async () => {
    const bench = new Bench();
    await bench.current();
    bench.mode = "throw";
    const startedAtMs = bench.nowMs;
    for (; bench.nowMs - startedAtMs <= LAST_GOOD_MAX_MS; bench.pass(1_000)) {
      expect((await bench.current()).config?.revision).toBe("r1");
    }
    expect(await bench.current()).toMatchObject({ source: "none", config: null });
  });

  test("100,000 reads with hanging KV leave no timer behind", async () => {
    const bench = new Bench();
    bench.mode = "hang";
    for (let n = 0; n < 100_000; n += 1) {
      void bench.reader.current(() => undefined);
      bench.pass(100);
    }
    bench.pass(READ_END_MS);
    expect(bench.timers).toBe(0);
    expect(bench.reads).toBeLessThanOrEqual(100_000 / 40);
  });
});

describe("a stop that was seen (AT-6)", () => {
  test("outlives failures, absence, nonsense and 10 minutes, until a release is read", async () => {
    const bench = new Bench();
    bench.stop = STOP;
    expect((await bench.current()).emergency).toBe(true);
    for (const [mode, stop] of [
      ["throw", null],
      ["answer", null],
      ["answer", "{"],
      ["hang", null],
    ] as const) {
      Object.assign(bench, { mode, stop });
      bench.pass(LAST_GOOD_MAX_MS + 1);
      const state = bench.current();
      bench.pass(READ_LIMIT_MS);
      expect((await state).emergency).toBe(true);
    }
    Object.assign(bench, { mode: "answer", stop: RELEASE });
    bench.pass(60_000);
    expect((await bench.current()).emergency).toBe(false);
  });

  test("in any order of reads, answers, failures and waits, it is never forgotten", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 700_000 }) }),
      fc.record({ kind: fc.constantFrom("current" as const, "fresh" as const) }),
      fc.record({ kind: fc.constant("answer" as const), index: fc.nat(5) }),
      fc.record({
        kind: fc.constant("kv" as const),
        mode: fc.constantFrom("answer" as const, "hang" as const, "throw" as const),
        stop: fc.constantFrom(null, "{", STOP),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const bench = new Bench();
        bench.stop = STOP;
        await bench.current();
        const open: Promise<{ emergency: boolean }>[] = [];
        for (const each of steps) {
          if (each.kind === "pass") bench.pass(each.ms);
          else if (each.kind === "kv") Object.assign(bench, { mode: each.mode, stop: each.stop });
          else if (each.kind === "answer") bench.pending[each.index]?.(bench.answer());
          else open.push(each.kind === "fresh" ? bench.fresh() : bench.current());
          await settle();
        }
        bench.pass(READ_LIMIT_MS);
        for (const state of await Promise.all(open)) expect(state.emergency).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
