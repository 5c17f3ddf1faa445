/**
 * How often a notice is sent: 429, 5xx and no answer are worth another try, after a delay with full
 * jitter; what was refused stays refused. A notice whose answer was lost may arrive twice.
 */

import { anySignal } from "../lib/abort.ts";
import { type Backoff, jitteredMs, retry } from "../lib/retry.ts";

/** To be POSTed as JSON. Headers and address may hold secrets: no redirect is followed. */
export interface NoticeRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** Null status: no answer over HTTP, and why. `final`: another try would end the same. */
export type Answer =
  | { status: number; retryAfterMs: number | null }
  | { status: null; why: string; final?: boolean };

export interface Sending {
  /** One attempt; must not throw, and ends when the signal aborts. */
  post(signal: AbortSignal): Promise<Answer>;
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Aborts after so long. */
  timeout(ms: number): AbortSignal;
  /** In [0, 1). */
  random(): number;
}

/** No delay is longer than `maxDelayMs`; a longer Retry-After ends the trying. */
export interface SendLimits extends Backoff {
  tries: number;
  /** Of one attempt, so that a lost one leaves time for the next. */
  tryMs: number;
}

/** How it ended. `status` is that of the last answer; `problem` is null when it was taken. */
export interface Sent {
  tries: number;
  status: number | null;
  problem: string | null;
}

/** `signal` limits the whole. Never throws. */
export async function sendWithRetries(
  sending: Sending,
  limits: SendLimits,
  signal: AbortSignal,
): Promise<Sent> {
  const { answer, tries } = await retry(
    async (tries) => {
      const limit = anySignal([signal, sending.timeout(limits.tryMs)]);
      return { answer: await sending.post(limit), tries };
    },
    ({ answer, tries }) =>
      tries >= limits.tries ? null : delayBefore(tries, answer, limits, sending.random()),
    { sleep: sending.sleep, signal },
  );
  return { tries, status: answer.status, problem: problemOf(answer) };
}

/** Null when there is to be no further try. `random` is in [0, 1). */
export function delayBefore(
  tries: number,
  answer: Answer,
  limits: SendLimits,
  random: number,
): number | null {
  if (!isWorthAnother(answer)) return null;
  const delayMs = jitteredMs(tries, limits, random);
  const askedMs = answer.status === null ? null : answer.retryAfterMs;
  if (askedMs === null) return delayMs;
  return askedMs > limits.maxDelayMs ? null : Math.min(limits.maxDelayMs, askedMs + delayMs);
}

function isWorthAnother(answer: Answer): boolean {
  if (answer.status === null) return answer.final !== true;
  return answer.status === 429 || answer.status >= 500;
}

/** In words; never what the other side said, which may quote a secret. Null when it was taken. */
function problemOf(answer: Answer): string | null {
  if (answer.status === null) return answer.why;
  if (answer.status >= 200 && answer.status < 300) return null;
  if (answer.status >= 300 && answer.status < 400) {
    return `redirects (HTTP ${answer.status}, not followed)`;
  }
  return `refused (HTTP ${answer.status})`;
}

/** Makes one POST, and follows no redirect: what it carries is secret. Throws when there is no answer. */
export type Post = (
  request: NoticeRequest,
  signal: AbortSignal,
) => Promise<{ status: number; retryAfter: string | null }>;

/** What the other side says is not passed on. `why` puts a failed connection into words. Never throws. */
export async function postOnce(
  post: Post,
  { url, headers, body }: NoticeRequest,
  signal: AbortSignal,
  why: (error: unknown) => string,
): Promise<Answer> {
  const typed = { "content-type": "application/json; charset=utf-8", ...headers };
  try {
    const { status, retryAfter } = await post({ url, body, headers: typed }, signal);
    return { status, retryAfterMs: retryAfterMs(retryAfter) };
  } catch (error) {
    return { status: null, why: signal.aborted ? "no answer in time" : why(error) };
  }
}

/** Of the header's whole seconds; null for anything else, a date included. */
export function retryAfterMs(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) * 1_000 : null;
}
