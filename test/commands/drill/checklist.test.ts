/** A drill leaves the share as it found it, and does not begin where it could not. */
import { describe, expect, test } from "vitest";
import { performChecklist } from "../../../src/commands/drill/checklist.ts";
import { nobodyNative, sendHome } from "../../../src/commands/drill/visitors.ts";
import { RAMP_KEY } from "../../../src/domain/ramp/document.ts";
import { parseConfig, serialiseConfig } from "../../../src/domain/state/documents.ts";
import { isEmergency, parseState } from "../../../src/domain/state/state.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { Rehearsal } from "../../../src/ports/visitors.ts";
import { BASE, rampOf, START_MS } from "../../domain/ramp/world.ts";
import { INPUT, type RampStage } from "../ramp/stage.ts";
import { drillPorts, stageAt } from "./world.ts";

/** As `pixcanary drill --env staging --yes`. */
function drill(
  stage: RampStage,
  change: (ports: Ports) => Ports = (ports) => ports,
  rehearsal: Rehearsal | null = null,
) {
  return performChecklist(INPUT, drillPorts(stage, change), rehearsal);
}

function percentOf({ config }: RampStage) {
  const parsed = parseConfig(config);
  return parsed.kind === "valid" ? parsed.value.canary_percent : null;
}

test.each([60, 10, 2.5, 0.01])("goes down from %d % and back to it", async (percent) => {
  const stage = stageAt(percent);
  const outcome = await drill(stage);
  expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: "done", data: { percent } });
  expect(Math.max(...stage.writes.map((write) => write.percent))).toBe(percent);
  expect(percentOf(stage)).toBe(percent);
  expect(isEmergency(parseState(stage))).toBe(false);
});

describe("changes nothing", () => {
  const CASES: Record<string, { percent: number; make(stage: RampStage): void; why: RegExp }> = {
    "at 0 %, which it would have to raise": { percent: 0, make: () => undefined, why: /0 %/ },
    "while a ramp is under way": {
      percent: 5,
      make: (stage) => {
        const base = { ...BASE, canary_percent: 5 };
        stage.documents.set(RAMP_KEY, JSON.stringify(rampOf("10:2h,100", { base })));
      },
      why: /a ramp by oncall@laptop is running/,
    },
    "while an emergency is on": {
      percent: 10,
      make: (stage) => {
        stage.stop = JSON.stringify({ active: true, id: "STOP", by: "ada@desk" });
      },
      why: /an emergency is on/,
    },
    "when there is no readable config": {
      percent: 10,
      make: (stage) => {
        stage.config = "{}";
      },
      why: /unreadable/,
    },
  };
  test.each(Object.entries(CASES))("%s", async (_, { percent, make, why }) => {
    const stage = stageAt(percent);
    make(stage);
    const { config, stop } = stage;
    const outcome = await drill(stage);
    expect(outcome).toMatchObject({ kind: "unhealthy", reason: expect.stringMatching(why) });
    expect({ config: stage.config, stop: stage.stop }).toEqual({ config, stop });
  });

  test("where it cannot be read whether a ramp runs", async () => {
    const stage = stageAt(10);
    const get = () => Promise.reject(new UpstreamError("forbidden", "403"));
    const outcome = await drill(stage, (ports) => ({
      ...ports,
      documents: { ...ports.documents, get },
    }));
    expect(outcome).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringMatching(/^not started: whether a ramp runs is unknown: .*403/),
    });
    expect(stage.writes).toEqual([]);
  });

  test("where a location does not show the stored share yet", async () => {
    const stage = stageAt(10);
    const config = stage.config;
    stage.config = serialiseConfig({ ...BASE, canary_percent: 5 });
    const read = async () => ({ config, stop: null });
    const outcome = await drill(stage, (ports) => ({ ...ports, store: { ...ports.store, read } }));
    expect(outcome).toMatchObject({ kind: "unhealthy", reason: /do not show 10 % yet/ });
    expect(stage.writes).toEqual([]);
  });
});

test("says to what share it would have gone back when a step fails", async () => {
  const stage = stageAt(60);
  const outcome = await drill(stage, (ports) => {
    const writeConfig: Ports["store"]["writeConfig"] = async (config, options) => {
      if (config.emergency_proxy) await ports.store.writeConfig(config, options);
      else throw new UpstreamError("forbidden", "no");
    };
    return { ...ports, store: { ...ports.store, writeConfig } };
  });
  expect(outcome).toMatchObject({
    kind: "unhealthy",
    reason: expect.stringContaining("it began at 60 %"),
    next: expect.stringContaining("--to 60 "),
  });
});

test("Ctrl-C while it stops: what is true of the stop, and how to end it", async () => {
  const stage = stageAt(10);
  const stop = new AbortController();
  const outcome = await drill(stage, (ports) => {
    const writeStop: Ports["store"]["writeStop"] = async (document, options) => {
      await ports.store.writeStop(document, options);
      stop.abort("SIGINT");
    };
    return { ...ports, interrupt: stop.signal, store: { ...ports.store, writeStop } };
  });
  expect(outcome).toMatchObject({
    kind: "interrupted",
    truth: expect.stringContaining("it began at 10 %"),
    next: expect.stringContaining("restore --env model --to 10 "),
  });
  const { steps } = ("data" in outcome && outcome.data) || {};
  expect(steps?.at(-1)).toMatchObject({
    step: "NOT-AUS, seen live",
    held: false,
    detail: expect.stringMatching(/^interrupted: the stop is /),
  });
});

/** An answer a second, every tenth from native before the stop; one that was under way then comes late. */
class SlowVisitors implements Rehearsal {
  readonly #stage: RampStage;
  readonly #lateAfterS: number;
  #stoppedMs: number | null = null;
  #late = 0;

  constructor(stage: RampStage, lateAfterS: number) {
    this.#stage = stage;
    this.#lateAfterS = lateAfterS;
  }
  counts() {
    const { nowMs, stop } = this.#stage;
    if (stop !== null) this.#stoppedMs ??= nowMs;
    const total = Math.floor((nowMs - START_MS) / 1_000);
    const stoppedS = this.#stoppedMs === null ? null : (this.#stoppedMs - START_MS) / 1_000;
    if (stoppedS !== null && total - stoppedS > this.#lateAfterS) this.#late = 1;
    const native = Math.floor(Math.min(total, stoppedS ?? total) / 10) + this.#late;
    const rest = { errors: 0, drifts: 0, moved: { ok: 0, broken: 0 }, uploads: 0 };
    return { total, native, proxy: total - native, ...rest };
  }
  async settled(): Promise<void> {
    this.#late = 1;
  }
  startVisitors = async () => undefined;
  failNative = async () => undefined;
  stopVisitors = async () => this.counts();
}

describe("visitors on a slow machine", () => {
  test("are waited for as long as answers come; what was under way at the stop does not count", async () => {
    const stage = stageAt(10);
    const outcome = await drill(stage, undefined, new SlowVisitors(stage, 100));
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: "done" });
  });

  test("that get no answer at all are not waited for without end", async () => {
    const stage = stageAt(10);
    const visitors = new SlowVisitors(stage, 100);
    const silent = { ...visitors.counts(), total: 0, native: 0 };
    visitors.counts = () => silent;
    const outcome = await drill(stage, undefined, visitors);
    expect(outcome).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringContaining("visitors are on native"),
    });
  });

  test("of whom one never gets an answer are not waited for without end, and that is said", async () => {
    const stage = stageAt(10);
    const never = new Promise<never>(() => undefined);
    const visitors = Object.assign(new SlowVisitors(stage, 0), {
      settled: () => never,
      stopVisitors: () => never,
    });
    const atOnce = (ports: Ports): Ports => ({ ...ports, clock: { ...ports.clock, timeout } });
    const timeout = (): AbortSignal => AbortSignal.abort();
    const data = { steps: [], traffic: null };
    await sendHome(visitors, atOnce(drillPorts(stage)), data);
    expect(data).toEqual({
      steps: [expect.objectContaining({ step: "visitors leave", held: false })],
      traffic: null,
    });
    const { held } = await nobodyNative(atOnce(drillPorts(stage)), visitors, 1);
    expect(held).toBe(true);
  });
});
