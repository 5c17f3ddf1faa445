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

export function createApiClock({ uptime }: Pick<Clock, "uptime">): AnswerClock {
  let known: { apiMs: number; uptimeMs: number } | null = null;
  return {
    uptime,
    heard(date, sentMs) {
      const dateMs = Date.parse(date ?? "");
      const tookMs = uptime() - sentMs;
      if (Number.isNaN(dateMs) || tookMs > SLOW_MS) return;
      known = { apiMs: dateMs + HALF_SECOND_MS, uptimeMs: sentMs + tookMs / 2 };
    },
    now: () => (known === null ? null : Math.round(known.apiMs + uptime() - known.uptimeMs)),
  };
}
