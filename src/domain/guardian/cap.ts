/**
 * `guardian-cap`: an upper limit of the share that the guardian sets by itself, in a key of its own, so that it
 * can never cover what a person has written. The share in force is the lower of the two. All caps have
 * the cron's own time, so the later one is the newer one.
 */

import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { readDocument } from "../lib/read-document.ts";
import { timeOf } from "../lib/time.ts";
import { UNKNOWN_AUTHOR } from "../state/author.ts";
import type { CanaryConfig } from "../state/documents.ts";
import { isHandMade } from "../state/hand-made.ts";
import { hasBeen, hashChars } from "./tick-id.ts";

export const GUARDIAN_CAP_KEY = "guardian-cap";

const MAX_CHARS = 16_000;

const capSchema = once(() => {
  const text = z.string().max(500);
  return z.object({
    schema: z.literal(1),
    id: text,
    /** The time of the tick, RFC 3339. */
    at: z.iso.datetime().max(64),
    by: text.catch(UNKNOWN_AUTHOR),
    reason: text.catch(""),
    percent: z.number().min(0).max(100),
    /** `last_updated` of the config that it was set over: no later word, whatever its clock says. */
    over: text.optional().catch(undefined),
  });
});

export type GuardianCap = z.output<ReturnType<typeof capSchema>>;

/** Null when there is none. */
export function parseCap(text: string | null): GuardianCap | null {
  return text === null ? null : (readDocument(text, capSchema(), MAX_CHARS) ?? unreadable(text));
}

/**
 * What is there and cannot be read may be a cap: in doubt it is proxy. `restore` lifts it by the id of this very
 * text: the next one that cannot be read is another.
 */
function unreadable(text: string): GuardianCap {
  return {
    schema: 1,
    id: `unreadable-${hashChars(text.slice(0, MAX_CHARS))}`,
    at: "",
    by: UNKNOWN_AUTHOR,
    reason: "guardian-cap cannot be read",
    percent: 0,
  };
}

export function isReadable({ at }: Pick<GuardianCap, "at">): boolean {
  return at !== "";
}

/** Throws when the document could not be read back. */
export function serialiseCap(cap: GuardianCap): string {
  const text = JSON.stringify(cap);
  if (parseCap(text)?.id !== cap.id) throw new Error("refusing to write an invalid guardian-cap");
  return text;
}

/**
 * What an isolate keeps of the caps that it has read: the newest one by the cron's time, and the last one whose
 * time says nothing, being unreadable or yet to come. The one does not take the place of the other.
 */
export function withSeen(
  before: readonly GuardianCap[],
  cap: GuardianCap | null,
  nowMs: number,
): readonly GuardianCap[] {
  if (cap === null) return before;
  const all = [...before, cap];
  const newest = all.filter((one) => isDated(one, nowMs)).reduce<GuardianCap | null>(newer, null);
  const odd = all.findLast((one) => !isDated(one, nowMs)) ?? null;
  return [newest, odd].filter((one) => one !== null);
}

function isDated({ at }: Pick<GuardianCap, "at">, nowMs: number): boolean {
  return hasBeen(timeOf(at), nowMs);
}

/** Two runs of one tick may differ, and then the lower one counts. */
function newer(one: GuardianCap | null, other: GuardianCap): GuardianCap {
  if (one === null) return other;
  const laterMs = timeOf(other.at) - timeOf(one.at);
  return laterMs > 0 || (laterMs === 0 && other.percent < one.percent) ? other : one;
}

/** The lowest that is in force; null: none is. */
export function lowestInForce(
  config: CanaryConfig,
  caps: readonly GuardianCap[],
): GuardianCap | null {
  return caps.reduce<GuardianCap | null>((lowest, cap) => {
    const known = capInForce(config, cap);
    return known !== null && known.percent < (lowest?.percent ?? Infinity) ? known : lowest;
  }, null);
}

/**
 * Null when nothing caps this config, as it is stored: it names the cap, or a newer one; or a person wrote it by
 * hand, later. What a tool writes lifts a cap by naming it, and not otherwise.
 */
export function capInForce(config: CanaryConfig, cap: GuardianCap | null): GuardianCap | null {
  if (cap === null) return null;
  const { lifts_cap: lifts, last_updated } = config;
  const capMs = timeOf(cap.at);
  if (lifts?.id === cap.id || config.lifts?.some(({ id }) => id === cap.id)) return null;
  // It may be later than any word by hand.
  if (!isReadable(cap)) return cap;
  if (lifts !== undefined && timeOf(lifts.at) >= capMs) return null;
  const later = timeOf(last_updated) > Math.max(capMs, timeOf(cap.over));
  return later && isHandMade(config) ? null : cap;
}

/** `config` with the share in force. */
export function withCap(config: CanaryConfig, cap: GuardianCap | null): CanaryConfig {
  if (cap === null || cap.percent >= config.canary_percent) return config;
  return { ...config, canary_percent: cap.percent };
}

type Lift = NonNullable<CanaryConfig["lifts_cap"]>;

/**
 * `lifts_cap` of a config that is to lift these: by its id one whose time says nothing (`lifts` has room for more),
 * and all others by the newest time. One yet to come would lift what the guardian has yet to write.
 */
export function liftOf(seen: readonly Lift[], nowMs: number): Lift {
  const dated = (one: Lift): boolean => hasBeen(timeOf(one.at), nowMs);
  const newest = seen
    .filter(dated)
    .reduce<Lift | null>((a, b) => (a === null || timeOf(b.at) > timeOf(a.at) ? b : a), null);
  const named = seen.find((one) => one.id !== undefined && !dated(one)) ?? newest;
  return { id: named?.id, at: newest?.at };
}
