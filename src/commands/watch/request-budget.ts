/**
 * Keeps a command that polls within a fixed part of the API's request budget, whatever it asks.
 * 1,200 requests per 5 minutes: developers.cloudflare.com/fundamentals/api/reference/limits
 */
const API_REQUESTS = 1_200;
const API_WINDOW_MS = 5 * 60_000;

/** A fifth, so that relief commands, `verify` and colleagues always find room. */
export const POLL_LIMIT = API_REQUESTS / 5;

/** A request may leave some seconds after its place was taken: a window longer by that covers it. */
const LATE_MS = 15_000;
const WINDOW_MS = API_WINDOW_MS + LATE_MS;

/** Requests for which a place was taken, oldest first. */
export type Spent = readonly { atMs: number; requests: number }[];

/** How long to wait until so many requests fit; at most POLL_LIMIT can ever. */
export function waitForRoom(spent: Spent, requests: number, nowMs: number): number {
  const recent = within(spent, nowMs);
  let used = recent.reduce((sum, one) => sum + one.requests, 0);
  let waitMs = 0;
  for (const one of recent) {
    if (used + requests <= POLL_LIMIT) break;
    used -= one.requests;
    waitMs = one.atMs + WINDOW_MS - nowMs;
  }
  return waitMs;
}

export function spend(spent: Spent, requests: number, nowMs: number): Spent {
  return [...within(spent, nowMs), { atMs: nowMs, requests }];
}

function within(spent: Spent, nowMs: number): Spent {
  return spent.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
}

/** How fast to poll. An API that says "too many requests" is asked half as often, up to a point. */
export interface Pace {
  /** Every interval is so many times longer. */
  factor: number;
  /** Nothing is asked before. */
  notBeforeMs: number;
}

export const FULL_PACE: Pace = { factor: 1, notBeforeMs: 0 };

const SLOWEST = 16;
const PAUSE_MS = 20_000;

/** After a 429; `retryAfterMs` is what the API asked for, if it did. */
export function slower(pace: Pace, nowMs: number, retryAfterMs: number | null): Pace {
  const pauseMs = Math.min(API_WINDOW_MS, Math.max(PAUSE_MS, retryAfterMs ?? 0));
  return {
    factor: Math.min(SLOWEST, pace.factor * 2),
    notBeforeMs: Math.max(pace.notBeforeMs, nowMs + pauseMs),
  };
}

/** After an answer: back in small steps. */
export function faster(pace: Pace): Pace {
  return { ...pace, factor: Math.max(1, pace.factor * 0.8) };
}
