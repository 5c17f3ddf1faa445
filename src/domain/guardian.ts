/**
 * What the guardian does at a tick, as a pure function (DESIGN §4). It only ever lowers exposure, writes
 * absolute states, and acts at most once until a human arms it again. KV ages each key by itself, so
 * nothing rests on its own memory alone: a config or a stop that it wrote says so, too. (AT-13, AT-14)
 */
import { sentence } from "./finding-text.ts";
import type { GuardianArm, GuardianDocument, GuardianMode } from "./guardian-document.ts";
import { GUARDIAN } from "./guardian-document.ts";
import type { JournalEntry } from "./journal.ts";
import { timeOf } from "./memory.ts";
import type { Assessment } from "./policy-evaluate.ts";
import type { CanaryConfig, ParsedState, StopDocument } from "./state.ts";
import { isEmergency } from "./state.ts";
import { tickId } from "./tick-id.ts";
import { halfOf, nextConfig, stopNow } from "./transition.ts";

export type ActionKind = "not-aus" | "reduce" | "disable";

export interface GuardianSeen {
  /** The cron's scheduled time: the same for duplicate runs. Milliseconds since the epoch. */
  tickMs: number;
  mode: GuardianMode;
  guardian: GuardianDocument | null;
  arm: GuardianArm | null;
  /** Of the newest entry of its own in the journal, RFC 3339; null: none is known. */
  lastAction: string | null;
  state: ParsedState;
  assessment: Pick<Assessment, "verdict" | "recommendation" | "problems">;
}

export interface Action {
  kind: ActionKind;
  why: string;
  id: string;
  /** Null for what only lowers the share. */
  stop: StopDocument | null;
  config: CanaryConfig;
  before: CanaryConfig;
}

/** Null when there is nothing to do, or nothing that it may do. */
export function decideAction(seen: GuardianSeen): Action | null {
  const { assessment, mode, state } = seen;
  const { recommendation } = assessment;
  if (mode !== "enforce" || assessment.verdict !== "fail") return null;
  if (recommendation === "none" || recommendation === "notify") return null;
  if (isEmergency(state) || state.config.kind !== "valid" || isLatched(seen)) return null;
  const why = assessment.problems.map(sentence).join("; ").slice(0, 400);
  return actionOf(recommendation, why, state.config.value, seen.tickMs);
}

/** Null when there is no share left to lower. */
export function actionOf(
  kind: ActionKind,
  why: string,
  before: CanaryConfig,
  tickMs: number,
): Action | null {
  const id = tickId(tickMs, before.revision ?? before.last_updated);
  const author = { actor: GUARDIAN, reason: why, nowMs: tickMs, id };
  if (kind === "not-aus") {
    const { stop } = stopNow(before.canary_tag, author);
    const mirror = { percent: 0, emergency: true, tag: before.canary_tag };
    return { kind, why, id, stop, config: nextConfig(before, mirror, author), before };
  }
  const percent = kind === "reduce" ? halfOf(before.canary_percent) : 0;
  if (percent >= before.canary_percent) return null;
  const lower = { percent, emergency: false, tag: before.canary_tag };
  return { kind, why, id, stop: null, config: nextConfig(before, lower, author), before };
}

/** By its memory, by what it wrote itself, or by the journal: any may be read before the others. */
export function isLatched({
  guardian,
  arm,
  lastAction,
  state,
}: Omit<GuardianSeen, "assessment" | "mode" | "tickMs">): boolean {
  const armedMs = timeOf(arm?.at);
  const newer = (at: string | undefined): boolean => timeOf(at) > armedMs;
  if (guardian?.latched && newer(guardian.latched.at)) return true;
  if (lastAction !== null && newer(lastAction)) return true;
  const { config, stop } = state;
  if (config.kind === "valid" && config.value.updated_by === GUARDIAN) {
    if (newer(config.value.last_updated)) return true;
  }
  return stop.kind === "valid" && stop.value.by === GUARDIAN && newer(stop.value.at);
}

/** Its key and its bytes are the same for each run of the same tick. */
export function entryOf(
  action: Action,
  given: { tickMs: number; host: string; tool: string; notes: readonly string[] },
): JournalEntry {
  const { before, config, id, kind } = action;
  return {
    schema: 1,
    id,
    at: new Date(given.tickMs).toISOString(),
    command: kind,
    actor: GUARDIAN,
    host: given.host,
    reason: action.why,
    incident: null,
    before: { percent: before.canary_percent, emergency: false, revision: before.revision ?? null },
    after: {
      percent: config.canary_percent,
      emergency: config.emergency_proxy,
      revision: config.revision ?? null,
    },
    revision: config.revision ?? null,
    verification: { outcome: "written", locations: [], elapsed_ms: 0 },
    notes: [...given.notes],
    tool: given.tool,
    namespace: null,
  };
}
