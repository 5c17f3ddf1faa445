/** A word for the ramp, wherever it is carried out: KV key `ramp-control`, which only people write. */
import { anySignal } from "../../domain/lib/abort.ts";
import type { RampControl, RampDocument } from "../../domain/ramp/document.ts";
import { isOver, RAMP_CONTROL_KEY } from "../../domain/ramp/document.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome, Planned } from "../command.ts";
import { invocation } from "../lib/format.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import { recordRequest } from "./journal.ts";
import { overOutcome } from "./outcome.ts";
import type { RampData } from "./run-state.ts";
import { findRamp, type KnownRamp } from "./store.ts";

const LIMIT_MS = 15_000;

export function newControl(
  want: RampControl["want"],
  ramp: RampDocument,
  input: Pick<CommonInput, "reason">,
  { clock, rng, identity }: Pick<Ports, "clock" | "rng" | "identity">,
): RampControl {
  const nowMs = clock.now();
  return {
    schema: 1,
    id: rng.ulid(nowMs, ramp.obeyed ?? undefined),
    ramp: ramp.id,
    want,
    at: new Date(nowMs).toISOString(),
    by: identity.actor,
    reason: input.reason ?? null,
  };
}

/** Null when it was written. */
export async function send(control: RampControl, ports: Ports): Promise<UpstreamError | null> {
  const signal = anySignal([ports.clock.timeout(LIMIT_MS), ports.interrupt]);
  try {
    await ports.documents.put(RAMP_CONTROL_KEY, JSON.stringify(control), { signal });
    return null;
  } catch (error) {
    return asUpstream(error);
  }
}

/** As `send`, and journaled, whether anybody obeys it or not. */
export async function request(
  control: RampControl,
  input: CommonInput,
  ports: Ports,
): Promise<UpstreamError | null> {
  const failure = await send(control, ports);
  await recordRequest(control, failure, input, ports);
  return failure;
}

/** `known`: its end is what is stored, which nobody has written into its document. */
interface RampEnded {
  ended: Planned<never, RampData>;
  known?: KnownRamp;
}

/** The ramp that can still be told something, or why there is none. */
export async function runningRamp(
  ports: Ports,
): Promise<{ known: KnownRamp; ended?: undefined } | RampEnded> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const { known, warnings } = await findRamp(ports, signal);
  for (const warning of warnings) ports.progress.warn(warning);
  if (known !== null && !isOver(known.ramp)) return { known };
  // Nobody has written down that it is over.
  if (known !== null && !isOver(known.kept)) {
    return { ended: { kind: "ended", outcome: overOutcome(known.ramp, ports) }, known };
  }
  const next = invocation(ports.target, "status");
  if (known === null && warnings.length > 0) {
    const message = "cannot read whether a ramp is running";
    return failed({
      kind: "failed",
      code: "upstream",
      message,
      truth: "nothing was written",
      next,
    });
  }
  const message =
    known === null
      ? "no ramp is running"
      : `no ramp is running; the last one ended: ${known.ramp.state}, ${known.ramp.ended?.why ?? "no reason recorded"}`;
  return failed({ kind: "failed", code: "usage", message, truth: "nothing was written", next });
}

function failed(outcome: Outcome<RampData>): RampEnded {
  return { ended: { kind: "ended", outcome } };
}
