/** What was observed, as the situation takes it. */
import { backToNormal } from "../policy/back-to-normal.ts";
import type { Assessment } from "../policy/finding.ts";
import type { Policy } from "../policy/numbers.ts";
import type { Observations } from "../policy/observations.ts";
import type { Figures } from "./known.ts";

/** None of the questions to the metrics was answered: the findings then say no_data. */
export function isBlind({ health, failures, orphans }: Observations): boolean {
  return [health, failures, orphans].every(({ kind }) => kind === "unseen");
}

export function judged(
  assessment: Assessment,
  observations: Observations,
  policy: Policy,
): Figures {
  const normal = backToNormal(observations, policy).every(({ verdict }) => verdict !== "fail");
  return { assessment, normal };
}
