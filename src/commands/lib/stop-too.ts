/**
 * The stop that goes along with a further rung of the ladder: whatever becomes of it now, it is what keeps visitors on
 * proxy when that rung is undone.
 */
import type { StopDocument } from "../../domain/state/documents.ts";
import { stopNow } from "../../domain/state/transitions.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { settle, type WriteResult } from "./write-result.ts";

export interface StopToo {
  stop: StopDocument;
  id: string;
  /** Settles within the signal, and never rejects. */
  written: Promise<WriteResult>;
}

/** Both keys at once, as every stop; nothing waits for it. */
export function stopToo(
  { clock, rng, store, target, identity }: Ports,
  input: Pick<CommonInput, "reason">,
  call: CallOptions,
  elapsed: () => number,
): StopToo {
  const nowMs = clock.now();
  const id = rng.ulid(nowMs);
  const author = { actor: identity.actor, reason: input.reason, nowMs, id };
  const { stop, config } = stopNow(target.canaryTag, author);
  void settle(store.writeConfig(config, { ...call, atWill: true }), elapsed);
  return { stop, id, written: settle(store.writeStop(stop, call), elapsed) };
}
