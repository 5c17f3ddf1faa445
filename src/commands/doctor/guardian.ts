/** Whether the Worker's cron runs, and what there is besides config and stop. */

import { wrangler } from "../../domain/config/manual.ts";
import { GUARDIAN_CAP_KEY } from "../../domain/guardian/cap.ts";
import { GUARDIAN_ARM_KEY, GUARDIAN_KEY, parseGuardian } from "../../domain/guardian/document.ts";
import { timeOf } from "../../domain/lib/time.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { parseRamp, RAMP_CONTROL_KEY, RAMP_KEY } from "../../domain/ramp/document.ts";
import { silenceText } from "../../domain/ramp/life.ts";
import { CONFIG_KEY, STOP_KEY } from "../../domain/state/documents.ts";
import { oddKeys, type SideTexts } from "../../domain/state/odd-keys.ts";
import type { RawState } from "../../domain/state/state.ts";
import { timeWithAge } from "../../domain/text/age.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, passed, warned } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";

/** It runs each minute. */
const MISSED_MS = 5 * 60_000;

/** Throws UpstreamError. */
export async function readSide(
  { documents }: Pick<Ports, "documents">,
  signal: AbortSignal,
): Promise<SideTexts> {
  const keys = [GUARDIAN_KEY, GUARDIAN_ARM_KEY, RAMP_KEY, RAMP_CONTROL_KEY];
  const texts = await Promise.all(keys.map((key) => documents.get(key, { signal })));
  const [guardian = null, arm = null, ramp = null, control = null] = texts;
  return { guardian, arm, ramp, control };
}

type Given = Pick<Ports, "target">;

/** A key that cannot be read takes its safe side in silence. `config`, `stop` and cap have checks of their own. */
export function oddChecks(
  raw: RawState,
  side: SideTexts,
  nowMs: number,
  { target }: Given,
): Check[] {
  const own: readonly string[] = [CONFIG_KEY, STOP_KEY, GUARDIAN_CAP_KEY];
  return oddKeys(raw, side, nowMs).flatMap((line) => {
    const [key = ""] = line.split(" ");
    if (own.includes(key)) return [];
    return [warned(key, line.slice(key.length + 1), wrangler(target, "delete", key))];
  });
}

/** None without a ramp that should run. */
export function rampChecks({ ramp: text }: SideTexts, nowMs: number, { target }: Given): Check[] {
  const ramp = parseRamp(text);
  const silence = ramp === null ? null : silenceText(ramp, nowMs);
  if (silence === null) return [];
  const fix = `${invocation(target, "ramp resume")}   # or: ramp abort`;
  return [warned("ramp", silence, fix)];
}

/** The mode is the Worker's own word; none where no /qa tells it. */
export function guardianChecks(
  { guardian: text }: SideTexts,
  sightings: readonly Sighting[],
  nowMs: number,
): Check[] {
  const name = "guardian";
  const mode = sightings.flatMap(({ qa }) => qa?.guardian ?? []).at(0);
  if (mode === undefined) return [];
  if (mode === "off") return [passed(name, "off (GUARDIAN of the Worker)")];
  const guardian = parseGuardian(text);
  // Named among the keys that cannot be read.
  if (text !== null && guardian === null) return [];
  const last = guardian?.last_tick;
  const ran =
    last === undefined
      ? "has never run (a new one takes a minute)"
      : `last ran ${timeWithAge(last, nowMs)}`;
  if (nowMs - timeOf(last) <= MISSED_MS) return [passed(name, `${mode}; its cron ${ran}`)];
  const fix = 'set "triggers": {"crons": ["* * * * *"]} in wrangler.jsonc, and deploy';
  return [warned(name, `GUARDIAN is ${mode}, but its cron ${ran}`, fix)];
}
