/** The next documents for each action, from what was read and who acts. Pure: no clock, no ids. */
import { timeOf } from "./memory.ts";
import type { CanaryConfig, StopDocument } from "./state.ts";

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
 * Releases this stop and every older one, and no newer one. Its time is later than the stop's even
 * when our clock is behind, so that isolates recognise it as newer.
 */
export function releaseOf(stop: Pick<StopDocument, "id" | "at">, author: Author): StopDocument {
  return {
    active: false,
    id: author.id,
    at: laterThan(stop.at, author.nowMs),
    by: author.actor,
    ...(author.reason === undefined ? {} : { reason: author.reason }),
    releases: {
      ...(stop.id === undefined ? {} : { id: stop.id }),
      ...(stop.at === undefined ? {} : { at: stop.at }),
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
 * `last_updated` is later than what it replaces even when our clock is behind. A cap that `before` has lifted
 * stays lifted.
 */
export function nextConfig(
  before: CanaryConfig | null,
  to: { percent: number; emergency: boolean; tag: string },
  author: Author,
): CanaryConfig {
  const lifts = before?.lifts_cap;
  return {
    canary_percent: to.percent,
    canary_tag: to.tag,
    emergency_proxy: to.emergency,
    last_updated: laterThan(before?.last_updated, author.nowMs),
    revision: author.id,
    updated_by: author.actor,
    ...(author.reason === undefined ? {} : { reason: author.reason }),
    ...(lifts === undefined ? {} : { lifts_cap: lifts }),
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
