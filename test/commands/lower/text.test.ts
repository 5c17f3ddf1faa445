import { expect, test } from "vitest";
import { reduce } from "../../../src/commands/lower/reduce.ts";
import { serialiseConfig } from "../../../src/domain/state/documents.ts";
import { BASE } from "../../domain/ramp/world.ts";
import { INPUT, RampStage } from "../ramp/stage.ts";

test.each([
  { theirs: true, code: "conflict", line: false },
  { theirs: false, code: undefined, line: true },
])("a change that somebody's replaced ($theirs) is not shown as made", async (given) => {
  const stage = new RampStage();
  const ports = stage.ports();
  const writeConfig: typeof ports.store.writeConfig = async (config, call) => {
    await ports.store.writeConfig(config, call);
    const newest = { ...BASE, canary_percent: 9, revision: `7${"Z".repeat(25)}` };
    if (given.theirs) stage.config = serialiseConfig({ ...newest, updated_by: "eve@desk" });
  };
  const world = { ...ports, store: { ...ports.store, writeConfig } };
  const input = { ...INPUT, to: 0.5 };
  const planned = await reduce.plan(input, world);
  if (planned.kind !== "plan") throw new Error("not planned");
  const outcome = await reduce.apply(planned.steps, input, world);
  expect("code" in outcome ? outcome.code : undefined).toBe(given.code);
  expect(/1 % → 0\.5 %/.test(reduce.render(outcome))).toBe(given.line);
});
