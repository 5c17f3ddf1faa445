/** Who may see `/qa`, and how often. Decided before the state is read, so that a flood costs nothing. */
import type { Deps } from "../deps.ts";
import type { Bindings } from "../env.ts";
import { withLimit } from "../limit.ts";

export type Admission =
  /** `verified`: with a valid token, otherwise an open `/qa`. */
  | { kind: "admitted"; verified: boolean }
  | { kind: "preflight" }
  | { kind: "wrong-method" }
  /** `openable`: some token would have been right. */
  | { kind: "refused"; openable: boolean }
  | { kind: "limited"; because: "rate" | "wrong-tokens"; retryAfterS: number };

const LIMITER_LIMIT_MS = 500;
/** Of the rate limits in wrangler.jsonc. */
const RATE_PERIOD_S = 60;
const utf8 = new TextEncoder();

/** Never throws. A preflight is answered without a look at tokens. */
export async function admit(
  request: Request,
  env: Bindings,
  { settings, guesses }: Pick<Deps, "settings" | "guesses">,
): Promise<Admission> {
  if (request.method === "OPTIONS") return { kind: "preflight" };
  const { qaToken } = settings;
  const held = request.headers.get("authorization");
  const isTried = held !== null && qaToken !== null;
  const address = request.headers.get("cf-connecting-ip");
  const blockedMs = isTried ? guesses.blockedMs(address) : 0;
  if (blockedMs > 0) {
    const retryAfterS = Math.ceil(blockedMs / 1_000);
    return { kind: "limited", because: "wrong-tokens", retryAfterS };
  }
  const verified = isTried && (await showsToken(BEARER.exec(held)?.[1] ?? "", qaToken));
  if (isTried && !verified) guesses.wrong(address);
  const limiter = verified ? env.QA_LIMIT_TOKEN : env.QA_LIMIT_ANON;
  if (!(await isWithinLimit(limiter, verified ? "token" : "anon"))) {
    return { kind: "limited", because: "rate", retryAfterS: RATE_PERIOD_S };
  }
  if (settings.qaGuarded && !verified) return { kind: "refused", openable: qaToken !== null };
  if (request.method !== "GET" && request.method !== "HEAD") return { kind: "wrong-method" };
  return { kind: "admitted", verified };
}

/** What an `Authorization` header holds. */
export const BEARER = /^Bearer +(\S+)$/i;

/** Digests have equal lengths, so neither the token nor its length can be measured. */
export async function showsToken(shown: string, token: string): Promise<boolean> {
  const [held, wanted] = await Promise.all([digest(shown), digest(token)]);
  return crypto.subtle.timingSafeEqual(held, wanted);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", utf8.encode(text));
}

/** A limiter that is missing, fails or hangs limits nobody: verifying a stop matters more. */
export async function isWithinLimit(limiter: RateLimit | undefined, key: string): Promise<boolean> {
  if (limiter === undefined) return true;
  try {
    return (await withLimit("rate limiter", LIMITER_LIMIT_MS, limiter.limit({ key }))).success;
  } catch {
    return true;
  }
}
