/** Where a ramp stands by what is stored; anybody else's word in there ends it. */

import { UNKNOWN_AUTHOR } from "../state/author.ts";
import type { CanaryConfig } from "../state/documents.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";
import { isoSeconds } from "../text/format.ts";
import type { RampDocument } from "./document.ts";

export type Place =
  /** The step that the ramp knows of is in force. */
  | { kind: "here" }
  /** A later step is: it was written by a run that could not keep it. */
  | { kind: "later"; step: number; writtenAt: string }
  /** An earlier one of this ramp: an old read, or somebody put it back. */
  | { kind: "old"; why: string }
  /** `at`: when that word was written, as it says itself. */
  | { kind: "conflict"; by: string; why: string; at: string | null };

export function placeInPlan(ramp: RampDocument, state: ParsedState): Place {
  const emergency = emergencyOf(ramp, state);
  if (emergency !== null) return emergency;
  const { capped } = state;
  if (capped !== undefined) {
    const { percent, by, reason } = capped.cap;
    return conflict(by, `the share was capped at ${percent} %: ${reason}`, capped.cap.at);
  }
  const { config } = state;
  if (config.kind === "invalid") return conflict(UNKNOWN_AUTHOR, `config ${config.problem}`);
  if (config.kind === "absent") return { kind: "old", why: "config no longer exists" };
  const step = stepOf(ramp, config.value);
  if (step === null) {
    const { last_updated: at } = config.value;
    return conflict(authorOf(config.value), differenceOf(ramp, config.value), at);
  }
  if (step === ramp.step) return { kind: "here" };
  if (step > ramp.step) return { kind: "later", step, writtenAt: config.value.last_updated };
  return {
    kind: "old",
    why: `config shows an earlier step again, ${config.value.canary_percent} %`,
  };
}

/** Null when none is on; a read that shows the stop that was released for this ramp is an old one. */
function emergencyOf(ramp: RampDocument, state: ParsedState): Place | null {
  if (!isEmergency(state)) return null;
  const { config, stop } = state;
  const { released_stop: released } = ramp.base;
  if (stop.kind === "valid" && stop.value.active) {
    const { id, by, at, reason } = stop.value;
    if (released !== null && id === released)
      return { kind: "old", why: "the released stop is stored again" };
    const said = reason === undefined ? "" : ` ("${reason}")`;
    const why = `a stop was set at ${isoSeconds(at ?? "an unknown time")}${said}`;
    return conflict(by ?? UNKNOWN_AUTHOR, why, at);
  }
  if (stop.kind === "invalid") return conflict(UNKNOWN_AUTHOR, `stop ${stop.problem}`);
  if (config.kind !== "valid") return conflict(UNKNOWN_AUTHOR, "emergency_proxy is on in config");
  // Its mirror in `config` carries the stop's id.
  const isMirror = released !== null && config.value.revision === released;
  if (isMirror) return { kind: "old", why: "config shows the released emergency again" };
  const { last_updated: at } = config.value;
  return conflict(authorOf(config.value), "emergency_proxy was set in config", at);
}

/** -1 is the base; null: not of this ramp. A revision with another share is somebody's edit. */
function stepOf(ramp: RampDocument, config: CanaryConfig): number | null {
  if (config.canary_tag !== ramp.base.tag) return null;
  const index = ramp.plan.findIndex(({ revision }) => revision === config.revision);
  if (index >= 0) return ramp.plan[index]?.percent === config.canary_percent ? index : null;
  const { base } = ramp;
  const same =
    (config.revision ?? null) === base.revision &&
    config.last_updated === base.last_updated &&
    config.canary_percent === base.percent;
  return same ? -1 : null;
}

function authorOf(config: CanaryConfig): string {
  return config.updated_by ?? UNKNOWN_AUTHOR;
}

function differenceOf(ramp: RampDocument, config: CanaryConfig): string {
  const ours = ramp.plan[ramp.step]?.percent ?? ramp.base.percent;
  const reason = config.reason === undefined ? "" : ` ("${config.reason}")`;
  const tag = config.canary_tag === ramp.base.tag ? "" : `, tag ${config.canary_tag}`;
  return `config was changed at ${isoSeconds(config.last_updated)}: ${ours} % → ${config.canary_percent} %${tag}${reason}`;
}

function conflict(by: string, why: string, at?: string): Place {
  return { kind: "conflict", by, why, at: at ?? null };
}
