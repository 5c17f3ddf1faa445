/** The next documents for each action, from what was read and who acts. Pure: no clock, no ids. */

import { timeOf } from "../lib/time.ts";
import type { CanaryConfig, Name, StopDocument } from "./documents.ts";
import { mergeNames } from "./emergency.ts";

/** Emergencies in `config` live as long as an isolate that saw them: these are the last few of them. */
const CARRIED = 16;

export interface Author {
  actor: string;
  reason: string | undefined;
  nowMs: number;
  /** A new ULID: the `revision` of a configuration, the `id` of a stop. */
  id: string;
}

/** The stop and its mirror in `config`, as the runbook has it. Needs nothing but the tag. */
export function stopNow(tag: string, author: Author): { stop: StopDocument; config: CanaryConfig } {
  const stop: StopDocument = {
    active: true,
    id: author.id,
    at: new Date(author.nowMs).toISOString(),
    by: author.actor,
    ...(author.reason === undefined ? {} : { reason: author.reason }),
  };
  const mirror = { percent: 0, emergency: true, tag };
  return { stop, config: nextConfig(null, mirror, author) };
}

/**
 * Releases the stops that it names; `stop` is the newest of them. Its time is later than the stop's
 * even when our clock is behind. Without names it is as the first version of the tool wrote it.
 */
export function releaseOf(
  stop: Pick<StopDocument, "id" | "at">,
  author: Author,
  names?: readonly Name[],
): StopDocument {
  return {
    active: false,
    id: author.id,
    at: laterThan(stop.at, author.nowMs),
    by: author.actor,
    ...(author.reason === undefined ? {} : { reason: author.reason }),
    releases: {
      ...(stop.id === undefined ? {} : { id: stop.id }),
      ...(stop.at === undefined ? {} : { at: stop.at }),
      ...(names === undefined ? {} : { stops: mergeNames(names) }),
    },
  };
}

/**
 * What a release has to name for this stop. One without a readable time ends together with all that
 * is older than the plan to release it (`plannedAt`, RFC 3339).
 */
export function watermarkOf(
  { id, at }: Pick<StopDocument, "id" | "at">,
  plannedAt: string,
): Pick<StopDocument, "id" | "at"> {
  const known = Number.isFinite(timeOf(at)) ? at : undefined;
  return { ...(id === undefined ? {} : { id }), at: known ?? plannedAt };
}

/**
 * `last_updated` is later than what it replaces even when our clock is behind. It goes on naming what
 * that one named, for isolates that never read it, and `lifts` besides; a cap that it has lifted stays lifted.
 */
export function nextConfig(
  before: CanaryConfig | null,
  to: { percent: number; emergency: boolean; tag: string },
  author: Author,
  lifts: readonly Name[] = [],
): CanaryConfig {
  const names = mergeNames(lifts, before?.lifts?.slice(0, CARRIED));
  const liftsCap = before?.lifts_cap;
  return {
    canary_percent: to.percent,
    canary_tag: to.tag,
    emergency_proxy: to.emergency,
    last_updated: laterThan(before?.last_updated, author.nowMs),
    revision: author.id,
    updated_by: author.actor,
    ...(author.reason === undefined ? {} : { reason: author.reason }),
    ...(liftsCap === undefined ? {} : { lifts_cap: liftsCap }),
    ...(names.length === 0 ? {} : { lifts: names }),
  };
}

function laterThan(earlier: string | undefined, nowMs: number): string {
  const earlierMs = timeOf(earlier);
  return new Date(
    Number.isFinite(earlierMs) ? Math.max(nowMs, earlierMs + 1) : nowMs,
  ).toISOString();
}

/** Half, rounded down to the two decimals that a share may have. */
export function halfOf(percent: number): number {
  return Math.floor(percent * 50) / 100;
}
