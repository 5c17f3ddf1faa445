/** Whether whoever runs a ramp hears what is requested of it: a request that is stored is not obeyed yet. */
import { anySignal } from "../../domain/lib/abort.ts";
import type { RampControl, RampDocument } from "../../domain/ramp/document.ts";
import { isOver } from "../../domain/ramp/document.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { age, invocation } from "../lib/format.ts";
import { silenceOf, standingText } from "./life.ts";
import { longestWaitMs } from "./loop.ts";
import type { RampData } from "./run-state.ts";
import { type KnownRamp, readKept } from "./store.ts";

/** `unsure`: a process elsewhere, heard of lately; whether it is alive, only its answer tells. */
export function hearingOf(known: KnownRamp, nowMs: number): "hears" | "unsure" | "silent" {
  if (silenceOf(known, nowMs) !== null) return "silent";
  return known.alive || known.ramp.mode === "detached" ? "hears" : "unsure";
}

/** Beside the longest wait: a look, and keeping what came of it. */
const LOOK_MS = 15_000;
const POLL_MS = 2_000;

/** The ramp as whoever runs it has kept it since; null: nobody did in time. */
export async function answerTo(
  control: RampControl,
  { timeoutMs }: Pick<CommonInput, "timeoutMs">,
  ports: Ports,
): Promise<RampDocument | null> {
  const { clock, rng, target, progress, interrupt } = ports;
  const limitMs = Math.min(longestWaitMs(target) + LOOK_MS, timeoutMs);
  const signal = anySignal([clock.timeout(limitMs), interrupt]);
  const endMs = clock.monotonic() + limitMs;
  progress.note(`waiting up to ${Math.ceil(limitMs / 1_000)} s for an answer …`);
  while (!signal.aborted && clock.monotonic() < endMs) {
    const kept = await readKept(ports, signal);
    if (kept?.id === control.ramp && (kept.obeyed === control.id || isOver(kept))) return kept;
    await clock.sleep(POLL_MS * (0.75 + rng.next() / 2), signal).catch(() => undefined);
  }
  return null;
}

/** Requested, and nobody has obeyed: what is true meanwhile, and who can still do something about it. */
export function unheard(known: KnownRamp, data: RampData, ports: Ports): Outcome<RampData> {
  const { ramp } = known;
  const nowMs = ports.clock.now();
  const who = ramp.mode === "detached" ? "the Worker's cron" : ramp.host;
  const last = age(nowMs - Date.parse(ramp.updated_at));
  const silence = silenceOf(known, nowMs) ?? `no answer, last update ${last}`;
  const waitingFor = `${who} to obey: ${silence}; ${standingText(ramp, nowMs)}`;
  const next =
    ramp.mode === "detached"
      ? `${invocation(ports.target, "ramp abort")}   # ends it`
      : `${invocation(ports.target, "ramp resume")}   # takes over here; or: ramp abort, which ends it`;
  return { kind: "pending", data, waitingFor, next };
}
