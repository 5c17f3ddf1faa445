/** Emergencies that whoever types a release may not know of yet. */
import { timeOf } from "../lib/time.ts";
import type { Asked } from "./emergency.ts";

/** Long enough to be told of a stop, by a notice or by a colleague. */
const YOUNG_MS = 120_000;

/** By others, and not known to be two minutes old: `at` as written. */
export function mayBeUnknown(
  { at, by }: Pick<Asked, "at" | "by">,
  { actor, nowMs }: { actor: string; nowMs: number },
): boolean {
  const ageMs = nowMs - timeOf(at);
  const isOld = Number.isFinite(ageMs) && ageMs >= YOUNG_MS;
  return by !== actor && !isOld;
}

/** What an operator may have to type. */
export const PLAIN_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** How an operator names one: its id, or what stands for its text where nobody gave it one. */
export function nameForOperators({ id, mark }: Pick<Asked, "id" | "mark">): string {
  return id !== undefined && PLAIN_NAME.test(id) ? id : mark;
}

/**
 * Those that may be unknown. A stop and its mirror in `config` are one, and so is the text
 * that the Worker made of a signed stop, whose author is the key's name.
 */
export function unseenEmergencies(
  asked: readonly Asked[],
  { actor, nowMs }: { actor: string; nowMs: number },
): Asked[] {
  const own = new Set(asked.filter(({ by }) => by === actor).map(nameForOperators));
  const unseen = asked.filter((one) => {
    return !own.has(nameForOperators(one)) && mayBeUnknown(one, { actor, nowMs });
  });
  return [...new Map(unseen.map((one) => [nameForOperators(one), one])).values()];
}
