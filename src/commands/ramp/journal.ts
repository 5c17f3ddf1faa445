/** Puts the entries of an attached ramp into the journal, and tells people of its end or its pause. */
import { isOver, type RampControl, type RampDocument } from "../../domain/ramp/document.ts";
import { endEntry, requestEntry, stepEntry } from "../../domain/ramp/entries.ts";
import { rampNotice } from "../../domain/ramp/text.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { recordEntry, signatureOf } from "../lib/record-change.ts";

const TELL_LIMIT_MS = 2_000;

export async function recordStep(
  ramp: RampDocument,
  outcome: "live" | "stored",
  input: CommonInput,
  ports: Ports,
): Promise<void> {
  const entry = stepEntry(ramp, outcome, await signatureOf(ports, input));
  if (entry !== null) await recordEntry(ports, entry, "others");
}

/** `failure`: of its write; one that was certainly not written is none. */
export async function recordRequest(
  control: RampControl,
  failure: UpstreamError | null,
  input: CommonInput,
  ports: Ports,
): Promise<void> {
  if (failure !== null && failure.kind !== "ambiguous") return;
  const outcome = failure === null ? "written" : "unknown";
  const entry = requestEntry(control, outcome, await signatureOf(ports, input));
  await recordEntry(ports, entry, "none");
}

/** Also the step that has not been told yet, as it never was live. */
export async function recordEnd(
  ramp: RampDocument,
  state: ParsedState | null,
  input: CommonInput,
  ports: Ports,
): Promise<void> {
  const { clock, notifier, progress, target } = ports;
  if (isOver(ramp) && ramp.live_at === null) await recordStep(ramp, "stored", input, ports);
  const signature = await signatureOf(ports, input);
  await recordEntry(ports, endEntry(ramp, state, signature), "none");
  if (notifier.channels.length === 0) return;
  const notice = rampNotice(ramp, target.env, clock.now());
  const signal = clock.timeout(TELL_LIMIT_MS);
  for (const warning of await notifier.notify(notice, { signal })) progress.warn(warning);
}
