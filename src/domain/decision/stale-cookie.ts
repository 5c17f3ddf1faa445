/** A cookie that no longer holds its visitor: the cohort is drawn anew. */
import { COOKIE_MAX_AGE_S, type CohortCookie } from "./cookie.ts";

/** Clocks of two locations may differ; a cookie from further in the future than this is stale. */
const COOKIE_FUTURE_S = 300;

/**
 * True when the canary has another tag now, or the cookie is older than its 24 hours: the server
 * enforces the age, for a copied cookie must not outlive it.
 */
export function isStale(cookie: CohortCookie, tag: string, nowMs: number): boolean {
  const ageS = Math.floor(nowMs / 1000) - cookie.issuedAtS;
  const isOfItsTime = ageS < COOKIE_MAX_AGE_S && ageS > -COOKIE_FUTURE_S;
  return cookie.tag !== tag || !isOfItsTime;
}
