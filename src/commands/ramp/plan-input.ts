/** `--plan`: a plan, or the name of one in pixcanary.json. */

import type { Target } from "../../domain/config/environment.ts";
import type { PlannedStep } from "../../domain/ramp/plan.ts";
import { PLAN_HELP, parsePlan } from "../../domain/ramp/plan.ts";

/** A text says what is wrong. */
export function planOf(text: string, { ramps }: Pick<Target, "ramps">): PlannedStep[] | string {
  const named = Object.hasOwn(ramps, text) ? ramps[text] : undefined;
  const parsed = parsePlan(named ?? text);
  if (parsed.kind === "plan") return parsed.steps;
  const names = Object.keys(ramps);
  if (named === undefined && /^[a-z][a-z0-9-]*$/.test(text)) {
    const known = names.length === 0 ? "none defined" : `defined: ${names.join(", ")}`;
    return `--plan: there is no "${text}" under "ramps" in pixcanary.json (${known}); or write ${PLAN_HELP}`;
  }
  return `--plan: ${parsed.problem}`;
}
