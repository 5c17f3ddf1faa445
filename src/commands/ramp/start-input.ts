/** What `ramp start` is told, and what it plans to do. */
import * as z from "zod";
import { parseDuration } from "../../domain/lib/duration.ts";
import type { PlannedStep } from "../../domain/ramp/plan.ts";
import type { Given } from "../command.ts";
import { count, flag, onOff, parsed } from "../flag.ts";
import type { GuardianSeen } from "../lib/rearm-guardian.ts";
import type { Base } from "../lib/stored-state.ts";
import type { RestoreSteps } from "../restore/restore.ts";

export const input = z.object({
  plan: flag(
    "--plan <plan>",
    "steps <percent>:<time>, or a name in pixcanary.json",
    z.string("is missing, e.g. --plan 5:2h,10:24h,25:24h,50:24h,100, or the name of a plan"),
  ),
  fromStop: onOff("--from-stop", "start by releasing the stop (restore to the first step)"),
  detach: onOff("--detach", "run it in the Worker's cron, not in this terminal"),
  lease: flag(
    "--lease <time>",
    "the Worker falls back when this process stops renewing it",
    parsed(leaseOf, "must be a time from 5s to 24h, e.g. 15m").optional(),
  ),
  minRequests: flag(
    "--min-requests <n>",
    "native requests needed per step",
    count(0, 99_999_999, "requests").optional(),
  ),
  force: onOff("--force", "skip gates and prerequisites; journaled with the reason"),
});

function leaseOf(text: string): number | null {
  const seconds = parseDuration(text) ?? 0;
  return seconds >= 5 && seconds <= 86_400 ? seconds : null;
}

export type StartInput = Given<typeof input>;

export interface StartSteps {
  plan: PlannedStep[];
  base: Base;
  /** With `--from-stop`: what the ramp begins with. */
  restore: RestoreSteps | null;
  /** What the guardian has done, or why that is not known. */
  guardian: GuardianSeen | string;
}
