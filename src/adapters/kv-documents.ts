/** Documents beside the state in the same KV namespace, as text. */
import type { Documents } from "../ports/api.ts";
import { createClock } from "./clock.ts";
import { getValue, type KvPlace, putValue } from "./cloudflare-store.ts";
import type { RetryPolicy } from "./retry.ts";
import { withRetries } from "./retry.ts";

const LIMIT_MS = 5_000;

const POLICY: RetryPolicy = {
  retries: 4,
  firstDelayMs: 300,
  maxDelayMs: 2_000,
  retryAfterLimitMs: 5_000,
  beyondLimit: "give-up",
  worthIt: (error) => error.kind === "unavailable" || error.kind === "ambiguous",
};

export function createDocuments(place: KvPlace): Documents {
  const deps = (signal: AbortSignal) => ({ clock: createClock(), random: Math.random, signal });
  return {
    get: (key, { signal }) =>
      withRetries(
        () => getValue(place, key, { signal, timeoutMs: LIMIT_MS }),
        POLICY,
        deps(signal),
      ),
    put: (key, text, { signal }) =>
      withRetries(
        () => putValue(place, key, text, { signal, timeoutMs: LIMIT_MS }),
        POLICY,
        deps(signal),
      ),
  };
}
