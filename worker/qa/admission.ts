/** Who may see `/qa`, and how often. Decided before the state is read, so that a flood costs nothing. */
import type { Bindings, Settings } from "../env.ts";
import { withLimit } from "../limit.ts";

export type Admission =
  /** `verified`: with a valid token, otherwise an open `/qa`. */
  | { kind: "admitted"; verified: boolean }
  | { kind: "preflight" }
  | { kind: "wrong-method" }
  | { kind: "refused" }
  | { kind: "limited" };

const LIMITER_LIMIT_MS = 500;
const utf8 = new TextEncoder();

/** Never throws. A preflight is answered without a look at tokens. */
export async function admit(
  request: Request,
  env: Bindings,
  settings: Settings,
): Promise<Admission> {
  if (request.method === "OPTIONS") return { kind: "preflight" };
  const verified = await holdsToken(request.headers.get("authorization"), settings.qaToken);
  const limiter = verified ? env.QA_LIMIT_TOKEN : env.QA_LIMIT_ANON;
  if (!(await withinLimit(limiter, verified ? "token" : "anon"))) return { kind: "limited" };
  if (settings.qaGuarded && !verified) return { kind: "refused" };
  if (request.method !== "GET" && request.method !== "HEAD") return { kind: "wrong-method" };
  return { kind: "admitted", verified };
}

/** Digests have equal lengths, so neither the token nor its length can be measured. */
async function holdsToken(authorization: string | null, token: string | null): Promise<boolean> {
  if (token === null || authorization === null) return false;
  const match = /^Bearer +(\S+)$/i.exec(authorization);
  const [held, wanted] = await Promise.all([digest(match?.[1] ?? ""), digest(token)]);
  return crypto.subtle.timingSafeEqual(held, wanted);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", utf8.encode(text));
}

/** A limiter that is missing, fails or hangs limits nobody: verifying a stop matters more. */
async function withinLimit(limiter: RateLimit | undefined, key: string): Promise<boolean> {
  if (limiter === undefined) return true;
  try {
    return (await withLimit("rate limiter", LIMITER_LIMIT_MS, limiter.limit({ key }))).success;
  } catch {
    return true;
  }
}
