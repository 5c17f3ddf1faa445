/** Holds a ramp where it is, until somebody resumes it. Its gate goes on watching. */
import { isOver, type RampControl } from "../../domain/ramp/document.ts";
import { shareOf } from "../../domain/ramp/text.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { noFlags } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { isLeft } from "../lib/ramp-death.ts";
import { unreachable } from "../lib/stored-state.ts";
import { answerTo, hearingOf, unheard } from "./answer.ts";
import { newControl, request, runningRamp } from "./control.ts";
import { stateText } from "./life.ts";
import { overOutcome } from "./outcome.ts";
import { renderRamp } from "./render.ts";
import type { RampData } from "./run-state.ts";
import type { KnownRamp } from "./store.ts";

export const rampPause: ChangingVerb<typeof noFlags, KnownRamp, RampData> = {
  name: "ramp pause",
  summary: "Hold the ramp at its current share",
  details:
    "Takes effect at the next check: within 30 s, or a few minutes for a detached ramp. " +
    "The share stays, the gate keeps checking, and the step keeps its remaining time. Waits for the " +
    "answer of a process elsewhere, and exits 21 where none comes or there is no sign of life.",
  examples: ['pixcanary ramp pause --env production --reason "deploy freeze"'],
  timeoutMs: 60_000,
  input: noFlags,
  async plan(_input, ports) {
    const found = await runningRamp(ports);
    if (found.ended !== undefined) return found.ended;
    const before = stateText(found.known, ports.clock.now());
    const changes = [{ what: "ramp", before, after: "paused" }];
    return { kind: "plan", risk: "relief", changes, notes: [], steps: found.known };
  },
  apply: pause,
  render: renderRamp,
};

async function pause(
  known: KnownRamp,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RampData>> {
  const { ramp } = known;
  const data: RampData = { ramp, at_ms: ports.clock.now() };
  const control = newControl("pause", ramp, input, ports);
  // Also when it is paused: a resume may be on its way, and only the newest word counts.
  const error = await request(control, input, ports);
  if (error !== null) return { ...unreachable(error, ports), data };
  if (isLeft(ramp) && !known.alive) {
    const headline = "paused already by its gate; no process runs it until ramp resume";
    return { kind: "done", changed: false, data, headline, next: next("ramp resume", ports) };
  }
  const hearing = hearingOf(known, data.at_ms);
  if (hearing === "silent") return unheard(known, data, ports);
  if (hearing === "unsure" && input.verify) return answered(known, control, input, ports);
  const headline = "pause requested; takes effect at the next check";
  return { kind: "done", changed: true, data, headline, next: next("ramp status", ports) };
}

async function answered(
  known: KnownRamp,
  control: RampControl,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RampData>> {
  const answer = await answerTo(control, input, ports);
  const data: RampData = { ramp: answer ?? known.ramp, at_ms: ports.clock.now() };
  const signal = interruptedBy(ports.interrupt);
  if (answer === null && signal !== null) {
    const truth = `pause requested; ${known.ramp.host} has not answered`;
    return { kind: "interrupted", signal, truth, next: next("ramp status", ports), data };
  }
  if (answer === null) return unheard(known, data, ports);
  if (isOver(answer)) return overOutcome(answer, ports);
  const headline = `${answer.state} at ${shareOf(answer)} on ${answer.host}`;
  return { kind: "done", changed: true, data, headline, next: next("ramp status", ports) };
}

function next(words: string, { target }: Ports): string {
  return invocation(target, words);
}
