/** The times of a drill, and how long each may take. */
import { seconds } from "../text/format.ts";

export const STAGES = [
  "detect",
  "decide",
  "written",
  "stored",
  "live",
  "effective",
  "restored",
] as const;
export type Stage = (typeof STAGES)[number];

/** Milliseconds; null: not measured, and not judged. */
export type StageTimes = Record<Stage, number | null>;

export const NOT_MEASURED: StageTimes = {
  detect: null,
  decide: null,
  written: null,
  stored: null,
  live: null,
  effective: null,
  restored: null,
};

/** What each one is, for a reader of the report. */
export const STAGE_WORDS: Record<Stage, string> = {
  detect: "from the fault to the policy's verdict, as `assess` sees it",
  decide: "from there to the stop: typed, or decided by the guardian",
  written: "from the command to the API's acknowledgement",
  stored: "from the command to a read that shows the stop",
  live: "from the command until the last /qa shows it",
  effective: "from the verdict until the last /qa shows it",
  restored: "from the repair until native serves again, live everywhere",
};

export type Targets = Partial<Record<Stage, number>>;

/**
 * What counts is detect → effective: 2 min by hand, 3 min by the guardian. The others keep a slow stage from hiding
 * in that: 10 s are `not-aus`'s own time limit, 90 s those of `verify`, 180 s those of `restore`.
 */
export const BY_HAND: Targets = {
  detect: 60_000,
  decide: 60_000,
  written: 10_000,
  stored: 20_000,
  live: 90_000,
  effective: 120_000,
  restored: 180_000,
};

export const TARGETS: Record<"manual" | "automatic", Targets> = {
  manual: BY_HAND,
  automatic: { ...BY_HAND, decide: 90_000, effective: 180_000 },
};

export interface Judged {
  stage: Stage;
  ms: number | null;
  target_ms: number | null;
  held: boolean;
}

/** Every stage, in order. */
export function judged(times: StageTimes, targets: Targets): Judged[] {
  return STAGES.map((stage) => {
    const { [stage]: ms } = times;
    const target = targets[stage] ?? null;
    const held = ms === null || target === null || ms <= target;
    return { stage, ms: ms === null ? null : Math.round(ms), target_ms: target, held };
  });
}

/** "written 15.6 s, target 10.0 s", of each that took too long. */
export function lateText(stages: readonly Judged[]): string[] {
  return stages
    .filter(({ held }) => !held)
    .map(({ stage, ms, target_ms }) => `${stage} ${time(ms)}, target ${time(target_ms)}`);
}

/** "2.50 s"; a dash for what was not measured. */
export function time(ms: number | null): string {
  return ms === null ? "–" : seconds(ms);
}
