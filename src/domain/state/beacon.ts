/**
 * The second carrier of a stop: one object for all locations, in which changes come one after the other. It
 * holds the stops in force; one that it was told ends only with a release that covers it. Isolates take what it
 * says as it is, the newest answer first, beside what they read in KV.
 */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { timeOf } from "../lib/time.ts";
import { parseStop } from "./documents.ts";
import type { Asked, Ending, Read } from "./emergency.ts";
import { readEmergencies } from "./emergency.ts";

/**
 * How long a location's copy of its answer lives that no purge has reached: the bound of a stop by the beacon
 * when purges are lost.
 */
export const BEACON_MAX_AGE_S = 10;
/** A location that was filling its copy while the first purge came may have kept the old answer: it is purged again. */
export const PURGE_AGAIN_MS = 2_000;

/**
 * `Cache-Control` of an answer that took so long: a slow one may be from before both purges, and is not kept. An
 * expired copy must never be served, not even while the beacon fails: without the last two words Workers Cache would,
 * for ever.
 */
export function copyLife(elapsedMs: number): string {
  if (elapsedMs >= PURGE_AGAIN_MS) return "no-store";
  return `public, max-age=${BEACON_MAX_AGE_S}, must-revalidate, stale-if-error=0`;
}

/** More than anybody pulls in one incident. */
const MAX_STOPS = 32;
/** For isolates that hold a stop from before the beacon lost its storage. */
const KEPT_RELEASES = 4;
/** Ids are a few dozen bytes, and a replay comes within minutes. */
const KEPT_IDS = 256;
/** By how much the clock of a person who releases by hand may be ahead. */
const AHEAD_MS = 5_000;

interface HeldStop extends Pick<Asked, "id" | "mark"> {
  text: string;
  /** When the beacon was told, milliseconds since the epoch by its own clock. */
  toldMs: number;
}

/** What the beacon stores, as JSON. */
export interface Beacon {
  /** When it was first started, milliseconds since the epoch: after a loss of its storage it is later. */
  epoch: number;
  /** Of its last change. */
  seq: number;
  stops: readonly HeldStop[];
  /** Documents, the newest last. */
  releases: readonly string[];
  /** Ids of released stops, the last one last: told again, they are not held. */
  released: readonly string[];
  /** Marks of releases by hand that it was told: told again, they may be copies from before a stop. */
  known: readonly string[];
}

/** What isolates read of it. */
export interface BeaconAnswer {
  epoch: number;
  seq: number;
  /** Documents of stops in force. */
  stops: readonly string[];
  /** Documents of the last releases, the newest last. */
  releases: readonly string[];
}

/** `held`: in force. `released`: a release that names it came before. `heard`: a release; what it covers has ended. */
export type Told = "held" | "released" | "heard" | "unreadable";

interface Telling {
  /** The same object when nothing has changed. */
  beacon: Beacon;
  told: Told;
}

const answerSchema = once(() => {
  const texts = z.array(z.string()).max(64);
  return z.object({ epoch: z.number(), seq: z.number(), stops: texts, releases: texts });
});

export function newBeacon(nowMs: number): Beacon {
  return { epoch: nowMs, seq: 0, stops: [], releases: [], released: [], known: [] };
}

/** Told a document of the key `stop`. */
export function tellBeacon(beacon: Beacon, text: string, nowMs: number): Telling {
  const { asked, ending } = parseStop(text).kind === "valid" ? stopOf(text) : UNREADABLE;
  if (asked !== null) return tellStop(beacon, { ...asked, text }, nowMs);
  if (ending !== null) return tellRelease(beacon, { ...ending, text }, nowMs);
  return { beacon, told: "unreadable" };
}

function tellStop(
  beacon: Beacon,
  { id, mark, text }: Asked & { text: string },
  nowMs: number,
): Telling {
  if (id !== undefined && beacon.released.includes(id)) return { beacon, told: "released" };
  if (beacon.stops.some((stop) => stop.mark === mark)) return { beacon, told: "held" };
  const stops = [...beacon.stops, { text, id, mark, toldMs: nowMs }].slice(-MAX_STOPS);
  return { beacon: { ...beacon, seq: nextSeq(beacon, nowMs), stops }, told: "held" };
}

function tellRelease(beacon: Beacon, release: Ending & { text: string }, nowMs: number): Telling {
  const { text, mark } = release;
  const byHand = release.kind === "hand";
  const stops = beacon.stops.filter((stop) => {
    if (names(release, stop)) return false;
    return !byHand || beacon.known.includes(mark) || !isAfter(release, stop, nowMs);
  });
  if (stops.length === beacon.stops.length && beacon.releases.includes(text)) {
    return { beacon, told: "heard" };
  }
  // A release by hand names nobody: what it has ended must not come back by a replay either.
  const ended = beacon.stops.filter((stop) => !stops.includes(stop));
  const ids = [...release.names, ...ended].flatMap(({ id }) => (id === undefined ? [] : [id]));
  const after = {
    ...beacon,
    seq: nextSeq(beacon, nowMs),
    stops,
    releases: lastOf([...beacon.releases, text], KEPT_RELEASES),
    released: lastOf([...beacon.released, ...ids], KEPT_IDS),
    known: byHand ? lastOf([...beacon.known, mark], KEPT_IDS) : beacon.known,
  };
  return { beacon: after, told: "heard" };
}

/** Never one that was given before, even when the storage was set back to an earlier state. */
function nextSeq({ seq }: Beacon, nowMs: number): number {
  return Math.max(seq + 1, nowMs);
}

/** Each once, the last ones. */
function lastOf(all: readonly string[], most: number): string[] {
  return [...new Set(all.toReversed())].slice(0, most).reverse();
}

/**
 * A time ends nothing here but by hand: clocks of operators differ, and KV may show a release from before. A stop that
 * somebody has edited to be no longer active has kept its id.
 */
function names({ kind, id: own, names: named }: Ending, stop: Pick<Asked, "id" | "mark">): boolean {
  if (kind === "hand" && own !== undefined && own === stop.id) return true;
  return named.some(({ id, mark }) => (id === undefined ? mark === stop.mark : id === stop.id));
}

/** Written after the beacon was told of the stop, by a clock that is not far ahead. */
function isAfter({ atMs }: Ending, { toldMs }: HeldStop, nowMs: number): boolean {
  return toldMs < atMs && atMs <= nowMs + AHEAD_MS;
}

export function answerOf({ epoch, seq, stops, releases }: Beacon): BeaconAnswer {
  return { epoch, seq, stops: stops.map(({ text }) => text), releases };
}

/** Throws on what is not an answer: it counts as a failed read. */
export function parseBeaconAnswer(json: unknown): BeaconAnswer {
  return answerSchema().parse(json);
}

/** What one isolate knows of the beacon. */
export interface BeaconSeen {
  /** Of the newest answer; null before the first one. */
  at: { epoch: number; seq: number } | null;
  stops: readonly Asked[];
  /** From before the beacon lost its storage: they end with a release that it has heard since. */
  orphans: readonly Asked[];
}

export const NO_BEACON_SEEN: BeaconSeen = { at: null, stops: [], orphans: [] };

/** Folds an answer; one that is older than what is known, from a cache or late, says nothing. */
export function seeBeacon(seen: BeaconSeen, answer: BeaconAnswer): BeaconSeen {
  const { epoch, seq } = answer;
  const { at } = seen;
  const isOld = at !== null && (epoch < at.epoch || (epoch === at.epoch && seq <= at.seq));
  if (isOld) return seen;
  const stops = answer.stops.flatMap((text) => stopOf(text).asked ?? []);
  const isReset = at !== null && epoch > at.epoch;
  const endings = answer.releases.flatMap((text) => stopOf(text).ending ?? []);
  const orphans = [...seen.orphans, ...(isReset ? seen.stops : [])].filter(
    (stop) => !endings.some((ending) => endsOrphan(ending, stop)),
  );
  return { at: { epoch, seq }, stops, orphans: orphans.slice(-MAX_STOPS) };
}

function endsOrphan(ending: Ending, stop: Asked): boolean {
  return names(ending, stop) || (ending.kind === "hand" && timeOf(stop.at) <= ending.atMs);
}

/** Those that ask for the emergency, as far as this isolate knows. */
export function inForceAtBeacon({ stops, orphans }: BeaconSeen): readonly Asked[] {
  return orphans.length === 0 ? stops : [...stops, ...orphans];
}

/**
 * Whether the beacon must be told this document of KV's key `stop`: a release there is a person's word, and
 * the beacon learns of it only from a Worker that has read it.
 */
export function isNewsForBeacon(seen: BeaconSeen, stopText: string | null): boolean {
  const held = inForceAtBeacon(seen);
  if (held.length === 0 || stopText === null) return false;
  const { ending } = stopOf(stopText);
  return ending !== null && (ending.kind === "hand" || held.some((stop) => names(ending, stop)));
}

/** A release that the beacon may not know of: whoever proves a release has to be sure that it does. */
export function releaseIn(stopText: string | null): { id: string | undefined } | null {
  const ending = stopText === null ? null : stopOf(stopText).ending;
  return ending === null ? null : { id: ending.id };
}

/** The stop that only the beacon carries: KV's key `stop` neither holds one nor names this one as released. */
export function missingInKv(stops: readonly string[], stopText: string | null): string | null {
  const { asked, ending } = stopText === null ? UNREADABLE : stopOf(stopText);
  if (asked !== null) return null;
  const missing = stops.filter((text) => {
    const stop = stopOf(text).asked;
    return stop !== null && (ending === null || !names(ending, stop));
  });
  return missing.at(-1) ?? null;
}

const UNREADABLE: Read = { asked: null, ending: null };

function stopOf(text: string): Read {
  return readEmergencies({ stop: text, config: null }).stop;
}
