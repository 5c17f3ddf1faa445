/** What `ramp start` is told, and what it plans to do. */
import * as z from "zod";
import { parseDuration } from "../../domain/lib/duration.ts";
import type { PlannedStep } from "../../domain/ramp/plan.ts";
import type { Given } from "../command.ts";
import { flag, onOff, parsed } from "../flag.ts";
import type { GuardianSeen } from "../lib/rearm-guardian.ts";
import type { Base } from "../lib/stored-state.ts";
import type { RestoreSteps } from "../restore/restore.ts";

export const input = z.object({
  plan: flag(
    "--plan <plan>",
    "steps <percent>:<time>, or a name in pixcanary.json",
    z.string("is missing: --plan 5:2h,10:24h,25:24h,50:24h,100, or the name of one"),
  ),
  fromStop: onOff("--from-stop", "release the stop by restore to the first step"),
  detach: onOff("--detach", "the Worker's cron carries it out: no laptop stays awake"),
  lease: flag(
    "--lease <time>",
    "the Worker falls back unless this process renews it",
    parsed(leaseOf, "must be a time from 5s to 24h, e.g. 15m").optional(),
  ),
  minRequests: flag(
    "--min-requests <n>",
    "native requests that each step needs",
    z.coerce
      .number("must be a number")
      .int("must be a whole number")
      .min(0, "must be 0 or more")
      .optional(),
  ),
  force: onOff("--force", "no gates, no prerequisites; journaled with the reason"),
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
