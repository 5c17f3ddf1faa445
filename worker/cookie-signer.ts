/** Signs and verifies the cohort cookie and the signed override. Runs in workerd and in Node. */
import type { SignedCookie } from "../src/domain/decision/cookie.ts";
import { cookieHeaderValue, cookiePayload, parseCookie } from "../src/domain/decision/cookie.ts";
import { cookieCandidates } from "../src/domain/decision/cookie-header.ts";
import type { Cohort } from "../src/domain/decision/decide.ts";
import { isOverrideCurrent, parseOverride } from "../src/domain/decision/override.ts";
import { isStale } from "../src/domain/decision/stale-cookie.ts";
import type { HmacKey } from "./hmac.ts";
import { fromBase64, importHmacKey, signText, verifyText } from "./hmac.ts";

export interface CookieKey {
  id: string;
  secret: Uint8Array;
}

/** Verified cookie values kept per isolate. Only valid ones get in, so nobody can flood it. */
const MEMO_ENTRIES = 1_000;
const MIN_KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,16}$/;
/** JSON sorts such names to the front, so "the first key signs" would not mean the first written. */
const INTEGER = /^[0-9]+$/;

/** Reads secret COOKIE_KEYS, `{"k2":"<base64>","k1":"…"}`; unusable entries are left out. */
export function parseCookieKeys(text: string | undefined): {
  keys: CookieKey[];
  problems: string[];
} {
  const keys: CookieKey[] = [];
  if (text === undefined || text === "") return { keys, problems: ["COOKIE_KEYS is missing"] };
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { keys, problems: ["COOKIE_KEYS is not JSON"] };
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { keys, problems: ["COOKIE_KEYS is not an object"] };
  }
  const problems: string[] = [];
  for (const [id, encoded] of Object.entries(raw)) {
    const secret = typeof encoded === "string" ? fromBase64(encoded) : null;
    const usable = KEY_ID.test(id) && !INTEGER.test(id) && (secret?.length ?? 0) >= MIN_KEY_BYTES;
    if (usable && secret !== null) keys.push({ id, secret });
    else problems.push(`COOKIE_KEYS has an unusable entry (number ${keys.length + 1})`);
  }
  return { keys, problems };
}

export interface CookieSigner {
  /** The first one signs. */
  readonly keyIds: readonly string[];
  /** The `Set-Cookie` value; null without any key. */
  sign(cohort: Cohort, tag: string, nowMs: number): Promise<string | null>;
  /** What the first valid cookie of a `Cookie` header says; null without one. Never throws. */
  read(header: string | null, tag: string, nowMs: number): Promise<Cohort | null>;
  /** Whether an `X-Canary` value is a signed override in force. Never throws. */
  verifyOverride(value: string | null, nowMs: number): Promise<boolean>;
}

export function createCookieSigner(keys: readonly CookieKey[]): CookieSigner {
  const verified = new Map<string, SignedCookie>();
  const ring = new KeyRing(keys);
  const signingId = keys[0]?.id;

  const check = async (value: string): Promise<SignedCookie | null> => {
    const known = verified.get(value);
    if (known !== undefined) return known;
    const cookie = parseCookie(value);
    if (cookie === null) return null;
    if (!(await ring.verify(cookie.keyId, cookie.payload, cookie.signature))) return null;
    if (verified.size >= MEMO_ENTRIES) dropOldest(verified);
    verified.set(value, cookie);
    return cookie;
  };

  return {
    keyIds: keys.map((key) => key.id),
    async sign(cohort, tag, nowMs) {
      if (signingId === undefined) return null;
      const issuedAtS = Math.floor(nowMs / 1000);
      const payload = cookiePayload({ cohort, tag, issuedAtS, keyId: signingId });
      const signature = await ring.sign(signingId, payload);
      return signature === null ? null : cookieHeaderValue(payload, signature);
    },
    async read(header, tag, nowMs) {
      for (const value of cookieCandidates(header)) {
        const cookie = await check(value);
        if (cookie !== null && !isStale(cookie, tag, nowMs)) return cookie.cohort;
      }
      return null;
    },
    async verifyOverride(value, nowMs) {
      const override = value === null ? null : parseOverride(value);
      if (override === null || !isOverrideCurrent(override, nowMs)) return false;
      return ring.verify(override.keyId, override.payload, override.signature);
    },
  };
}

/** The keys by id, each imported once per isolate, when first needed. */
class KeyRing {
  readonly #secrets: ReadonlyMap<string, Uint8Array>;
  readonly #imported = new Map<string, HmacKey>();

  constructor(keys: readonly CookieKey[]) {
    this.#secrets = new Map(keys.map((key) => [key.id, key.secret]));
  }

  async sign(id: string, text: string): Promise<string | null> {
    const key = await this.#key(id);
    return key === null ? null : signText(key, text);
  }

  /** An unknown key id is simply not valid. */
  async verify(id: string, text: string, signature: string): Promise<boolean> {
    const key = await this.#key(id);
    return key !== null && verifyText(key, text, signature);
  }

  async #key(id: string): Promise<HmacKey | null> {
    const known = this.#imported.get(id);
    if (known !== undefined) return known;
    const secret = this.#secrets.get(id);
    if (secret === undefined) return null;
    const key = await importHmacKey(secret);
    this.#imported.set(id, key);
    return key;
  }
}

function dropOldest(memo: Map<string, SignedCookie>): void {
  for (const oldest of memo.keys()) {
    memo.delete(oldest);
    return;
  }
}
