/** Holds a ramp where it is, until somebody resumes it. Its gate goes on watching. */
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, CommonInput, Outcome } from "../command.ts";
import { noFlags } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { unreachable } from "../lib/stored-state.ts";
import { newControl, runningRamp, send } from "./control.ts";
import { renderRamp } from "./render.ts";
import type { RampData } from "./run-state.ts";
import type { KnownRamp } from "./store.ts";

export const rampPause: ChangingVerb<typeof noFlags, KnownRamp, RampData> = {
  name: "ramp pause",
  summary: "Hold the ramp at its current share",
  details:
    "Takes effect at the next check: within 30 s, or a few minutes for a detached ramp. " +
    "The share stays, the gate keeps checking, and the step keeps its remaining time.",
  examples: ['pixcanary ramp pause --env production --reason "deploy freeze"'],
  timeoutMs: 30_000,
  input: noFlags,
  async plan(_input, ports) {
    const found = await runningRamp(ports);
    if (found.ended !== undefined) return found.ended;
    const changes = [{ what: "ramp", before: found.known.ramp.state, after: "paused" }];
    return { kind: "plan", risk: "relief", changes, notes: [], steps: found.known };
  },
  apply: pause,
  render: renderRamp,
};

async function pause(
  { ramp }: KnownRamp,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RampData>> {
  const data: RampData = { ramp, at_ms: ports.clock.now() };
  // Also when it is paused: a resume may be on its way, and only the newest word counts.
  const error = await send(newControl("pause", ramp, input, ports), ports);
  if (error !== null) return { ...unreachable(error, ports), data };
  const headline = "pause requested; takes effect at the next check";
  const next = invocation(ports.target, "ramp status");
  return { kind: "done", changed: true, data, headline, next };
}
