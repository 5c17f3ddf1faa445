/**
 * What the guardian remembers (`guardian`, written by it alone), and which of its actions a human has seen when
 * arming it again (`guardian-arm`, written by `restore` and `ramp start`).
 */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { readDocument } from "../lib/read-document.ts";

export const GUARDIAN_KEY = "guardian";
export const GUARDIAN_ARM_KEY = "guardian-arm";
/** Who stands in what the guardian writes. */
export const GUARDIAN = "guardian";

const MAX_CHARS = 16_000;

export type GuardianMode = "off" | "observe" | "enforce";

const guardianSchema = once(() => {
  const text = z.string().max(500);
  return z.object({
    schema: z.literal(1),
    mode: z.enum(["off", "observe", "enforce"]),
    last_tick: text,
    /** The automatic action since which it does nothing by itself, until a human arms it again. */
    latched: z
      .object({ at: text, action: z.enum(["not-aus", "reduce", "disable"]), id: text, why: text })
      .nullable(),
    /** What people were told last of native's health, as text; null: nothing is open. */
    told: text.nullable(),
    /** The same of keys that cannot be read, or not be believed. */
    told_odd: text.nullable().default(null),
    verdict: text,
    /** What people have brought about, and when a tick first saw that: it acts on nothing older. */
    since: z.object({ mark: text, at: text }).nullable().default(null),
  });
});

const armSchema = once(() => {
  const text = z.string().max(500);
  return z.object({
    schema: z.literal(1),
    /** For people: no clock but the cron's own decides anything. */
    at: text,
    by: text,
    id: text,
    /** The newest of its actions that was known; null: none was. Without it, none is known to be seen. */
    through: text.nullable().default(null),
  });
});

export type GuardianDocument = z.output<ReturnType<typeof guardianSchema>>;
export type GuardianArm = z.output<ReturnType<typeof armSchema>>;

export function parseGuardian(text: string | null): GuardianDocument | null {
  return readDocument(text, guardianSchema(), MAX_CHARS);
}

export function parseGuardianArm(text: string | null): GuardianArm | null {
  return readDocument(text, armSchema(), MAX_CHARS);
}
