/**
 * What is in KV and cannot be read, or not be believed, and what follows: all of it takes its safe side in silence
 * otherwise. For the guardian, which tells people, and for `status`.
 */
import { GUARDIAN_CAP_KEY, isReadable, parseCap } from "../guardian/cap.ts";
import { isAction } from "../guardian/decide.ts";
import {
  GUARDIAN_ARM_KEY,
  GUARDIAN_KEY,
  parseGuardian,
  parseGuardianArm,
} from "../guardian/document.ts";
import { hasBeen } from "../guardian/tick-id.ts";
import { timeOf } from "../lib/time.ts";
import { parseRamp, parseRampControl, RAMP_CONTROL_KEY, RAMP_KEY } from "../ramp/document.ts";
import { parseRampShare, RAMP_SHARE_KEY } from "../ramp/share.ts";
import { isoSeconds } from "../text/format.ts";
import type { Parsed } from "./documents.ts";
import { CONFIG_KEY, parseConfig, STOP_KEY } from "./documents.ts";
import type { RawState } from "./state.ts";
import { parseState } from "./state.ts";

/** Null: not there, or not asked. */
export interface SideTexts {
  guardian: string | null;
  arm: string | null;
  ramp: string | null;
  control: string | null;
}

/** One line for each; none when all is well. */
export function oddKeys(raw: RawState, side: SideTexts, nowMs: number): string[] {
  const state = parseState(raw);
  return [
    invalid(CONFIG_KEY, state.config),
    ...oddlyWritten(raw.config),
    invalid(STOP_KEY, state.stop),
    oddCap(raw, nowMs),
    oddGuardian(side.guardian, nowMs),
    oddArm(side.arm, nowMs),
    unreadable(RAMP_KEY, side.ramp, parseRamp, "no ramp runs"),
    unreadable(
      RAMP_CONTROL_KEY,
      side.control,
      parseRampControl,
      "ramp pause, resume and abort have no effect",
    ),
    unreadable(RAMP_SHARE_KEY, raw.rampShare ?? null, parseRampShare, "it has no effect"),
  ].filter((line) => line !== null);
}

function invalid(key: string, parsed: Parsed<unknown>): string | null {
  return parsed.kind === "invalid" ? `${key} ${parsed.problem}` : null;
}

/** Readable, but not as a tool writes it: the next tool may read it otherwise. One line for each oddity. */
export function oddlyWritten(text: string | null): string[] {
  const parsed = parseConfig(text);
  if (text === null || parsed.kind !== "valid") return [];
  const written = JSON.parse(text.trim());
  const fields = ["canary_percent", "canary_tag", "emergency_proxy"] as const;
  const odd = fields.filter((field) => written[field] !== parsed.value[field]);
  const lines = odd.map((field) => {
    const [is, read] = [written[field], parsed.value[field]].map((value) => JSON.stringify(value));
    return `${CONFIG_KEY} ${field} is written as ${is}, and read as ${read}`;
  });
  return text.startsWith("\uFEFF")
    ? [...lines, `${CONFIG_KEY} begins with a byte order mark, which is skipped`]
    : lines;
}

function unreadable(
  key: string,
  text: string | null,
  parse: (text: string) => unknown,
  then: string,
): string | null {
  return text === null || parse(text) !== null ? null : `${key} cannot be read: ${then}`;
}

/** One that `restore` has lifted does no harm. */
function oddCap(raw: RawState, nowMs: number): string | null {
  const cap = parseCap(raw.cap ?? null);
  const { config, capped } = parseState(raw);
  if (cap === null || (config.kind === "valid" && capped === undefined)) return null;
  if (!isReadable(cap)) return `${GUARDIAN_CAP_KEY} cannot be read: it counts as 0 % until restore`;
  return hasBeen(timeOf(cap.at), nowMs)
    ? null
    : `${GUARDIAN_CAP_KEY} is dated ${isoSeconds(cap.at)}, in the future: it counts until restore`;
}

function oddGuardian(text: string | null, nowMs: number): string | null {
  const rest = "the guardian uses its cap, the stop and the journal instead";
  const lost = unreadable(GUARDIAN_KEY, text, parseGuardian, rest);
  if (lost !== null) return lost;
  const id = parseGuardian(text)?.latched?.id;
  return id === undefined || isAction(id, nowMs)
    ? null
    : `${GUARDIAN_KEY} names an action that the guardian never took: ${rest}`;
}

function oddArm(text: string | null, nowMs: number): string | null {
  const rest = "it has no effect; restore and ramp start arm the guardian";
  const lost = unreadable(GUARDIAN_ARM_KEY, text, parseGuardianArm, rest);
  if (lost !== null) return lost;
  const through = parseGuardianArm(text)?.through ?? null;
  return through === null || isAction(through, nowMs)
    ? null
    : `${GUARDIAN_ARM_KEY} names an action that the guardian never took: ${rest}`;
}
