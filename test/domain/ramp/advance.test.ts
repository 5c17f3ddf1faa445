import { describe, expect, it } from "vitest";
import {
  advance,
  GATE,
  needs,
  SETTLE_LIMIT_MS,
  written,
} from "../../../src/domain/ramp/advance.ts";
import type { RampControl } from "../../../src/domain/ramp/document.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, PASS, RampWorld, rampOf, START_MS } from "./world.ts";

const PLAN = "5:2h,10:24h,100";

function at(step: number, given: Parameters<typeof rampOf>[1] = {}): RampWorld {
  const world = new RampWorld(rampOf(PLAN, given));
  while (world.ramp.step < step) {
    world.tick();
    world.nowMs += world.ramp.phase === "hold" ? MINUTE_MS : 1_000;
  }
  world.tick();
  return world;
}

function control(want: RampControl["want"], id: string = want): RampControl {
  return {
    schema: 1,
    id,
    ramp: "RAMP",
    want,
    at: "2026-03-01T12:00:00Z",
    by: "ada@desk",
    reason: "lunch",
  };
}

describe("a healthy ramp", () => {
  it("writes each step once, and holds each for its time", () => {
    const world = new RampWorld(rampOf(PLAN));
    world.run(START_MS + 3 * DAY_MS);
    expect(world.ramp.state).toBe("done");
    const writes = world.writes();
    expect(writes.map(({ percent }) => percent)).toEqual([5, 10, 100]);
    const [first = 0, second = 0, third = 0] = writes.map(({ atMs }) => atMs);
    expect(second - first).toBeGreaterThanOrEqual(2 * HOUR_MS);
    expect(second - first).toBeLessThan(2 * HOUR_MS + MINUTE_MS);
    expect(third - second).toBeGreaterThanOrEqual(24 * HOUR_MS);
  });

  it("starts a step's clock when it is live everywhere, not when it is written", () => {
    const world = new RampWorld(rampOf(PLAN));
    world.everywhere = false;
    world.run(START_MS + 5 * MINUTE_MS);
    expect(world.ramp).toMatchObject({ step: 0, phase: "settle", hold_until: null });
    world.everywhere = true;
    world.tick();
    expect(Date.parse(world.ramp.hold_until ?? "")).toBe(world.nowMs + 2 * HOUR_MS);
  });

  it("pauses when a step does not become live", () => {
    const world = new RampWorld(rampOf(PLAN));
    world.everywhere = false;
    world.run(START_MS + SETTLE_LIMIT_MS + 2 * MINUTE_MS);
    expect(world.ramp).toMatchObject({
      state: "paused",
      paused: { by: GATE, why: "not live everywhere: IAD" },
    });
  });

  it("asks for what it needs: whether it is live while it settles, the gate from the first step on", () => {
    const fresh = rampOf(PLAN);
    expect(needs(fresh)).toEqual({ live: false, gate: false, journal: false });
    expect(needs(written(fresh, 0, "", START_MS))).toEqual({
      live: true,
      gate: true,
      journal: true,
    });
    expect(needs({ ...written(fresh, 0, "", START_MS), gates: false })).toMatchObject({
      gate: false,
    });
    expect(needs(at(0).ramp)).toEqual({ live: false, gate: true, journal: true });
  });
});

describe("the gate", () => {
  it.each(["no_data", "inconclusive"] as const)(
    "never advances on %s: longer, then paused",
    (verdict) => {
      const world = at(0);
      world.gate = { ...PASS, verdict };
      world.run(START_MS + DAY_MS);
      expect(world.ramp).toMatchObject({ state: "paused", step: 0, extended: true });
      expect(world.ramp.paused?.why).toContain(verdict);
      expect(world.nowMs).toBeGreaterThan(START_MS + 4 * HOUR_MS);
    },
  );

  it("never advances on nothing at all", () => {
    const world = at(0);
    world.gate = null;
    world.run(START_MS + DAY_MS);
    expect(world.ramp).toMatchObject({ state: "paused", step: 0 });
  });

  it.each([true, false])("never advances while a stop may be overlooked (gates: %s)", (gates) => {
    const world = at(0, { gates });
    world.unheard = "no location answers";
    world.run(START_MS + 3 * HOUR_MS);
    expect(world.ramp).toMatchObject({ state: "running", step: 0, extended: true });
    world.unheard = null;
    world.tick();
    expect(world.ramp.step).toBe(1);
  });

  it("wants the minimum of native requests in each step", () => {
    const world = at(0);
    world.gate = { ...PASS, nativeRequests: 199 };
    world.run(START_MS + 3 * HOUR_MS);
    expect(world.ramp).toMatchObject({ step: 0, extended: true });
    world.gate = { ...PASS, nativeRequests: 200 };
    world.tick();
    expect(world.ramp.step).toBe(1);
  });

  it.each(["reduce", "disable", "not-aus"] as const)(
    "does what the policy recommends: %s",
    (action) => {
      const world = at(1);
      world.gate = { ...PASS, verdict: "fail", recommendation: action, why: "errors 4 %" };
      expect(world.tick()).toEqual({ do: "relieve", action, why: "errors 4 %" });
      expect(world.ramp).toMatchObject({
        state: "failed",
        ended: { why: `${action}: errors 4 %` },
      });
    },
  );

  it("repeats a relief that was decided and perhaps not done, whatever is stored", () => {
    const world = at(1);
    const gate = { ...PASS, verdict: "fail", recommendation: "reduce", why: "slow" } as const;
    const decided = advance(world.ramp, { ...world.seen(), gate }).ramp;
    world.config = { ...world.config, revision: "SOMEBODY", canary_percent: 2 };
    expect(advance(decided, world.seen()).order).toEqual({
      do: "relieve",
      action: "reduce",
      why: "slow",
    });
  });

  it("watches while the ramp is paused, too", () => {
    const world = at(0);
    world.control = control("pause");
    world.tick();
    expect(world.ramp.state).toBe("paused");
    world.gate = { ...PASS, verdict: "fail", recommendation: "not-aus", why: "R2" };
    expect(world.tick()).toMatchObject({ do: "relieve", action: "not-aus" });
  });

  it("does not rise while proxy is failing, and takes nothing away for it", () => {
    const world = at(0);
    world.gate = { ...PASS, verdict: "fail", recommendation: "notify", why: "proxy 2 %" };
    world.run(START_MS + DAY_MS);
    expect(world.ramp).toMatchObject({ state: "paused", step: 0 });
  });

  it("is not asked in a rehearsal by force", () => {
    const world = new RampWorld(rampOf(PLAN, { gates: false }));
    world.gate = { ...PASS, verdict: "fail", recommendation: "not-aus", why: "nobody looks" };
    world.run(START_MS + 3 * DAY_MS);
    expect(world.ramp.state).toBe("done");
  });
});

describe("somebody else's word", () => {
  it.each([
    [
      "another share",
      { revision: "OTHER", canary_percent: 3, updated_by: "ada@desk" },
      /5 % → 3 %/,
    ],
    ["our revision with another share", { canary_percent: 50 }, /5 % → 50 %/],
    ["another tag", { canary_tag: "B2b" }, /tag B2b/],
    ["an emergency in config", { emergency_proxy: true }, /emergency_proxy/],
  ])("ends it as a conflict: %s", (_what, change, why) => {
    const world = at(0);
    world.config = { ...world.config, ...change };
    expect(world.tick()).toEqual({ do: "end" });
    expect(world.ramp).toMatchObject({
      state: "conflict",
      ended: { why: expect.stringMatching(why) },
    });
  });

  it("ends it at once when the stop is pulled, in whatever phase", () => {
    for (const step of [0, 1]) {
      const world = at(step);
      world.stop = {
        active: true,
        id: "S",
        at: "2026-03-01T13:00:00Z",
        by: "ada@desk",
        reason: "5xx",
      };
      expect(world.tick()).toEqual({ do: "end" });
      expect(world.ramp).toMatchObject({
        state: "conflict",
        ended: { by: "ada@desk", why: expect.stringMatching(/5xx/) },
      });
    }
  });

  it("does not take an old read for one, unless it stays", () => {
    const world = at(1);
    const now = world.config;
    world.put(0);
    const old = world.config;
    for (const state of ["running", "running", "conflict"]) {
      world.config = old;
      world.tick();
      expect(world.ramp.state).toBe(state);
    }
    const again = at(1);
    again.config = old;
    again.tick();
    again.config = now;
    again.tick();
    expect(again.ramp).toMatchObject({ state: "running", odd_reads: 0 });
  });

  it("does not take the stop that was released for it for a new one", () => {
    const world = at(0, { releasedStop: "S" });
    world.stop = { active: true, id: "S" };
    world.tick();
    expect(world.ramp.state).toBe("running");
    world.stop = { active: true, id: "S2" };
    world.tick();
    expect(world.ramp.state).toBe("conflict");
  });

  it("leaves a share to its author when the cron carries it out, which has covered nothing", () => {
    const world = at(1, { mode: "detached" });
    world.covered = { by: "ada@desk", percent: 2, why: "reduce to 2 %" };
    expect(world.tick()).toEqual({ do: "end" });
    expect(world.ramp).toMatchObject({ state: "conflict", ended: { by: "ada@desk" } });
  });

  it.each([
    [2, { do: "relieve", action: "reduce" }, "running"],
    [70, { do: "end" }, "conflict"],
  ])("gives way to a share of %s % that it has covered", (percent, order, state) => {
    const world = at(1);
    world.covered = { by: "ada@desk", percent, why: `reduce to ${percent} %` };
    const advanced = advance(world.ramp, world.seen());
    expect(advanced.order).toMatchObject(order);
    expect(advanced.ramp.state).toBe(state);
    expect(world.tick().do).toBe(order.do);
    expect(world.ramp).toMatchObject({ state: "conflict", ended: { by: "ada@desk" } });
  });

  it("pulls the stop for an emergency that it has covered, whatever its own share, and gives way", () => {
    const world = at(0);
    world.covered = { by: "ada@desk", percent: 0, why: "an emergency", emergency: true };
    expect(world.tick()).toMatchObject({ do: "relieve", action: "not-aus" });
    expect(world.ramp).toMatchObject({ state: "conflict", ended: { by: "ada@desk" } });
  });

  it("knows a step that it has written and could not keep", () => {
    const world = at(0);
    world.put(1);
    world.tick();
    expect(world.ramp).toMatchObject({ step: 1, phase: "hold" });
    expect(world.writes()).toHaveLength(1);
  });
});

describe("commands", () => {
  it("pause keeps what was left of the step, and resume goes on with it", () => {
    const world = at(0);
    world.nowMs = Date.parse(world.ramp.hold_until ?? "") - 30 * MINUTE_MS;
    world.control = control("pause");
    world.tick();
    expect(world.ramp).toMatchObject({
      state: "paused",
      paused: { by: "ada@desk", left_s: 1_800 },
    });
    world.run(world.nowMs + 5 * DAY_MS);
    expect(world.ramp).toMatchObject({ state: "paused", step: 0 });
    world.control = control("resume");
    world.tick();
    expect(world.ramp.state).toBe("running");
    expect(Date.parse(world.ramp.hold_until ?? "") - world.nowMs).toBe(30 * MINUTE_MS);
  });

  it("are obeyed once, and only those for this ramp", () => {
    const world = at(0);
    world.control = { ...control("pause"), ramp: "ANOTHER" };
    world.tick();
    expect(world.ramp.state).toBe("running");
    world.control = control("pause");
    world.tick();
    world.control = control("resume");
    world.tick();
    world.control = { ...control("pause"), id: "resume" };
    world.tick();
    expect(world.ramp.state).toBe("running");
  });

  it("abort ends it, and says who", () => {
    const world = at(0);
    world.control = control("abort");
    expect(world.tick()).toEqual({ do: "end" });
    expect(world.ramp).toMatchObject({ state: "aborted", ended: { by: "ada@desk", why: "lunch" } });
  });

  it("a step that was paused for want of data begins anew", () => {
    const world = at(0);
    world.gate = { ...PASS, nativeRequests: 0 };
    world.run(START_MS + DAY_MS);
    expect(world.ramp.paused?.by).toBe(GATE);
    world.control = control("resume");
    world.tick();
    expect(Date.parse(world.ramp.hold_until ?? "") - world.nowMs).toBe(2 * HOUR_MS);
    expect(world.ramp.extended).toBe(false);
  });
});

describe("a lease", () => {
  it("is renewed as soon as a third of it is used up, also while paused", () => {
    const world = at(0, { leaseS: 900 });
    const first = Date.parse(world.ramp.lease_until ?? "");
    world.nowMs = first - 10 * MINUTE_MS;
    expect(world.tick()).toEqual({ do: "renew", untilMs: world.nowMs + 15 * MINUTE_MS });
    world.control = control("pause");
    world.nowMs += 6 * MINUTE_MS;
    expect(world.tick()).toMatchObject({ do: "renew" });
    expect(world.ramp.state).toBe("paused");
  });

  it("never runs out while somebody looks every half minute", () => {
    const world = new RampWorld(rampOf(PLAN, { leaseS: 120 }));
    while (world.nowMs < START_MS + 3 * HOUR_MS) {
      world.tick();
      const until = Date.parse(world.ramp.lease_until ?? "");
      expect(until).toBeGreaterThan(world.nowMs + 30_000);
      world.nowMs += 30_000;
    }
  });
});
