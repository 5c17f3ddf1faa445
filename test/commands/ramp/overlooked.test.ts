/** A stop that only the beacon has is shown by locations alone: while none answers, no step is left. */
import { expect, test } from "vitest";
import { rampOf, START_MS } from "../../domain/ramp/world.ts";
import { RampStage } from "./stage.ts";

const MINUTE_MS = 60_000;

test("a process goes to no next step while no /qa answers, and does when one answers again", async () => {
  const stage = new RampStage();
  const backMs = START_MS + 15 * MINUTE_MS;
  stage.onSleep = () => {
    const isSilent = stage.nowMs >= START_MS + MINUTE_MS && stage.nowMs < backMs;
    stage.answers = !isSilent;
  };
  const outcome = await stage.run(rampOf("5:10m,100", { gates: false }));
  expect(outcome).toMatchObject({ kind: "done" });
  const [first, second] = stage.writes;
  expect([first?.percent, second?.percent]).toEqual([5, 100]);
  expect(second?.atMs).toBeGreaterThanOrEqual(backMs);
});

test("after twice the hold time it pauses, and says why", async () => {
  const stage = new RampStage();
  stage.onSleep = () => {
    stage.answers = stage.nowMs < START_MS + MINUTE_MS;
  };
  await stage.run(rampOf("5:10m,100", { gates: false }));
  expect(stage.kept()).toMatchObject({
    state: "paused",
    step: 0,
    paused: { why: "no location answers: a stop may be in force, even after twice the hold time" },
  });
});
