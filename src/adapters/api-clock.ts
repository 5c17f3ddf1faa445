/** The time by the API, as the Date header of its answers tells it. */

import type { ApiClock } from "../ports/api.ts";
import type { Clock } from "../ports/machine.ts";

export interface AnswerClock extends ApiClock {
  /** Of an answer that has just come, asked for at `sentMs` of `uptime`. */
  heard(date: string | null, sentMs: number): void;
  uptime(): number;
}

/** The header holds whole seconds: on the average, half a one has gone. */
const HALF_SECOND_MS = 500;
/** An answer that took longer does not say when it was made. */
const SLOW_MS = 4_000;
/** What an answer tells is known within 2.5 s. */
const SKEW_LIMIT_MS = 5_000;

export function createApiClock(clock: Pick<Clock, "now" | "uptime">): AnswerClock {
  const { uptime } = clock;
  let known: { apiMs: number; uptimeMs: number } | null = null;
  const now = () => (known === null ? null : Math.round(known.apiMs + uptime() - known.uptimeMs));
  return {
    uptime,
    heard(date, sentMs) {
      const dateMs = Date.parse(date ?? "");
      const tookMs = uptime() - sentMs;
      if (Number.isNaN(dateMs) || tookMs > SLOW_MS) return;
      known = { apiMs: dateMs + HALF_SECOND_MS, uptimeMs: sentMs + tookMs / 2 };
    },
    now,
    aheadMs() {
      const apiMs = now();
      if (apiMs === null) return null;
      const aheadMs = clock.now() - apiMs;
      return Math.abs(aheadMs) <= SKEW_LIMIT_MS ? 0 : aheadMs;
    },
  };
}

/** This machine's clock, put right by the API's once that has answered: what is stored is compared across laptops. */
export function putRight(clock: Clock, { aheadMs }: Pick<ApiClock, "aheadMs">): Clock {
  return { ...clock, now: () => clock.now() - (aheadMs() ?? 0) };
}
