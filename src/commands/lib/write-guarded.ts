/** One write of one key, repeated only where KV has refused it, and each time after another look. */
import { retry } from "../../domain/lib/retry.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { asUpstream } from "./write-result.ts";

/** KV refuses a second write of a key within one second; this many refusals are worth waiting for. */
const MAX_ATTEMPTS = 6;

interface Guarded<R> {
  /** Before each attempt, from 1: null when it may be written, or how it has ended. */
  look(attempt: number): Promise<R | null>;
  write(): Promise<void>;
  /** `lost`: nobody could tell whether it arrived. */
  readBack(lost?: UpstreamError): Promise<R>;
}

/** What a look or the reading back says, or the failure of a write that was refused for good. */
export async function writeGuarded<R>(
  ports: Pick<Ports, "clock" | "rng">,
  call: CallOptions,
  { look, write, readBack }: Guarded<R>,
): Promise<R | { kind: "failed"; error: UpstreamError }> {
  const attempt = async (number: number): Promise<{ end: R } | { error: UpstreamError }> => {
    const end = await look(number);
    if (end !== null) return { end };
    try {
      await write();
    } catch (thrown) {
      const error = asUpstream(thrown);
      return error.kind === "ambiguous" ? { end: await readBack(error) } : { error };
    }
    return { end: await readBack() };
  };
  const tried = await retry(
    attempt,
    (result, number) => {
      if ("end" in result || result.error.kind !== "unavailable" || number >= MAX_ATTEMPTS) {
        return null;
      }
      call.onRetry?.(result.error.message);
      const askedMs = result.error.retryAfterMs ?? 300 * number;
      return Math.min(askedMs, 2_000) * (1 + ports.rng.next() / 2);
    },
    { sleep: (ms, signal) => ports.clock.sleep(ms, signal), signal: call.signal },
  );
  return "end" in tried ? tried.end : { kind: "failed", error: tried.error };
}
