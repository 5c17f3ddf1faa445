/**
 * AT-9: a ramp is killed at every call that it makes, before it has an effect and right after, and goes on
 * later. In the end nothing shows it: the same state, the same writes, the same journal.
 */
import { describe, expect, it } from "vitest";
import type { RampDocument } from "../../../src/domain/ramp/document.ts";
import { rampOf } from "../../domain/ramp/world.ts";
import { thoroughly } from "../../support/runs.ts";
import { type Kill, RampStage } from "./stage.ts";

const PLAN = "5:2m,10:3m,25:2m,50:2m,75:2m,100";
const DELAYS_MS = [1_000, 10 * 60_000, 8 * 3_600_000];

interface End {
  state: string | undefined;
  percent: unknown;
  writes: number[];
  journal: string[];
}

function endOf(stage: RampStage): End {
  const entries = [...stage.journal.values()];
  return {
    state: stage.kept()?.state,
    percent: (JSON.parse(stage.config) as { canary_percent: unknown }).canary_percent,
    writes: stage.writes.map(({ percent }) => percent),
    journal: entries
      .map(({ id, before, after }) => `${id} ${before?.percent} → ${after.percent}`)
      .sort(),
  };
}

type Resume = (ramp: RampDocument) => RampDocument;

/** Null when it was killed before anything was kept: there is no ramp, and nothing was written. */
async function playKilled(
  kill: Kill,
  delayMs: number,
  resume: Resume = (r) => r,
): Promise<End | null> {
  const stage = new RampStage();
  stage.kill = kill;
  await stage.run(rampOf(PLAN));
  stage.nowMs += delayMs;
  const kept = stage.kept();
  if (kept === null) {
    expect(stage.writes).toEqual([]);
    return null;
  }
  const again = new RampStage();
  Object.assign(again, {
    nowMs: stage.nowMs,
    config: stage.config,
    stop: stage.stop,
    file: stage.file,
  });
  for (const write of stage.writes) again.writes.push(write);
  for (const [key, entry] of stage.journal) again.journal.set(key, entry);
  await again.run(resume(kept));
  return endOf(again);
}

/** At every call in CI, at every fourth where somebody waits. */
const STRIDE = thoroughly(1, 4);

describe("AT-9", () => {
  it("a killed ramp that goes on ends as one that was never killed", async () => {
    const whole = new RampStage();
    await whole.run(rampOf(PLAN));
    const expected = endOf(whole);
    expect(expected).toMatchObject({
      state: "done",
      percent: 100,
      writes: [5, 10, 25, 50, 75, 100],
    });
    expect(whole.events).toBeGreaterThan(120);
    let played = 0;
    for (let event = 0; event < whole.events; event += STRIDE) {
      for (const after of [false, true]) {
        const delay = DELAYS_MS[(event + Number(after)) % DELAYS_MS.length] ?? 0;
        for (const delayMs of event % 7 === 0 ? DELAYS_MS : [delay]) {
          const end = await playKilled({ event, after }, delayMs);
          if (end === null) continue;
          played += 1;
          expect(end, `killed ${after ? "after" : "before"} event ${event}, ${delayMs} ms`).toEqual(
            expected,
          );
        }
      }
    }
    console.log(`AT-9: ${whole.events} events, ${played} runs killed and resumed, 0 differ`);
  });

  it("is noticed when a run forgets which revision a step has", async () => {
    const forgetful: Resume = (ramp) => ({
      ...ramp,
      plan: ramp.plan.map((step, index) => ({ ...step, revision: `OTHER${index}` })),
    });
    const ends = await Promise.all(
      [20, 40, 60, 80].map((event) => playKilled({ event, after: true }, 1_000, forgetful)),
    );
    expect(ends.some((end) => end?.state === "conflict")).toBe(true);
  });

  it("is noticed when a run does not look at what is stored before it writes", async () => {
    const stage = new RampStage();
    const whole = new RampStage();
    await whole.run(rampOf(PLAN));
    // Killed right after its third write; the next run is shown the config before that one.
    let before = "";
    stage.onSleep = () => {
      if (stage.writes.length < 3) before = stage.config;
    };
    const third = await eventOfWrite(3);
    stage.kill = { event: third, after: true };
    await stage.run(rampOf(PLAN));
    const kept = stage.kept();
    if (kept === null) throw new Error("nothing was kept");
    const blind = new RampStage();
    Object.assign(blind, { nowMs: stage.nowMs, config: before, file: stage.file });
    for (const write of stage.writes) blind.writes.push(write);
    await blind.run(kept);
    expect(endOf(blind).writes).not.toEqual(endOf(whole).writes);
  });
});

async function eventOfWrite(count: number): Promise<number> {
  const stage = new RampStage();
  let found = 0;
  const ports = stage.ports.bind(stage);
  stage.ports = () => {
    const real = ports();
    const writeConfig: typeof real.store.writeConfig = (config, options) => {
      if (stage.writes.length === count - 1) found = stage.events;
      return real.store.writeConfig(config, options);
    };
    return { ...real, store: { ...real.store, writeConfig } };
  };
  await stage.run(rampOf(PLAN));
  return found;
}
