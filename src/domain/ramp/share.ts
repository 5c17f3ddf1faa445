/**
 * `ramp-share`: a raise by the cron that leaves `config` alone, and so can never cover what a person has written
 * there. It is in force as long as `config` is, in every field, what it raises from.
 */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { readDocument } from "../lib/read-document.ts";
import { timeOf } from "../lib/time.ts";
import type { CanaryConfig, Parsed } from "../state/documents.ts";
import { configSchema, isSameConfig, percentSchema } from "../state/documents.ts";
import { MARGIN_MS } from "../state/margin.ts";
import type { RampDocument } from "./document.ts";

export const RAMP_SHARE_KEY = "ramp-share";

const MAX_CHARS = 16_384;

const rampShareSchema = once(() => {
  const time = z.iso.datetime().max(64);
  return z.object({
    schema: z.literal(1),
    /** The ramp's id. */
    ramp: z.string().max(500),
    base: configSchema.refine((base) => !base.emergency_proxy, "raises over an emergency"),
    percent: percentSchema,
    revision: z.string().min(1).max(500),
    /** The cron's time: of two, the later one counts. */
    at: time,
    /** When the ramp was started: what was read since then and is not `base` is a later word. */
    since: time,
    by: z.string().max(500),
    reason: z.string().max(500),
  });
});

export type RampShare = z.output<ReturnType<typeof rampShareSchema>>;

/** Null for nothing, and for what is no such document: what cannot be read raises nothing. */
export function parseRampShare(text: string | null): RampShare | null {
  if (text === null) return null;
  return readDocument(text, rampShareSchema(), MAX_CHARS);
}

/** As stored, when that is not what the share raises from. */
export function withRampShare(stored: CanaryConfig, share: RampShare): CanaryConfig {
  if (!isSameConfig(stored, share.base)) return stored;
  const { lease: _, ...base } = share.base;
  return {
    ...base,
    canary_percent: share.percent,
    revision: share.revision,
    last_updated: share.at,
    updated_by: share.by,
    reason: share.reason,
  };
}

/**
 * Whether somebody's word has taken its base's place: then it raises nothing any more, also when the base is stored
 * again. A copy from before the base is no word, as long as there may be one.
 */
export function isVoid(share: RampShare, stored: Parsed<CanaryConfig>, nowMs: number): boolean {
  if (stored.kind !== "valid") return stored.kind === "invalid";
  if (isSameConfig(stored.value, share.base)) return false;
  const isOlder = timeOf(stored.value.last_updated) < timeOf(share.base.last_updated);
  return !isOlder || nowMs - timeOf(share.since) > MARGIN_MS;
}

/**
 * Whether its ramp was aborted and nobody wanted to keep the share: a step that was under way may come after the
 * abort, which then had nothing to lower.
 */
export function isAbandoned(share: RampShare, ramp: RampDocument | null): boolean {
  return ramp?.id === share.ramp && ramp.state === "aborted" && ramp.ended?.keep !== true;
}

/** Throws when the document could not be read back. */
export function serialiseRampShare(share: RampShare): string {
  const text = JSON.stringify(share);
  if (parseRampShare(text) === null) throw new Error("refusing to write an invalid ramp-share");
  return text;
}
