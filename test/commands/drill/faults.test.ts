/** A rehearsed fault is detected, stopped and restored, each stage in its time; a slow one is named. (AT-31) */
import { describe, expect, test } from "vitest";
import { exitCodeOf } from "../../../src/cli/exit.ts";
import type { Outcome } from "../../../src/commands/command.ts";
import type { DrillData } from "../../../src/commands/drill/data.ts";
import { performFaults } from "../../../src/commands/drill/faults.ts";
import { renderDrill } from "../../../src/commands/drill/text.ts";
import { faultsOf } from "../../../src/domain/drill/faults.ts";
import { STAGES, type Stage } from "../../../src/domain/drill/stages.ts";
import { isEmergency, parseState } from "../../../src/domain/state/state.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { INPUT, type RampStage } from "../ramp/stage.ts";
import { drillPorts, FakeFaults, stageAt } from "./world.ts";

function rehearse(
  names: string,
  {
    stage = stageAt(50),
    change,
    prepare,
  }: {
    stage?: RampStage;
    change?: (ports: Ports) => Ports;
    prepare?: (faults: FakeFaults, stage: RampStage) => void;
  } = {},
) {
  const stand = new FakeFaults(stage);
  prepare?.(stand, stage);
  const faults = faultsOf(names.split(",")) ?? [];
  return performFaults(INPUT, drillPorts(stage, change), stand, { faults });
}

function dataOf(outcome: Outcome<DrillData>): DrillData {
  if (!("data" in outcome) || outcome.data === undefined) throw new Error(outcome.kind);
  return outcome.data;
}

function timesOf(outcome: Outcome<DrillData>, nth = 0): Partial<Record<Stage, number | null>> {
  const stages = dataOf(outcome).rehearsals[nth]?.stages ?? [];
  return Object.fromEntries(stages.map(({ stage, ms }) => [stage, ms]));
}

/** What the fault does while `#way` is broken: the API's store, and /qa. */
function taking(stage: RampStage, what: "writeStop" | "look", ms: number) {
  return (ports: Ports): Ports => ({
    ...ports,
    store: {
      ...ports.store,
      async writeStop(stop, options) {
        if (what === "writeStop" && stop.active) stage.nowMs += ms;
        await ports.store.writeStop(stop, options);
      },
    },
    qa: {
      ...ports.qa,
      async look(url, options) {
        const seen = await ports.qa.look(url, options);
        if (what === "look" && seen.qa?.canary.emergency_proxy === true) stage.nowMs += ms;
        return seen;
      },
    },
  });
}

test("each fault is detected, stopped, proved and restored; the share is the same as before", async () => {
  const stage = stageAt(50);
  const outcome = await rehearse("errors,api-429,lost-answer", { stage });
  expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: "done" });
  const { rehearsals, passed } = dataOf(outcome);
  expect(rehearsals.map(({ fault, problem }) => [fault, problem])).toEqual([
    ["errors", null],
    ["api-429", null],
    ["lost-answer", null],
  ]);
  expect(passed).toBe(true);
  for (const nth of [0, 1, 2]) {
    for (const stage of STAGES) expect([stage, timesOf(outcome, nth)[stage]]).not.toContain(null);
  }
  expect(rehearsals[0]).toMatchObject({ advice: "not-aus", notes: ["backdated"] });
  expect(rehearsals[0]?.finding).toContain("error rate, critical");
  expect(stage.config).toContain('"canary_percent":50');
  expect(isEmergency(parseState(stage))).toBe(false);
});

describe("too slow", () => {
  test("an API that takes 16 s for the stop fails the drill, and the stage is named", async () => {
    const stage = stageAt(50);
    const outcome = await rehearse("slow-stop", {
      stage,
      change: taking(stage, "writeStop", 16_000),
    });
    expect([outcome.kind, exitCodeOf(outcome)]).toEqual(["unhealthy", 20]);
    expect(outcome).toMatchObject({
      reason: expect.stringMatching(/^slow-stop: too slow: written 16\.0 s, target 10\.0 s/),
    });
    expect(renderDrill(outcome)).toMatch(/✖ slow-stop .*16\.0 s!/);
    expect(dataOf(outcome).passed).toBe(false);
    // It was stopped all the same, and is over.
    expect(isEmergency(parseState(stage))).toBe(false);
  });

  test("a location that shows the stop after 100 s", async () => {
    const stage = stageAt(50);
    const outcome = await rehearse("errors", { stage, change: taking(stage, "look", 100_000) });
    expect(outcome).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringMatching(/errors: too slow: .*live 100\.\d s, target 90\.0 s/),
    });
  });

  test("a sample of the metrics that hides the fault is replaced by another", async () => {
    let samples = 1;
    const outcome = await rehearse("errors", {
      prepare: (faults, stage) => {
        faults.breakNative = async () => undefined;
        faults.backdate = () => `sample ${samples}`;
        faults.forgetMetrics = async () => {
          samples += 1;
          stage.nativeErrors = 100;
        };
      },
    });
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: "done" });
    expect(dataOf(outcome).rehearsals[0]?.notes).toEqual(["sample 2"]);
  });

  test("a policy that does not name the fault", async () => {
    const stage = stageAt(50);
    const outcome = await rehearse("r2", { stage });
    expect(outcome).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringMatching(/^r2: detect: "R2 failures" was not named within 180 s: /),
    });
    // Nobody has stopped anything.
    expect(stage.stop).toBeNull();
    expect(timesOf(outcome).restored).toBeNull();
  });
});

describe("where the stop cannot be seen", () => {
  /** /qa shows what is stored only while the way is clear. */
  const blind =
    (stage: RampStage, isClear: () => boolean) =>
    (ports: Ports): Ports => ({
      ...ports,
      qa: {
        ...ports.qa,
        async look(url, options) {
          const { config } = stage;
          if (isClear() || stage.stop === null) return ports.qa.look(url, options);
          const kept = { config, stop: stage.stop };
          Object.assign(stage, { config: stageAt(50).config, stop: null });
          const seen = await ports.qa.look(url, options);
          return Object.assign(stage, kept) && seen;
        },
      },
    });

  test("pending, with what is missing, is right; live is measured from the repair on", async () => {
    const stage = stageAt(50);
    let clear = true;
    const outcome = await rehearse("kv-outage", {
      stage,
      change: blind(stage, () => clear),
      prepare: (faults) => {
        faults.onWay = (fault) => {
          clear = fault === null;
        };
      },
    });
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: "done" });
    const [one] = dataOf(outcome).rehearsals;
    expect(one?.pending).toMatch(/^FRA: /);
    expect(timesOf(outcome)).toMatchObject({ live: expect.any(Number), effective: null });
  });

  test("a stop that is said to be live there fails the drill", async () => {
    const outcome = await rehearse("kv-outage");
    expect(outcome).toMatchObject({
      reason: expect.stringContaining("kv-outage: the stop was said to be live"),
    });
  });
});

describe("automatic", () => {
  const stopBy = (by: string) => (faults: FakeFaults, stage: RampStage) => {
    let ticks = 0;
    faults.onTick = () => {
      ticks += 1;
      const at = new Date(stage.nowMs).toISOString();
      if (ticks === 3) stage.stop = JSON.stringify({ active: true, id: "G1", at, by });
    };
  };

  test("the guardian's stop is waited for, tick by tick, and judged by its own target", async () => {
    const outcome = await rehearse("automatic", { prepare: stopBy("guardian") });
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: "done" });
    const [one] = dataOf(outcome).rehearsals;
    expect(one).toMatchObject({ stop: "automatic", problem: null });
    expect(one?.stages.find(({ stage }) => stage === "effective")?.target_ms).toBe(180_000);
    expect(timesOf(outcome)).toMatchObject({ decide: 1_000, written: null });
  });

  test("somebody else's stop is not the guardian's", async () => {
    const outcome = await rehearse("automatic", { prepare: stopBy("ada@desk") });
    expect(outcome).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringContaining("automatic: decide: the guardian did not stop native"),
    });
  });
});

describe("never goes on", () => {
  test("where it could not restore: the next fault would begin with an emergency", async () => {
    const stage = stageAt(50);
    const outcome = await rehearse("errors,api-429", {
      stage,
      change: (ports) => ({
        ...ports,
        store: {
          ...ports.store,
          async writeConfig(config, options) {
            if (!config.emergency_proxy) throw new UpstreamError("forbidden", "no");
            await ports.store.writeConfig(config, options);
          },
        },
      }),
    });
    const { rehearsals } = dataOf(outcome);
    expect(rehearsals.map(({ fault }) => fault)).toEqual(["errors"]);
    expect(outcome).toMatchObject({ reason: expect.stringContaining("errors: restore: ") });
  });

  test("during an emergency: nothing is broken or written", async () => {
    const stage = stageAt(50);
    stage.stop = JSON.stringify({ active: true, id: "STOP", by: "ada@desk" });
    let stand: FakeFaults | null = null;
    const outcome = await rehearse("errors", {
      stage,
      prepare: (faults) => {
        stand = faults;
      },
    });
    expect(outcome).toMatchObject({ reason: expect.stringContaining("not started: an emergency") });
    expect((stand as FakeFaults | null)?.did).toEqual([]);
    expect(stage.writes).toEqual([]);
  });

  test("after Ctrl-C: native is repaired, and what is true is said", async () => {
    const stage = stageAt(50);
    const stop = new AbortController();
    let stand: FakeFaults | null = null;
    const outcome = await rehearse("errors,api-429", {
      stage,
      change: (ports) => ({ ...ports, interrupt: stop.signal }),
      prepare: (faults) => {
        stand = faults;
        faults.backdate = () => {
          stop.abort("SIGINT");
          return "backdated";
        };
      },
    });
    expect(outcome).toMatchObject({
      kind: "interrupted",
      truth: expect.stringContaining("the sandbox is gone"),
    });
    expect((stand as FakeFaults | null)?.did.at(-1)).toBe("heal");
    expect(dataOf(outcome).rehearsals).toHaveLength(1);
  });
});
