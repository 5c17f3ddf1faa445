/** Waits until a ramp has ended, and ends as it did. Reads only. */
import { anySignal } from "../../domain/lib/abort.ts";
import { GATE } from "../../domain/ramp/advance.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { shareOf, stepText } from "../../domain/ramp/text.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { invocation, seconds } from "../lib/format.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import { silenceOf, standingText } from "./life.ts";
import { outcomeOf } from "./outcome.ts";
import type { RampStatusData } from "./status-data.ts";
import { statusDataOf } from "./status-data.ts";
import { findRamp, type KnownRamp } from "./store.ts";
import { changeLine } from "./text.ts";

/** A ramp holds its steps for minutes; with jitter. */
const POLL_MS = 5_000;

/**
 * 0: done, or there is none; 20: its gate failed, or paused it; 25: aborted, or another change ended it; 124:
 * it had not ended by the time limit, which is `timeoutMs`.
 */
export async function untilOver(
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RampStatusData>> {
  const signal = anySignal([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const told = new Set<string>();
  const tellOnce = (text: string, tell: (text: string) => void): void => {
    if (!told.has(text)) tell(text);
    told.add(text);
  };
  for (;;) {
    const limit = anySignal([ports.clock.timeout(READ_LIMIT_MS), signal]);
    const { known, warnings } = await findRamp(ports, limit);
    if (!signal.aborted) for (const warning of warnings) tellOnce(warning, ports.progress.warn);
    if (known === null && warnings.length === 0) {
      return { kind: "done", changed: false, data: statusDataOf(null, ports) };
    }
    if (known !== null && hasEnded(known)) return endedAs(known, ports);
    if (known !== null) tellOnce(newsOf(known, ports), ports.progress.note);
    if (!(await pause(ports, signal))) return unended(known, warnings, input, ports);
  }
}

/** Paused by its gate it waits for a person, who is told. */
function hasEnded({ ramp }: KnownRamp): boolean {
  return isOver(ramp) || ramp.paused?.by === GATE;
}

/** A ramp that nobody runs has no news but that. */
function newsOf(known: KnownRamp, { clock }: Ports): string {
  const { ramp } = known;
  const silence = silenceOf(known, clock.now());
  return silence === null
    ? changeLine({ ramp, problem: null })
    : escapeForTerminal(`! ${stepText(ramp)}, ${shareOf(ramp)}: ${silence}`);
}

/** False when time is up, or a signal came. */
async function pause({ clock, rng }: Ports, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return clock.sleep(POLL_MS * (0.75 + rng.next() / 2), signal).then(
    () => true,
    () => false,
  );
}

function placeText(known: KnownRamp, nowMs: number): string {
  const { ramp } = known;
  const at = `at ${shareOf(ramp)}, ${stepText(ramp)}`;
  const silence = silenceOf(known, nowMs);
  return silence === null
    ? `it is ${ramp.state} ${at}`
    : `${silence}, ${at}; ${standingText(ramp, nowMs)}`;
}

/** How the ramp ended is how the command ends. */
export function endedAs(known: KnownRamp, ports: Ports): Outcome<RampStatusData> {
  const outcome = outcomeOf({ ramp: known.ramp, problem: null }, statusDataOf(known, ports), ports);
  if (outcome.kind !== "done") return outcome;
  const { data, next = "" } = outcome;
  return { kind: "done", changed: false, data, next };
}

function unended(
  known: KnownRamp | null,
  warnings: readonly string[],
  input: CommonInput,
  ports: Ports,
): Outcome<RampStatusData> {
  const data = statusDataOf(known, ports);
  const next = invocation(ports.target, "ramp status");
  const truth =
    known === null
      ? `whether there is a ramp is unknown: ${warnings.join("; ")}`
      : placeText(known, data.at_ms);
  const interrupted = interruptedBy(ports.interrupt);
  if (interrupted !== null) {
    return { kind: "interrupted", signal: interrupted, truth, next, data };
  }
  const message = `the ramp has not ended within ${seconds(input.timeoutMs)}`;
  return { kind: "failed", code: "deadline", message, truth, next, data };
}
