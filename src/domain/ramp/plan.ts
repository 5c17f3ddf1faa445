/** A ramp's plan as people write it: `5:2h,10:24h,25:24h,50:24h,100`. */
import { parseDuration } from "../lib/duration.ts";
import { isValidPercent } from "../state/documents.ts";

export interface PlannedStep {
  percent: number;
  /** How long the step is held; null for a last step that is over as soon as it is live. */
  holdS: number | null;
}

export type ParsedPlan =
  | { kind: "plan"; steps: PlannedStep[] }
  | { kind: "invalid"; problem: string };

export const PLAN_HELP = "steps of <percent>:<time>, e.g. 5:2h,10:24h,25:24h,50:24h,100";

const MAX_STEPS = 50;
const MAX_HOLD_S = 60 * 86_400;

/** Shares must rise; each step but the last needs a time (s, m, h, d), of 1 s to 60 days. */
export function parsePlan(text: string): ParsedPlan {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > MAX_STEPS) return invalid(`more than ${MAX_STEPS} steps`);
  const steps: PlannedStep[] = [];
  for (const [index, part] of parts.entries()) {
    const step = parseStep(part, index === parts.length - 1);
    if (typeof step === "string") return invalid(step);
    const before = steps.at(-1);
    if (before !== undefined && step.percent <= before.percent) {
      return invalid(`${step.percent} % does not rise above ${before.percent} %`);
    }
    steps.push(step);
  }
  return { kind: "plan", steps };
}

function parseStep(part: string, last: boolean): PlannedStep | string {
  const match = /^(\d{1,3}(?:\.\d{1,2})?)(?::(.+))?$/.exec(part);
  if (match === null) return `"${part}" is not a step: write ${PLAN_HELP}`;
  const percent = Number(match[1]);
  if (!isValidPercent(percent) || percent === 0) return `${match[1]} % is not a share above 0`;
  const time = match[2];
  if (time === undefined) {
    return last
      ? { percent, holdS: null }
      : `step ${percent} % needs a hold time, e.g. ${percent}:2h`;
  }
  const holdS = parseDuration(time);
  if (holdS === null || holdS > MAX_HOLD_S)
    return `"${time}" is not a time like 90s, 30m, 2h or 3d`;
  return { percent, holdS };
}

function invalid(problem: string): ParsedPlan {
  return { kind: "invalid", problem };
}
