/** A drill leaves the share as it found it, and does not begin where it could not. */
import { describe, expect, test } from "vitest";
import { performDrill } from "../../src/commands/drill.ts";
import { RAMP_KEY } from "../../src/domain/ramp/document.ts";
import { parseConfig, serialiseConfig } from "../../src/domain/state/documents.ts";
import { isEmergency, parseState } from "../../src/domain/state/state.ts";
import { UpstreamError } from "../../src/ports/errors.ts";
import type { Ports } from "../../src/ports/ports.ts";
import { BASE, rampOf } from "../domain/ramp/world.ts";
import { INPUT, RampStage } from "./ramp/stage.ts";

function stageAt(canary_percent: number): RampStage {
  const stage = new RampStage();
  stage.config = serialiseConfig({ ...BASE, canary_percent });
  return stage;
}

/** As `pixcanary drill --env staging --yes`; limits end as the stage's time goes by. */
function drill(stage: RampStage, change: (ports: Ports) => Ports = (ports) => ports) {
  const ports = change(stage.ports());
  const limits: { atMs: number; end: AbortController }[] = [];
  const clock: Ports["clock"] = {
    ...ports.clock,
    timeout(ms) {
      const end = new AbortController();
      limits.push({ atMs: stage.nowMs + ms, end });
      return end.signal;
    },
    async sleep(ms, signal) {
      signal.throwIfAborted();
      await ports.clock.sleep(ms, signal);
      for (const { atMs, end } of limits) if (atMs <= stage.nowMs) end.abort();
      signal.throwIfAborted();
    },
  };
  return performDrill(INPUT, { ...ports, clock }, null);
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
      make: (stage) => stage.documents.set(RAMP_KEY, JSON.stringify(rampOf("5:2h,100"))),
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
