/** Our own retries: growing delays with full jitter, bounded by attempts and by the signal. */
import { type Backoff, jitteredMs, retry } from "../domain/lib/retry.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Clock } from "../ports/machine.ts";

export interface RetryPolicy extends Backoff {
  /** Attempts after the first; Infinity is bounded by the signal. */
  retries: number;
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
  const tried = await retry<{ value: T } | { error: unknown }>(
    (number) =>
      attempt(number).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      ),
    (result, number) => {
      if (!("error" in result) || !(result.error instanceof UpstreamError)) return null;
      const { error } = result;
      const nth = (seen.get(error.kind) ?? 0) + 1;
      seen.set(error.kind, nth);
      if (number > policy.retries || !policy.worthIt(error, nth)) return null;
      return delayFor(error, number, policy, deps.random);
    },
    { sleep: (ms, signal) => deps.clock.sleep(ms, signal), signal: deps.signal },
  );
  if ("value" in tried) return tried.value;
  throw seen.has("ambiguous") ? asAmbiguous(tried.error) : tried.error;
}

function delayFor(
  error: UpstreamError,
  number: number,
  policy: RetryPolicy,
  random: () => number,
): number | null {
  const asked = error.retryAfterMs;
  if (asked === null) return jitteredMs(number, policy, random());
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
