/** A command that finds nothing to write: the run before it may have ended before its change was live. */

import { anySignal } from "../../domain/lib/abort.ts";
import { expectationOf } from "../../domain/proof/expectation.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { invocation } from "./format.ts";
import type { LiveProof } from "./prove-live.ts";
import { isLive, NOT_ASKED, proveLive } from "./prove-live.ts";
import type { Base } from "./stored-state.ts";

/** `dataOf` makes the command's data of what was seen. Never throws. */
export async function proveStored<T>(
  { state }: Base,
  input: CommonInput,
  ports: Ports,
  dataOf: (proof: LiveProof) => T,
): Promise<Outcome<T>> {
  const startedMs = ports.clock.monotonic();
  const signal = anySignal([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const proof = input.verify
    ? await proveLive(ports, expectationOf(state), { signal, startedMs, what: "config" })
    : NOT_ASKED;
  const data = dataOf(proof);
  if (isLive(proof) || !input.verify) return { kind: "done", changed: false, data };
  const percent = state.config.kind === "valid" ? `${state.config.value.canary_percent} %` : "it";
  const waitingFor = `every /qa to show ${percent}`;
  const next = invocation(ports.target, "verify");
  const interrupted = interruptedBy(ports.interrupt);
  if (interrupted === null) return { kind: "pending", data, waitingFor, next };
  const truth = "nothing was written; what is stored is not yet live everywhere";
  return { kind: "interrupted", signal: interrupted, truth, next, data };
}
