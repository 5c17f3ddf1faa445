/**
 * The stop that goes along with a further rung of the ladder: whatever becomes of it now, it is what keeps visitors on
 * proxy when that rung is undone.
 */
import type { StopDocument } from "../../domain/state/documents.ts";
import { stopNow } from "../../domain/state/transitions.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { type SignedWrite, sendSigned } from "./signed.ts";
import { settle, type WriteResult } from "./write-result.ts";

export interface StopToo {
  stop: StopDocument;
  id: string;
  /** Settles within the signal, and never rejects. */
  written: Promise<WriteResult>;
}

/** Both keys at once, and by the Worker itself where there is an operator key, as every stop; nothing waits for it. */
export function stopToo(
  ports: Ports,
  input: Pick<CommonInput, "reason">,
  call: CallOptions,
  elapsed: () => number,
): StopToo {
  const { clock, rng, store, target, identity } = ports;
  const nowMs = clock.now();
  const id = rng.ulid(nowMs);
  const author = { actor: identity.actor, reason: input.reason, nowMs, id };
  const { stop, config } = stopNow(target.canaryTag, author);
  void settle(store.writeConfig(config, { ...call, atWill: true }), elapsed);
  const byApi = settle(store.writeStop(stop, call), elapsed);
  const byWorker = sendSigned(ports, stop, { signal: call.signal, elapsed }).first;
  return { stop, id, written: first(byApi, byWorker) };
}

/** The Worker may take what the API does not; where neither did, the API's reason is told. */
async function first(
  byApi: Promise<WriteResult>,
  byWorker: Promise<SignedWrite>,
): Promise<WriteResult> {
  const written = [byApi, byWorker].map(async (one): Promise<WriteResult> => {
    const result = await one;
    if (result.kind !== "written") throw new Error("not this one");
    return { kind: "written", elapsedMs: result.elapsedMs };
  });
  return Promise.any(written).catch(() => byApi);
}
