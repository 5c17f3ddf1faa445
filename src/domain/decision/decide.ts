/** The decision per request, one pure function for the Worker, the tests and `pixcanary explain`. */
import type { EffectiveState } from "../state/isolate-memory.ts";

export type Cohort = "native" | "proxy";
export type Reason = "emergency" | "header" | "cookie" | "sampled" | "default";

/** Draws are integers 0 … 9999, so that a share with two decimals is met exactly. */
export const DRAWS = 10_000;

export interface DecisionFacts {
  state: EffectiveState;
  /** `X-Canary: 1` in mode `open`, or a valid signed override in mode `signed`. */
  override: boolean;
  /** What a valid cookie says; null without one (absent, forged, expired, of another tag). */
  cookie: Cohort | null;
  /** 0 … 9999, uniformly drawn for this request. */
  draw: number;
}

export interface Decision {
  cohort: Cohort;
  reason: Reason;
  /** The configured share in percent; null without a readable configuration. */
  percent: number | null;
  tag: string | null;
}

/**
 * Order: emergency, no readable configuration, override, cookie, draw.
 * Without any readable configuration nobody can know whether an emergency is on, and a cookie's tag
 * cannot be compared: in doubt, proxy, for override and cookie holders as well.
 */
export function decide(facts: DecisionFacts): Decision {
  const { state } = facts;
  const percent = state.config?.canary_percent ?? null;
  const tag = state.config?.canary_tag ?? null;
  const because = (cohort: Cohort, reason: Reason): Decision => ({ cohort, reason, percent, tag });

  if (state.emergency) return because("proxy", "emergency");
  if (percent === null) return because("proxy", "default");
  if (facts.override) return because("native", "header");
  if (facts.cookie !== null) return because(facts.cookie, "cookie");
  return because(facts.draw < Math.round(percent * 100) ? "native" : "proxy", "sampled");
}
