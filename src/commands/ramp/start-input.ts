/** What `ramp start` is told, and what it plans to do. */
import * as z from "zod";
import { type PlannedStep, parseDuration } from "../../domain/ramp/plan.ts";
import type { Given } from "../command.ts";
import type { GuardianSeen } from "../lib/rearm-guardian.ts";
import type { Base } from "../lib/stored-state.ts";
import type { RestoreSteps } from "../restore/restore.ts";

export const input = z.object({
  plan: z.string("is missing: --plan 5:2h,10:24h,25:24h,50:24h,100, or the name of one"),
  fromStop: z.boolean().default(false),
  detach: z.boolean().default(false),
  lease: z
    .string()
    .optional()
    .transform((text, context) => {
      const seconds = text === undefined ? null : parseDuration(text);
      if (text === undefined || (seconds !== null && seconds >= 5 && seconds <= 86_400))
        return seconds;
      context.addIssue({ code: "custom", message: "must be a time from 5s to 24h, e.g. 15m" });
      return z.NEVER;
    }),
  minRequests: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(0, "must be 0 or more")
    .optional(),
});

export type StartInput = Given<typeof input>;

export interface StartSteps {
  plan: PlannedStep[];
  base: Base;
  /** With `--from-stop`: what the ramp begins with. */
  restore: RestoreSteps | null;
  /** What the guardian has done, or why that is not known. */
  guardian: GuardianSeen | string;
}
