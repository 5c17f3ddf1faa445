/**
 * Goes on with a ramp: tells whoever carries it out, or, when that process is gone, carries it out from here: at
 * the right step, with the time that is left, and health first.
 */

import { anySignal } from "../../domain/lib/abort.ts";
import { takenOver } from "../../domain/ramp/carrier.ts";
import type { RampControl } from "../../domain/ramp/document.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { nowText, shareOf, stepText } from "../../domain/ramp/text.ts";
import { LocalError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { noFlags } from "../flag.ts";
import { age, invocation } from "../lib/format.ts";
import { isLeft } from "../lib/ramp-death.ts";
import { READ_LIMIT_MS, unreachable } from "../lib/stored-state.ts";
import { answerTo, hearingOf, unheard } from "./answer.ts";
import { newControl, request, runningRamp, send } from "./control.ts";
import { diskRefused, lockHere } from "./launch.ts";
import { stateText } from "./life.ts";
import { carryOut, RAMP_BUDGET_MS } from "./loop.ts";
import { overOutcome } from "./outcome.ts";
import { documentsHelp, renderRamp } from "./render.ts";
import type { RampData } from "./run-state.ts";
import { findRamp, type KnownRamp } from "./store.ts";

export const rampResume: ChangingVerb<typeof noFlags, KnownRamp, RampData> = {
  name: "ramp resume",
  summary: "Resume a ramp that was paused or left",
  details:
    "A detached ramp, or one whose process is alive, resumes there. If its process has died, on this machine " +
    "or on another one that does not answer, it resumes in this terminal. Checks health first; skips no hold " +
    "and raises no step twice. Asks.",
  examples: ["pixcanary ramp resume --env production"],
  moreHelp: documentsHelp("ramp resume"),
  streams: true,
  timeoutMs: RAMP_BUDGET_MS,
  input: noFlags,
  async plan(_input, ports) {
    const found = await runningRamp(ports);
    if (found.ended !== undefined) return found.ended;
    const { ramp } = found.known;
    const nowMs = ports.clock.now();
    const before = `${stateText(found.known, nowMs)} at ${shareOf(ramp)}, ${stepText(ramp)}`;
    const changes = [{ what: "ramp", before, after: afterOf(found.known, nowMs) }];
    const notes = [nowText(ramp, nowMs), ...takeoverNotes(found.known, nowMs)];
    return { kind: "plan", risk: "exposure", changes, notes, steps: found.known };
  },
  apply: resume,
  render: renderRamp,
};

/** Null: whoever carries it out is told, and nobody takes over. */
type Takeover = "at once" | "without an answer" | null;

function takeoverOf(known: KnownRamp, nowMs: number): Takeover {
  const { ramp, alive } = known;
  if (ramp.mode === "detached" || alive) return null;
  const gone = known.from === "here" || isLeft(ramp) || hearingOf(known, nowMs) === "silent";
  return gone ? "at once" : "without an answer";
}

function afterOf(known: KnownRamp, nowMs: number): string {
  const takeover = takeoverOf(known, nowMs);
  if (takeover === null && hearingOf(known, nowMs) === "silent")
    return "running once the cron runs";
  if (takeover === null) return "running";
  if (takeover === "at once") return "running in this terminal";
  return `running on ${known.ramp.host}, or, if that does not answer, in this terminal`;
}

/** What the operator has to know of the process elsewhere, before saying yes. */
function takeoverNotes({ ramp, from, alive }: KnownRamp, nowMs: number): string[] {
  if (from === "here" || ramp.mode === "detached" || alive) return [];
  const last = age(nowMs - Date.parse(ramp.updated_at));
  return [
    `last update from ${ramp.host}: ${last}; if its process is still alive, it stops once it sees the takeover`,
  ];
}

async function resume(
  known: KnownRamp,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RampData>> {
  const { ramp } = known;
  const control = newControl("resume", ramp, input, ports);
  const takeover = takeoverOf(known, ports.clock.now());
  if (takeover === "at once") return here(control, input, ports, request);
  // Also when it is running: a pause may be on its way, and only the newest word counts.
  const error = await request(control, input, ports);
  const data: RampData = { ramp, at_ms: ports.clock.now() };
  if (error !== null) return { ...unreachable(error, ports), data };
  const next = invocation(ports.target, "ramp status");
  // Nobody takes over from a cron that does not run.
  if (hearingOf(known, data.at_ms) === "silent") return unheard(known, data, ports);
  if (takeover === null || !input.verify) {
    const headline = "resume requested; takes effect at the next check";
    return { kind: "done", changed: true, data, headline, next };
  }
  const answered = await answerTo(control, input, ports);
  const signal = interruptedBy(ports.interrupt);
  if (signal !== null && answered === null) {
    const truth = `resume requested; ${ramp.host} has not answered`;
    return { kind: "interrupted", signal, truth, next, data };
  }
  if (answered === null) return here(control, input, ports);
  if (isOver(answered)) return overOutcome(answered, ports);
  const headline = `running on ${answered.host}`;
  return { kind: "done", changed: true, data: { ...data, ramp: answered }, headline, next };
}

/** `say`: journals the request, unless that was done. As it is by now: while the question was open, or the answer waited for, somebody may have been faster. */
async function here(
  control: RampControl,
  input: CommonInput,
  ports: Ports,
  say: typeof request = (word, _input, to) => send(word, to),
): Promise<Outcome<RampData>> {
  const lock = await lockHere(ports);
  if (lock !== null) return lock;
  try {
    const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
    const { known, warnings } = await findRamp(ports, signal);
    for (const warning of warnings) ports.progress.warn(warning);
    if (known === null || known.ramp.id !== control.ramp || isOver(known.ramp)) {
      return gone(known, ports);
    }
    const error = await say(control, input, ports);
    if (error !== null) return unreachable(error, ports);
    const { actor: by, host } = ports.identity;
    const id = ports.rng.ulid(ports.clock.now(), known.ramp.carrier.id);
    return await carryOut(takenOver(known.ramp, { id, by, host }), input, ports, control);
  } catch (error) {
    if (error instanceof LocalError) return diskRefused(error, ports);
    throw error;
  } finally {
    await ports.rampFile.unlock();
  }
}

function gone(known: KnownRamp | null, ports: Ports): Outcome<RampData> {
  if (known !== null && isOver(known.ramp)) return overOutcome(known.ramp, ports);
  return {
    kind: "failed",
    code: "conflict",
    message: "the ramp that was to be resumed is not the one that is kept now",
    truth: "nothing was written",
    next: invocation(ports.target, "ramp status"),
  };
}
