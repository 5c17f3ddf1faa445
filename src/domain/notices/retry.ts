/**
 * How often a notice is sent: 429, 5xx and no answer are worth another try, after a delay with full
 * jitter; what was refused stays refused. A notice whose answer was lost may arrive twice.
 */

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

export interface SendLimits {
  tries: number;
  /** Of one attempt, so that a lost one leaves time for the next. */
  tryMs: number;
  /** The ceiling of the first delay; each further one may be twice as long. */
  firstDelayMs: number;
  /** No delay is longer; a longer Retry-After ends the trying. */
  maxDelayMs: number;
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
  for (let tries = 1; ; tries += 1) {
    const answer = await sending.post(AbortSignal.any([signal, sending.timeout(limits.tryMs)]));
    const problem = problemOf(answer);
    const sent: Sent = { tries, status: answer.status, problem };
    if (problem === null || tries >= limits.tries || signal.aborted) return sent;
    const delayMs = delayBefore(tries, answer, limits, sending.random());
    if (delayMs === null) return sent;
    try {
      await sending.sleep(delayMs, signal);
    } catch {
      return sent;
    }
  }
}

/** Null when there is to be no further try. `random` is in [0, 1). */
export function delayBefore(
  tries: number,
  answer: Answer,
  { firstDelayMs, maxDelayMs }: SendLimits,
  random: number,
): number | null {
  if (!isWorthAnother(answer)) return null;
  const ceilingMs = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(tries - 1, 20));
  const jitteredMs = Math.floor(random * ceilingMs);
  const askedMs = answer.status === null ? null : answer.retryAfterMs;
  if (askedMs === null) return jitteredMs;
  return askedMs > maxDelayMs ? null : Math.min(maxDelayMs, askedMs + jitteredMs);
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
  return `refused it (HTTP ${answer.status})`;
}

/** Of the header's whole seconds; null for anything else, a date included. */
export function retryAfterMs(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) * 1_000 : null;
}
