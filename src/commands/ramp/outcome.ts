/** How a ramp's run ends, as an outcome: what happened, what is true now, what to type next. */

import { GATE } from "../../domain/ramp/advance.ts";
import { isOver, type RampDocument } from "../../domain/ramp/document.ts";
import { shareOf, stepText } from "../../domain/ramp/text.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { invocation } from "../lib/format.ts";
import type { RampData, RunState } from "./run-state.ts";

export function endOf(run: RunState, _input: CommonInput, ports: Ports): Outcome<RampData> {
  const data: RampData = { ramp: run.ramp, at_ms: ports.clock.now() };
  const to = isOver(run.ramp) ? null : run.leftTo;
  if (to === null) return outcomeOf(run, data, ports);
  return {
    kind: "failed",
    code: "conflict",
    message: `${leftText(run.ramp, to)}: this process stops`,
    truth: "it writes nothing more",
    next: invocation(ports.target, "ramp status"),
    data: { ...data, ramp: to },
  };
}

function leftText(own: RampDocument, to: RampDocument): string {
  return own.id === to.id
    ? `this ramp was taken over by ${to.carrier.by} on ${to.host}`
    : `another ramp was started at ${to.started_at} by ${to.by} on ${to.host}`;
}

type Run = Pick<RunState, "ramp" | "problem">;

/** Of a ramp that is over, or that goes no further by itself. */
export function outcomeOf<T>(run: Run, data: T, ports: Ports): Outcome<T> {
  const { ramp } = run;
  const status = invocation(ports.target, "status");
  switch (ramp.state) {
    case "done": {
      const headline = `done, ${shareOf(ramp)} since ${isoSeconds(ramp.live_at ?? ramp.updated_at)}`;
      return { kind: "done", changed: true, data, headline, next: status };
    }
    case "failed":
      return {
        kind: "unhealthy",
        data,
        reason: ramp.ended?.why ?? "the gate failed",
        next: status,
      };
    case "conflict":
    case "aborted":
      return {
        kind: "failed",
        code: "conflict",
        message: conflictText(ramp),
        truth: "their change is in force; the ramp has ended and writes nothing more",
        next: status,
        data,
      };
    case "running":
    case "paused":
      return standing(run, data, ports);
    default:
      return ramp.state satisfies never;
  }
}

/** Of a ramp that was over before anything was asked of it. */
export function overOutcome(ramp: RampDocument, ports: Ports): Outcome<RampData> {
  return outcomeOf({ ramp, problem: null }, { ramp, at_ms: ports.clock.now() }, ports);
}

function conflictText({ state, ended }: RampDocument): string {
  const { by = UNKNOWN_AUTHOR, why = "" } = ended ?? {};
  return state === "aborted" ? `aborted by ${by}: ${why}` : `${by}: ${why}`;
}

/** The process ends, the ramp does not. */
function standing<T>(run: Run, data: T, ports: Ports): Outcome<T> {
  const { ramp, problem } = run;
  const next = invocation(ports.target, "ramp resume");
  const lease = leaseText(ramp);
  if (ramp.paused?.by === GATE) {
    const reason = `paused at ${shareOf(ramp)}: ${ramp.paused.why}${lease}`;
    return { kind: "unhealthy", data, reason, next };
  }
  const signal = interruptedBy(ports.interrupt);
  const truth = `the ramp is at ${shareOf(ramp)}, ${stepText(ramp)}${lease}`;
  if (signal !== null) {
    const open = problem === null ? "" : `; ${problem}`;
    return { kind: "interrupted", signal, truth: `${truth}${open}`, next, data };
  }
  const message = problem ?? "time limit reached";
  return { kind: "failed", code: "deadline", message, truth, next, data };
}

function leaseText({ lease_until, lease_s, base }: RampDocument): string {
  if (lease_s === null || lease_until === null) return "";
  return `; unless resumed, the Worker falls back to ${base.percent} % at ${isoSeconds(lease_until)}`;
}
