/**
 * The sticky cookie `_canary_cohort`: `v1.<n|p>.<tag>.<issued-at s>.<key id>.<signature>`.
 * Everything before the last dot is signed with HMAC-SHA-256; the signature is base64url without
 * padding. This file knows the format; the Worker holds the keys.
 */

import { isValidTag } from "../state/documents.ts";
import type { Cohort } from "./decide.ts";
import { COHORT_COOKIE } from "./headers.ts";

export { COHORT_COOKIE };

export const COOKIE_MAX_AGE_S = 86_400;

/** 32 bytes in base64url without padding. */
const SIGNATURE_CHARS = 43;
const MAX_COOKIE_CHARS = 160;

const KEY_ID = /^[A-Za-z0-9_-]{1,16}$/;
const ISSUED_AT = /^[1-9][0-9]{0,11}$/;
/** The last of 43 characters carries four bits only: these are the canonical ones. */
const CANONICAL_SIGNATURE = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

export interface CohortCookie {
  cohort: Cohort;
  tag: string;
  issuedAtS: number;
  keyId: string;
}

export interface SignedCookie extends CohortCookie {
  /** The exact text that is signed. */
  payload: string;
  signature: string;
}

export function cookiePayload(cookie: CohortCookie): string {
  const cohort = cookie.cohort === "native" ? "n" : "p";
  return `v1.${cohort}.${cookie.tag}.${cookie.issuedAtS}.${cookie.keyId}`;
}

export function cookieHeaderValue(payload: string, signature: string): string {
  return (
    `${COHORT_COOKIE}=${payload}.${signature}; Max-Age=${COOKIE_MAX_AGE_S}; Path=/; ` +
    "HttpOnly; Secure; SameSite=None"
  );
}

/** Checks form only, not the signature; null for anything this Worker could not have written. */
export function parseCookie(value: string): SignedCookie | null {
  if (value.length > MAX_COOKIE_CHARS || value.length <= SIGNATURE_CHARS) return null;
  const parts = value.split(".");
  if (parts.length !== 6) return null;
  const [version, cohort, tag, issuedAt, keyId, signature] = parts as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (version !== "v1" || (cohort !== "n" && cohort !== "p")) return null;
  if (!isValidTag(tag) || !ISSUED_AT.test(issuedAt) || !KEY_ID.test(keyId)) return null;
  if (!CANONICAL_SIGNATURE.test(signature)) return null;
  return {
    cohort: cohort === "n" ? "native" : "proxy",
    tag,
    issuedAtS: Number(issuedAt),
    keyId,
    payload: value.slice(0, value.length - signature.length - 1),
    signature,
  };
}
