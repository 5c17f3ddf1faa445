/** Decides the cohort, and shows the decision on the answer. */
import type { Context, MiddlewareHandler } from "hono";
import type { Cohort, Decision } from "../../src/domain/decide.ts";
import { DRAWS, decide } from "../../src/domain/decide.ts";
import {
  CANARY_HEADER,
  canaryHeader,
  DECISION_HEADER,
  decisionHeader,
} from "../../src/domain/decision-headers.ts";
import type { EffectiveState } from "../../src/domain/memory.ts";
import { OVERRIDE_HEADER } from "../../src/domain/override.ts";
import type { AppEnv, Deps } from "../deps.ts";
import type { RequestRecord } from "../record.ts";
import { NO_DECISION } from "../record.ts";

export function decideCohort(deps: Deps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const record = c.get("record");
    const setCookie = await decideSafely(c, deps, record);
    await next();
    const { headers } = c.res;
    headers.set(CANARY_HEADER, canaryHeader(record.decision));
    headers.set(DECISION_HEADER, shownDecision(record));
    if (setCookie !== null) headers.append("Set-Cookie", setCookie);
  };
}

/** Returns the cookie to set. An exception of ours sends the visitor to proxy, as any doubt does. */
async function decideSafely(
  c: Context<AppEnv>,
  deps: Deps,
  record: RequestRecord,
): Promise<string | null> {
  try {
    const keepAlive = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
    const { admission } = record;
    const wantsFresh = admission?.kind === "admitted" && admission.verified;
    record.state = await (wantsFresh ? deps.state.fresh(keepAlive) : deps.state.current(keepAlive));
    record.decision = await decideFor(c.req.raw.headers, record.state, deps);
    return await newCookie(record.decision, deps);
  } catch (error) {
    record.error = error;
    record.decision = NO_DECISION;
    return null;
  }
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
function shownDecision(record: RequestRecord): string {
  const shown = decisionHeader(record.decision);
  return record.fellBack ? shown.replace(/\)$/, "; fell back to proxy)") : shown;
}
