/**
 * Who may look at the dashboard: whoever may see `/qa`, by its token in a header, by the cookie that the token was
 * changed for, or by Cloudflare Access in front. Decided before anything is read.
 */
import type { Deps } from "../deps.ts";
import type { Bindings } from "../env.ts";
import { BEARER, isWithinLimit, showsToken } from "../qa/admission.ts";
import { networkOf } from "../qa/guess-limit.ts";

export type ViewerAdmission =
  | { kind: "admitted" }
  /** Nobody has shown anything, or it was wrong. `openable`: some token would have been right. */
  | { kind: "refused"; openable: boolean }
  | { kind: "limited"; retryAfterS: number };

/** Of the rate limits in wrangler.jsonc. */
const RATE_PERIOD_S = 60;

/** Never throws. */
export async function admitViewer(
  request: Request,
  env: Bindings,
  deps: Pick<Deps, "settings" | "guesses" | "dashboard">,
): Promise<ViewerAdmission> {
  const { settings, guesses, dashboard } = deps;
  const address = request.headers.get("cf-connecting-ip");
  const who = networkOf(address);
  const known =
    !settings.qaGuarded ||
    (await dashboard.viewers.isIn(request)) ||
    (await dashboard.access.admits(request)) ||
    (await hasToken(request, deps));
  const blockedMs = request.headers.has("authorization") ? guesses.blockedMs(address) : 0;
  if (!known && blockedMs > 0) {
    return { kind: "limited", retryAfterS: Math.ceil(blockedMs / 1_000) };
  }
  const limiter = known ? env.QA_LIMIT_TOKEN : env.QA_LIMIT_ANON;
  if (!(await isWithinLimit(limiter, `dashboard ${known ? "viewer " : ""}${who}`))) {
    return { kind: "limited", retryAfterS: RATE_PERIOD_S };
  }
  return known ? { kind: "admitted" } : { kind: "refused", openable: settings.qaToken !== null };
}

export type SignIn =
  | { kind: "in"; setCookie: string }
  | { kind: "wrong-token" }
  | { kind: "limited"; retryAfterS: number };

/** By the token that somebody typed. Never throws. */
export async function signIn(
  token: string,
  request: Request,
  env: Bindings,
  { settings, guesses, dashboard }: Pick<Deps, "settings" | "guesses" | "dashboard">,
): Promise<SignIn> {
  const address = request.headers.get("cf-connecting-ip");
  const blocked = (): SignIn | null => {
    const blockedMs = guesses.blockedMs(address);
    return blockedMs > 0 ? { kind: "limited", retryAfterS: Math.ceil(blockedMs / 1_000) } : null;
  };
  const before = blocked();
  if (before !== null) return before;
  if (!(await isWithinLimit(env.QA_LIMIT_ANON, `sign-in ${networkOf(address)}`))) {
    return { kind: "limited", retryAfterS: RATE_PERIOD_S };
  }
  const { qaToken } = settings;
  const right = qaToken !== null && (await showsToken(token, qaToken));
  // Other guesses have come while this one waited: whether it is right is not told either.
  const since = blocked();
  if (since !== null) return since;
  const setCookie = right ? await dashboard.viewers.make() : null;
  if (setCookie !== null) return { kind: "in", setCookie };
  guesses.wrong(address);
  return { kind: "wrong-token" };
}

/** As scripts ask: `Authorization: Bearer …`. */
async function hasToken(
  request: Request,
  { settings: { qaToken }, guesses }: Pick<Deps, "settings" | "guesses">,
): Promise<boolean> {
  const held = request.headers.get("authorization");
  const address = request.headers.get("cf-connecting-ip");
  if (held === null || qaToken === null || guesses.blockedMs(address) > 0) return false;
  const right = await showsToken(BEARER.exec(held)?.[1] ?? "", qaToken);
  if (!right) guesses.wrong(address);
  return right;
}
