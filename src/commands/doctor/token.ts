/** What the API says of the token: whether it is valid, for how long, and how much it may still ask. */
import { timeOf } from "../../domain/lib/time.ts";
import { isOver, type RampDocument } from "../../domain/ramp/document.ts";
import { parsePlan } from "../../domain/ramp/plan.ts";
import { isoSeconds, roughDuration } from "../../domain/text/format.ts";
import { NOT_FROM_HERE, type TokenFacts } from "../../ports/api.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, failed, passed, warned } from "../lib/check.ts";
import { NEW_TOKEN, UPSTREAM_FIXES } from "./upstream-fixes.ts";

const NAME = "token";
/** Time enough to have a new one made. */
const EXPIRY_WARNING_MS = 7 * 86_400_000;
/** Of 1,200 in 5 min: a stop and its proof take some 30. */
const LOW_BUDGET = 100;

const FIXES: ReadonlyMap<string, string> = new Map([
  ["disabled", "enable it in the dashboard (API Tokens), or: export CLOUDFLARE_API_TOKEN=…"],
  [NOT_FROM_HERE, "allow this address in the token's Client IP Address Filtering"],
]);

/** Null where it is valid now. */
export function tokenProblem(
  token: TokenFacts | UpstreamError,
  nowMs: number,
  { missingSecrets }: Pick<Ports, "missingSecrets">,
): Check | null {
  if (token instanceof UpstreamError) {
    if (token.kind !== "auth" && token.kind !== "forbidden") return null;
    const unusable = missingSecrets.find(({ what }) => what === "API token");
    return failed(NAME, token.message, unusable?.fix ?? NEW_TOKEN);
  }
  const { status, notBefore } = token;
  if (status !== "active") {
    return failed(NAME, `the token is ${status}`, FIXES.get(status) ?? NEW_TOKEN);
  }
  const expiresMs = Date.parse(token.expiresOn ?? "");
  if (expiresMs <= nowMs) {
    return failed(NAME, `the token expired ${isoSeconds(expiresMs)}`, NEW_TOKEN);
  }
  const beginsMs = timeOf(notBefore ?? undefined);
  if (!(beginsMs > nowMs)) return null;
  const detail = `the token is not valid before ${isoSeconds(beginsMs)}`;
  return failed(NAME, detail, `wait until then, or ${NEW_TOKEN}`);
}

interface Given {
  nowMs: number;
  /** As stored; null: there is none, or it is not known. */
  ramp: RampDocument | null;
  /** By name, as configured. */
  plans: Readonly<Record<string, string>>;
}

/** Of a token that is not known to be bad: one that cannot be verified may do its work all the same. */
export function tokenChecks(token: TokenFacts | UpstreamError, given: Given): Check[] {
  if (token instanceof UpstreamError) {
    const detail = `${token.message}; until when it is valid is unknown`;
    // Nothing that the operator could mend: the account keeps its tokens from verifying themselves.
    const isKept = token.kind === "auth" || token.kind === "forbidden";
    if (isKept) return [{ name: NAME, result: "skip", detail, fix: null }];
    return [warned(NAME, detail, UPSTREAM_FIXES[token.kind])];
  }
  const lowBudget = budgetCheck(token);
  const expiry = expiryCheck(token, given);
  if (lowBudget === null) return [expiry];
  return expiry.result === "pass" ? [lowBudget] : [expiry, lowBudget];
}

function budgetCheck({ budget }: TokenFacts): Check | null {
  if (budget == null || budget.left >= LOW_BUDGET) return null;
  const { left, resetS } = budget;
  const detail = `${left} API requests left in the next ${roughDuration(resetS)}`;
  const fix = "end what else asks with it (scripts, CI); give pixcanary a token of its own";
  return warned(NAME, detail, fix);
}

function expiryCheck({ expiresOn }: TokenFacts, { nowMs, ramp, plans }: Given): Check {
  if (expiresOn === null) return passed(NAME, "active");
  const leftMs = Date.parse(expiresOn) - nowMs;
  const detail = `active, expires ${isoSeconds(expiresOn)}`;
  const endMs = ramp === null || isOver(ramp) ? Number.NaN : endOf(ramp, nowMs);
  if (endMs - nowMs > leftMs) {
    const until = `, before the running ramp can end (${isoSeconds(endMs)})`;
    return warned(NAME, `${detail}${until}`, NEW_TOKEN);
  }
  const long = Object.entries(plans).find(([, plan]) => lengthMs(plan) > leftMs);
  if (long !== undefined) {
    const [name, plan] = long;
    const takes = roughDuration(lengthMs(plan) / 1_000);
    return warned(NAME, `${detail}, before a ramp "${name}" (${takes}) could end`, NEW_TOKEN);
  }
  return leftMs < EXPIRY_WARNING_MS ? warned(NAME, detail, NEW_TOKEN) : passed(NAME, detail);
}

/** When its last hold would be over, were it to go on now without a pause. */
function endOf({ plan, step, hold_until }: RampDocument, nowMs: number): number {
  const holdEndsMs = Math.max(nowMs, timeOf(hold_until ?? undefined));
  const rest = plan.slice(step + 1).reduce((sum, { hold_s }) => sum + (hold_s ?? 0) * 1_000, 0);
  return holdEndsMs + rest;
}

function lengthMs(plan: string): number {
  const parsed = parsePlan(plan);
  if (parsed.kind === "invalid") return 0;
  return parsed.steps.reduce((sum, { holdS }) => sum + (holdS ?? 0) * 1_000, 0);
}
