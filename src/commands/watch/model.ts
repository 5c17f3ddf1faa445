/** What `watch` knows: each part by itself, with its age and with what is wrong with it. */
import { isBypassed } from "../../domain/ladder/shown.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { FleetLocation } from "../../domain/proof/fleet.ts";
import type { LookedAt } from "../../domain/situation/known.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import type { assessHealth } from "../lib/native-health.ts";
import { pingsIn } from "../lib/situation.ts";

/** The newest answer is kept when a later one cannot be had. */
export interface Part<T> {
  value: T | null;
  /** Milliseconds since the epoch. */
  seenAtMs: number | null;
  /** Of the attempts since `seenAtMs`; null when the newest one succeeded. */
  failure: { why: string; times: number } | null;
}

export type Health = Awaited<ReturnType<typeof assessHealth>>;

export interface Look {
  url: string;
  part: Part<Sighting>;
  /** As of the last look that waited for the pings. */
  pings: Pick<LookedAt, "native" | "proxy"> | null;
  /** The newest answer, where the Worker did not give it: its route may be deleted. */
  bypassed: Sighting | null;
}

export interface WatchModel {
  state: Part<ParsedState>;
  health: Part<Health>;
  share: Part<AchievedShare>;
  locations: Part<readonly FleetLocation[]>;
  /** Oldest first. */
  journal: Part<readonly JournalEntry[]>;
  looks: Look[];
}

export function emptyModel(urls: readonly string[]): WatchModel {
  return {
    state: emptyPart(),
    health: emptyPart(),
    share: emptyPart(),
    locations: emptyPart(),
    journal: emptyPart(),
    looks: urls.map((url) => ({ url, part: emptyPart(), pings: null, bypassed: null })),
  };
}

export function emptyPart<T>(): Part<T> {
  return { value: null, seenAtMs: null, failure: null };
}

export function seen<T>(value: T, nowMs: number): Part<T> {
  return { value, seenAtMs: nowMs, failure: null };
}

export function failed<T>(part: Part<T>, why: string): Part<T> {
  return { ...part, failure: { why, times: (part.failure?.times ?? 0) + 1 } };
}

/** A refused `/qa` still says how it decides: such a look is a success and a failure at once. */
export function looked(look: Look, sighting: Sighting, full: boolean): Look {
  const { url, part } = look;
  const told = sighting.decision !== null || sighting.qa !== null;
  const next = told ? seen(sighting, sighting.atMs) : part;
  return {
    url,
    part:
      sighting.problem === null
        ? next
        : failed({ ...next, failure: part.failure }, sighting.problem),
    pings: full && sighting.qa !== null ? pingsIn(sighting) : look.pings,
    bypassed: isBypassed(sighting) ? sighting : null,
  };
}

/** The parts by the names under which their age is shown. */
export function partsOf(model: WatchModel): [name: string, part: Part<unknown>][] {
  return [
    ["state", model.state],
    ["metrics", model.health],
    ["share", model.share],
    ["locations", model.locations],
    ["journal", model.journal],
  ];
}
