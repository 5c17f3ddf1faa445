/**
 * `guardian-cap`: an upper limit of the share that the guardian sets by itself, in a key of its own, so that it
 * can never cover what a person has written. The share in force is the lower of the two. All caps have
 * the cron's own time, so the later one is the newer one.
 */
import * as z from "zod";
import { isHandMade } from "./hand-made.ts";
import { once } from "./once.ts";
import type { CanaryConfig } from "./state.ts";
import { timeOf } from "./time.ts";

export const GUARDIAN_CAP_KEY = "guardian-cap";

const MAX_CHARS = 16_000;

const capSchema = once(() => {
  const text = z.string().max(500);
  return z.object({
    schema: z.literal(1),
    id: text,
    /** The time of the tick, RFC 3339. */
    at: z.iso.datetime().max(64),
    by: text.catch("unknown"),
    reason: text.catch(""),
    percent: z.number().min(0).max(100),
    /** `last_updated` of the config that it was set over: no later word, whatever its clock says. */
    over: text.optional().catch(undefined),
  });
});

export type GuardianCap = z.output<ReturnType<typeof capSchema>>;

/** What is there and cannot be read may be a cap: in doubt it is proxy. `restore` lifts it by this id. */
const UNREADABLE: GuardianCap = {
  schema: 1,
  id: "unreadable",
  at: "",
  by: "unknown",
  reason: "guardian-cap cannot be read",
  percent: 0,
};

/** Null when there is none. */
export function parseCap(text: string | null): GuardianCap | null {
  if (text === null) return null;
  if (text.length > MAX_CHARS) return UNREADABLE;
  try {
    return capSchema().safeParse(JSON.parse(text)).data ?? UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}

/** Throws when the document could not be read back. */
export function serialiseCap(cap: GuardianCap): string {
  const text = JSON.stringify(cap);
  if (parseCap(text) === UNREADABLE) throw new Error("refusing to write an invalid guardian-cap");
  return text;
}

/** Of two reads; two runs of one tick may differ, and then the lower one counts. */
export function newerCap(one: GuardianCap | null, other: GuardianCap | null): GuardianCap | null {
  if (one === null || other === null) return one ?? other;
  const laterMs = timeOf(other.at) - timeOf(one.at);
  if (laterMs > 0) return other;
  return other.at === one.at && other.percent < one.percent ? other : one;
}

/**
 * Null when nothing caps this config, as it is stored: it names the cap, or a newer one; or a person wrote it by
 * hand, later. What a tool writes lifts a cap by naming it, and not otherwise.
 */
export function capInForce(config: CanaryConfig, cap: GuardianCap | null): GuardianCap | null {
  if (cap === null) return null;
  const { lifts_cap: lifts, last_updated } = config;
  const capMs = timeOf(cap.at);
  if (lifts?.id === cap.id) return null;
  if (lifts !== undefined && Number.isFinite(capMs) && timeOf(lifts.at) >= capMs) return null;
  const later = timeOf(last_updated) > Math.max(capMs, timeOf(cap.over));
  return later && isHandMade(config) ? null : cap;
}

/** `config` with the share in force. */
export function withCap(config: CanaryConfig, cap: GuardianCap | null): CanaryConfig {
  if (cap === null || cap.percent >= config.canary_percent) return config;
  return { ...config, canary_percent: cap.percent };
}

/** What a config has to say of the caps that it lifts. */
export function liftOf({ id, at }: Pick<GuardianCap, "id" | "at">): CanaryConfig["lifts_cap"] {
  return { id, at };
}
