/**
 * Goes on with a ramp: tells whoever carries it out, or, when its process on this machine is gone,
 * carries it out from here: at the right step, with the time that is left, and health first.
 */
import { nowText, shareOf, stepText } from "../../domain/ramp/text.ts";
import { LocalError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, CommonInput, Outcome } from "../command.ts";
import { noFlags } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { unreachable } from "../lib/stored-state.ts";
import { newControl, runningRamp, send } from "./control.ts";
import { diskRefused, lockHere } from "./launch.ts";
import { carryOut, RAMP_BUDGET_MS } from "./loop.ts";
import { documentsHelp, renderRamp } from "./render.ts";
import type { RampData } from "./run-state.ts";
import type { KnownRamp } from "./store.ts";

export const rampResume: ChangingVerb<typeof noFlags, KnownRamp, RampData> = {
  name: "ramp resume",
  summary: "Resume a ramp that was paused or left",
  details:
    "A detached ramp, or one whose process is alive, resumes there. If its process on this machine has died, it " +
    "resumes in this terminal. Checks health first; skips no hold and raises no step twice. Asks.",
  examples: ["pixcanary ramp resume --env production"],
  moreHelp: documentsHelp("ramp resume"),
  streams: true,
  timeoutMs: RAMP_BUDGET_MS,
  input: noFlags,
  async plan(_input, ports) {
    const found = await runningRamp(ports);
    if ("ended" in found) return found.ended;
    const { ramp } = found.known;
    const before = `${ramp.state} at ${shareOf(ramp)}, ${stepText(ramp)}`;
    const changes = [
      { what: "ramp", before, after: isLeft(found.known) ? "running in this terminal" : "running" },
    ];
    const notes = [nowText(ramp, ports.clock.now())];
    return { kind: "plan", risk: "exposure", changes, notes, steps: found.known };
  },
  apply: resume,
  render: renderRamp,
};

function isLeft({ ramp, from, alive }: KnownRamp): boolean {
  return from === "here" && ramp.mode === "attached" && !alive;
}

async function resume(
  known: KnownRamp,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RampData>> {
  const { ramp } = known;
  const control = newControl("resume", ramp, input, ports);
  if (isLeft(known)) return here(known, control, input, ports);
  const data: RampData = { ramp, at_ms: ports.clock.now() };
  // Also when it is running: a pause may be on its way, and only the newest word counts.
  const error = await send(control, ports);
  if (error !== null) return { ...unreachable(error, ports), data };
  const headline = "resume requested; takes effect at the next check";
  const next = invocation(ports.target, "ramp status");
  return { kind: "done", changed: true, data, headline, next };
}

async function here(
  { ramp }: KnownRamp,
  control: ReturnType<typeof newControl>,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RampData>> {
  const lock = await lockHere(ports);
  if (lock !== null) return lock;
  try {
    const error = await send(control, ports);
    if (error !== null) return unreachable(error, ports);
    return await carryOut(ramp, input, ports, control);
  } catch (error) {
    if (error instanceof LocalError) return diskRefused(error, ports);
    throw error;
  } finally {
    await ports.rampFile.unlock();
  }
}
