/** Decides the cohort, and shows the decision on the answer. */
import type { Cohort, Decision } from "../src/domain/decision/decide.ts";
import { DRAWS, decide } from "../src/domain/decision/decide.ts";
import {
  CANARY_HEADER,
  canaryHeader,
  DECISION_HEADER,
  decisionHeader,
} from "../src/domain/decision/headers.ts";
import { OVERRIDE_HEADER } from "../src/domain/decision/override.ts";
import { isWritable } from "../src/domain/proxy/header-text.ts";
import { isForSharedCaches, privateCacheControl } from "../src/domain/proxy/shared-caching.ts";
import type { EffectiveState } from "../src/domain/state/isolate-memory.ts";
import { isPreflight } from "./cors.ts";
import type { Deps } from "./deps.ts";
import type { Exchange } from "./exchange.ts";
import { NO_DECISION } from "./exchange.ts";

/** The answer's headers must be changeable. */
export function showDecision(headers: Headers, exchange: Exchange, setCookie: string | null): void {
  headers.set(CANARY_HEADER, canaryHeader(exchange.decision));
  headers.set(DECISION_HEADER, shownDecision(exchange));
  if (setCookie !== null) setCookieInPrivate(headers, setCookie);
}

/** Only where it comes first: what a visitor gets who has the cookie stays as the origin made it. */
function setCookieInPrivate(headers: Headers, setCookie: string): void {
  for (const name of [...headers.keys()]) if (isForSharedCaches(name)) headers.delete(name);
  const value = headers.get("Cache-Control");
  const made = privateCacheControl(value);
  const mayAdd = value !== null && !isWritable(value) && made === `private, ${value}`;
  if (mayAdd) headers.append("Cache-Control", "private");
  else if (made !== value) headers.set("Cache-Control", made);
  headers.append("Set-Cookie", setCookie);
}

/** Returns the cookie to set. An exception of ours sends the visitor to proxy, as any doubt does. */
export async function decideCohort(exchange: Exchange, deps: Deps): Promise<string | null> {
  const { admission, request, context } = exchange;
  try {
    const keepAlive = (work: Promise<unknown>): void => context.waitUntil(work);
    const wantsFresh = admission?.kind === "admitted" && admission.verified;
    exchange.state = await (wantsFresh
      ? deps.state.fresh(keepAlive)
      : deps.state.current(keepAlive));
    exchange.decision = isPreflight(request)
      ? undrawn(exchange.state)
      : await decideFor(request.headers, exchange.state, deps);
    return await newCookie(exchange.decision, deps);
  } catch (error) {
    exchange.error = error;
    exchange.decision = NO_DECISION;
    return null;
  }
}

/** A preflight comes without cookies: a draw for it would be a second one for the same visitor. */
function undrawn({ emergency, config }: EffectiveState): Decision {
  return {
    cohort: "proxy",
    reason: emergency ? "emergency" : "default",
    percent: config?.canary_percent ?? null,
    tag: config?.canary_tag ?? null,
  };
}

/** Looks at header and cookie only as far as the order of decisions needs them. */
async function decideFor(headers: Headers, state: EffectiveState, deps: Deps): Promise<Decision> {
  const open = !state.emergency && state.config !== null;
  const override = open && (await overrideOf(headers, deps));
  const cookie = open && !override ? await cookieOf(headers, state, deps) : null;
  const draw = Math.floor(deps.random() * DRAWS);
  const decision = decide({ state, override, cookie, draw });
  // Whoever cannot be given a cookie would be drawn anew at each step of an upload.
  return decision.reason === "sampled" && deps.cookies.keyIds.length === 0
    ? { ...decision, cohort: "proxy", reason: "default" }
    : decision;
}

async function overrideOf(headers: Headers, deps: Deps): Promise<boolean> {
  const mode = deps.settings.override;
  if (mode === "off") return false;
  const value = headers.get(OVERRIDE_HEADER);
  if (value === null) return false;
  return mode === "open" ? value === "1" : deps.cookies.verifyOverride(value, deps.now());
}

async function cookieOf(
  headers: Headers,
  state: EffectiveState,
  deps: Deps,
): Promise<Cohort | null> {
  const header = headers.get("cookie");
  if (header === null || state.config === null) return null;
  return deps.cookies.read(header, state.config.canary_tag, deps.now());
}

async function newCookie(decision: Decision, deps: Deps): Promise<string | null> {
  if (decision.reason !== "sampled" || decision.tag === null) return null;
  return deps.cookies.sign(decision.cohort, decision.tag, deps.now());
}

/** E.g. `native (cookie; fell back to proxy)`. */
function shownDecision(exchange: Exchange): string {
  const shown = decisionHeader(exchange.decision);
  return exchange.fellBack ? shown.replace(/\)$/, "; fell back to proxy)") : shown;
}
