/** Our own retries: growing delays with full jitter, bounded by attempts and by the signal. */
import pRetry from "p-retry";
import { UpstreamError } from "../ports/errors.ts";
import type { Clock } from "../ports/machine.ts";

export interface RetryPolicy {
  /** Attempts after the first; Infinity is bounded by the signal. */
  retries: number;
  /** The ceiling of the first delay; each further one may be twice as long, up to `maxDelayMs`. */
  firstDelayMs: number;
  maxDelayMs: number;
  /** A longer Retry-After: `cap` waits this long at most, `give-up` does not retry. */
  retryAfterLimitMs: number;
  beyondLimit: "cap" | "give-up";
  /** Whether this failure, the n-th of its kind (from 1), is worth another attempt. */
  worthIt(error: UpstreamError, nthOfKind: number): boolean;
}

export interface RetryDeps {
  clock: Pick<Clock, "sleep">;
  /** In [0, 1). */
  random: () => number;
  signal: AbortSignal;
}

/**
 * Throws the last failure. When any attempt may have been committed, the kind is `ambiguous`, even
 * if the last one was clearly refused. `attempt` must throw UpstreamError and heed the signal.
 */
export async function withRetries<T>(
  attempt: (number: number) => Promise<T>,
  policy: RetryPolicy,
  deps: RetryDeps,
): Promise<T> {
  const seen = new Map<string, number>();
  // The signal is not given to p-retry: it would report a write that succeeded during an abort as
  // aborted. The delay is ours because p-retry knows no full jitter and no Retry-After.
  return await pRetry(attempt, {
    retries: policy.retries,
    minTimeout: 0,
    shouldRetry: async ({ error, retriesConsumed }) => {
      if (!(error instanceof UpstreamError)) return false;
      const nth = (seen.get(error.kind) ?? 0) + 1;
      seen.set(error.kind, nth);
      const delayMs = delayFor(error, retriesConsumed, policy, deps.random);
      if (deps.signal.aborted || delayMs === null || !policy.worthIt(error, nth)) return false;
      return await deps.clock.sleep(delayMs, deps.signal).then(
        () => true,
        () => false,
      );
    },
    onFailedAttempt: ({ error }) => {
      if (error instanceof UpstreamError && error.kind === "ambiguous") seen.set("lost", 1);
    },
  }).catch((error: unknown) => {
    throw seen.has("lost") ? asAmbiguous(error) : error;
  });
}

function delayFor(
  error: UpstreamError,
  retriesConsumed: number,
  policy: RetryPolicy,
  random: () => number,
): number | null {
  const ceilingMs = Math.min(
    policy.maxDelayMs,
    policy.firstDelayMs * 2 ** Math.min(retriesConsumed, 30),
  );
  const jittered = Math.floor(random() * ceilingMs);
  const asked = error.retryAfterMs;
  if (asked === null) return jittered;
  if (asked <= policy.retryAfterLimitMs) {
    return Math.min(policy.retryAfterLimitMs, asked + Math.floor(random() * policy.firstDelayMs));
  }
  return policy.beyondLimit === "cap" ? policy.retryAfterLimitMs : null;
}

function asAmbiguous(error: unknown): unknown {
  if (!(error instanceof UpstreamError) || error.kind === "ambiguous") return error;
  const message = `${error.message}; an earlier attempt may have been stored`;
  const { status, retryAfterMs } = error;
  return new UpstreamError("ambiguous", message, { status, retryAfterMs, cause: error });
}
