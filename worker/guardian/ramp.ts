/**
 * Carries a detached ramp out: one look and at most one write at each tick of the cron. What it reads may be
 * a minute old: hence a raise that leaves `config` alone, and is void once that says anything else.
 */

import { type Action, actionOf } from "../../src/domain/guardian/decide.ts";
import { timeOf } from "../../src/domain/lib/time.ts";
import type { Policy } from "../../src/domain/policy/numbers.ts";
import type { Ask, Observations, Observed } from "../../src/domain/policy/observations.ts";
import type { Order, Seen } from "../../src/domain/ramp/advance.ts";
import { advance, needs, relieved, written } from "../../src/domain/ramp/advance.ts";
import { rampShare } from "../../src/domain/ramp/config.ts";
import type { RampControl, RampDocument } from "../../src/domain/ramp/document.ts";
import { gateOf, requestsInStep } from "../../src/domain/ramp/gate.ts";
import { coveredBy } from "../../src/domain/ramp/overwritten.ts";
import { placeInPlan } from "../../src/domain/ramp/position.ts";
import type { RampShare } from "../../src/domain/ramp/share.ts";
import { visitedSince } from "../../src/domain/ramp/visited.ts";
import type { CanaryConfig, Parsed } from "../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import type { ParsedState } from "../../src/domain/state/state.ts";
import type { Settings } from "../env.ts";
import { askOf } from "./observe.ts";

/** KV's usual bound for a change to be seen everywhere; without any visitor, twice of it. */
const KV_BOUND_S = 60;

export interface RampGiven {
  ramp: RampDocument;
  control: RampControl | null;
  state: ParsedState;
  /** `config` as it is stored, without the share that a ramp raises it to. */
  stored: Parsed<CanaryConfig>;
  observations: Observations;
  entries: Observed<readonly JournalEntry[]>;
  policy: Policy;
  settings: Settings;
  tickMs: number;
  unheard: Seen["unheard"];
}

/** What is to be written, in this order; then the document. */
export interface RampStep {
  ramp: RampDocument;
  share: RampShare | null;
  action: Action | null;
}

export async function stepRamp(given: RampGiven): Promise<RampStep> {
  const seen = await look(given);
  const { ramp, order } = advance(given.ramp, seen);
  return follow(ramp, order, given);
}

async function look(given: RampGiven): Promise<Seen> {
  const { ramp, control, state, observations, entries, policy, tickMs, unheard } = given;
  const wanted = needs(ramp);
  const ask = askOf(given.settings);
  const [live, requests] = await Promise.all([
    wanted.live ? isLive(given, ask) : null,
    wanted.gate ? requestsInStep(ramp, tickMs, ask) : null,
  ]);
  return {
    nowMs: tickMs,
    state,
    control,
    live,
    covered: coveredBy(ramp, entries.kind === "seen" ? entries.value : []),
    gate: wanted.gate ? gateOf(ramp, observations, policy, requests).gate : null,
    unheard,
  };
}

function follow(ramp: RampDocument, order: Order, given: RampGiven): RampStep {
  const { state, stored, tickMs, entries } = given;
  const nothing = { ramp, share: null, action: null };
  const present = state.config.kind === "valid" ? state.config.value : null;
  switch (order.do) {
    case "write": {
      // A raise over a journal that cannot be read could be one over somebody's word.
      if (entries.kind === "unseen" && order.step > 0) return nothing;
      if (stored.kind !== "valid") return nothing;
      const share = rampShare(ramp, order.step, stored.value, tickMs);
      return { ramp: written(ramp, order.step, share.at, tickMs), share, action: null };
    }
    case "relieve": {
      const ours = placeInPlan(ramp, state).kind === "here";
      const able = present !== null && (ours || order.action === "not-aus");
      const action = able ? actionOf(order.action, order.why, present, tickMs) : null;
      return { ramp: relieved(ramp, tickMs), share: null, action };
    }
    case "renew":
    case "wait":
    case "end":
    case "leave":
      return nothing;
    default:
      return order satisfies never;
  }
}

/** By the requests that visitors made since, and not before KV's usual bound has passed. */
async function isLive(
  { ramp, policy, tickMs }: RampGiven,
  ask: Ask,
): Promise<NonNullable<Seen["live"]>> {
  const sinceS = (tickMs - timeOf(ramp.settle_from ?? undefined)) / 1_000;
  const boundS = Math.min(KV_BOUND_S, policy.bucketSeconds);
  if (ramp.plan[ramp.step] === undefined || sinceS < boundS)
    return { everywhere: false, missing: "KV copies may still be old" };
  const visited = await visitedSince(ramp, tickMs, ask);
  if (visited.kind === "unseen") {
    return { everywhere: sinceS >= 2 * boundS, missing: visited.because };
  }
  const { locations, lagging } = visited.value;
  const silent = locations === 0 && sinceS < 2 * boundS;
  const missing = silent ? "no requests yet" : lagging.join(", ");
  return { everywhere: missing === "", missing };
}
