/** A ramp's plan as people write it: `5:2h,10:24h,25:24h,50:24h,100`. */
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
const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Shares must rise; each step but the last needs a time (s, m, h, d), of 1 s to 60 days. */
export function parsePlan(text: string): ParsedPlan {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > MAX_STEPS) return invalid(`has more than ${MAX_STEPS} steps`);
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
      : `the step ${percent} % needs a time, e.g. ${percent}:2h`;
  }
  const holdS = parseDuration(time);
  if (holdS === null || holdS > MAX_HOLD_S)
    return `"${time}" is not a time like 90s, 30m, 2h or 3d`;
  return { percent, holdS };
}

function invalid(problem: string): ParsedPlan {
  return { kind: "invalid", problem };
}

/** `90s`, `30m`, `2h`, `3d` in seconds, at least 1; null for anything else. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,7})([smhd])$/.exec(text.trim());
  const unitS = UNIT_S[match?.[2] ?? ""];
  const seconds = match === null || unitS === undefined ? 0 : Number(match[1]) * unitS;
  return seconds > 0 ? seconds : null;
}

/** The shortest exact form: 7200 is `2h`, 5400 is `90m`. */
export function holdText(seconds: number): string {
  const units = Object.entries(UNIT_S).toReversed();
  const [unit, size] = units.find(([, each]) => seconds % each === 0) ?? ["s", 1];
  return `${seconds / size}${unit}`;
}
