/**
 * Which locations have taken over a change, judged by the requests that visitors made there: the
 * metrics say by which revision, and whether by an emergency, each location decided, from when to when.
 *
 * What a poll has shown stays known; a later one can only add to it. A location is `current` when it
 * has shown the expected state at least QUIET_S longer than any other. Where nobody came, nothing can
 * be seen: such a location is `silent`, and nothing is claimed for it.
 */
import type { LocationRow } from "../metrics/queries.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";

/**
 * Isolates of one location read the same copy of KV, at most 5 s apart (STALE_MS of the Worker's state
 * reader), and the metrics' timestamps are whole seconds.
 */
export const QUIET_S = 6;

/** Older changes are looked at over the last day only: by then nobody asks for their propagation. */
export const MAX_SINCE_S = 86_400;
/** Who served requests shortly before the change should serve some after it. */
export const BEFORE_S = 900;

export interface FleetExpectation {
  /** On: what counts is that it is obeyed; an older share behind it does no harm. */
  emergency: boolean;
  /** Of the stored configuration; empty for one that was written by hand without any. */
  revision: string;
  /** When the change was made by its writer's clock, milliseconds since the epoch; null: unknown. */
  atMs: number | null;
}

export interface FleetPoll {
  /** From the change on. */
  rows: readonly LocationRow[];
  /** Where `rows` begin; seconds since the epoch. */
  fromS: number;
  /** Until then the metrics are complete: they arrive late. */
  asOfS: number;
}

/**
 * `settling`: shows the expected state, but not for long enough yet. `reappeared`: had been current,
 * and shows another state again. `silent`: no request since the change.
 */
type LocationState = "current" | "settling" | "lagging" | "reappeared" | "silent";

export interface FleetLocation {
  colo: string;
  state: LocationState;
  /**
   * From the change until it is known to be in force: the end of the second in which the last request
   * was decided otherwise, or the first request decided by it if that came later, for before it nothing
   * was seen. A lower bound unless `current`. Null when the change's time is not known.
   */
  propagation_s: number | null;
  /** Since the change. */
  requests: number;
  /** Of these, decided by another revision or past the emergency. */
  old_requests: number;
  /** Seconds since the epoch; null when there was none. */
  last_old_s: number | null;
  first_new_s: number | null;
  last_new_s: number | null;
  /** By what the last other decision was made. */
  old_revision: string | null;
  /** With an emergency, a location may obey it and yet hold an older configuration. */
  new_revision: string | null;
  times_reappeared: number;
}

/** What should be seen everywhere, and since when. */
export function fleetExpectation(state: ParsedState): FleetExpectation {
  const { config, stop } = state;
  const revision = config.kind === "valid" ? (config.value.revision ?? "") : "";
  const configMs = config.kind === "valid" ? timeOf(config.value.last_updated) : null;
  const stopMs = stop.kind === "valid" ? timeOf(stop.value.at) : null;
  const emergency = isEmergency(state);
  if (!emergency) {
    // A release is a change like any other.
    const known = [configMs, stopMs].filter((ms) => ms !== null);
    return { emergency, revision, atMs: known.length === 0 ? null : Math.max(...known) };
  }
  const stopped = stop.kind === "valid" && stop.value.active;
  const byConfig = config.kind === "valid" && config.value.emergency_proxy;
  return { emergency, revision, atMs: (stopped ? stopMs : null) ?? (byConfig ? configMs : null) };
}

/** Where to look: from the first whole second after the change, at most the last day. */
export function fleetWindow(
  expected: FleetExpectation,
  nowMs: number,
): { fromS: number; toS: number } {
  const toS = Math.floor(nowMs / 1000) + 1;
  const sinceMs = expected.atMs ?? nowMs - BEFORE_S * 1000;
  const fromS = Math.max(Math.ceil(sinceMs / 1000), toS - MAX_SINCE_S);
  // The writer's clock may be ahead of ours.
  return { fromS: Math.min(fromS, toS - 1), toS };
}

/** The locations that served requests before the change, of which nothing is known yet. */
export function silentLocations(before: readonly LocationRow[]): FleetLocation[] {
  return [...new Set(before.map(({ colo }) => colo))].map(unseen).sort(byColo);
}

/** One more poll. */
export function foldFleet(
  known: readonly FleetLocation[],
  poll: FleetPoll,
  expected: FleetExpectation,
): FleetLocation[] {
  const before = new Map(known.map((location) => [location.colo, location]));
  const colos = new Set([...before.keys(), ...poll.rows.map(({ colo }) => colo)]);
  return [...colos]
    .map((colo) => {
      const rows = poll.rows.filter((row) => row.colo === colo);
      return foldLocation(before.get(colo) ?? unseen(colo), rows, poll, expected);
    })
    .sort(byColo);
}

/** Seen to decide by another state than the one expected. */
export function isBehind({ state }: Pick<FleetLocation, "state">): boolean {
  return state === "lagging" || state === "reappeared";
}

/** Nobody who served requests serves anything else, and somebody does. */
export function isFleetCurrent(locations: readonly FleetLocation[]): boolean {
  const visited = locations.filter(({ state }) => state !== "silent");
  return visited.length > 0 && visited.every(({ state }) => state === "current");
}

export interface Propagation {
  /** How many locations the figures are over. */
  locations: number;
  p50_s: number | null;
  p100_s: number | null;
}

/** Over the current locations, by nearest rank. */
export function propagationOf(locations: readonly FleetLocation[]): Propagation {
  const times = locations
    .flatMap(({ state, propagation_s: s }) => (state === "current" && s !== null ? [s] : []))
    .sort((a, b) => a - b);
  const rank = (q: number): number | null => times[Math.ceil(q * times.length) - 1] ?? null;
  return { locations: times.length, p50_s: rank(0.5), p100_s: rank(1) };
}

function foldLocation(
  known: FleetLocation,
  rows: readonly LocationRow[],
  poll: FleetPoll,
  expected: FleetExpectation,
): FleetLocation {
  const fits = rows.filter((row) => isExpected(row, expected));
  const others = rows.filter((row) => !isExpected(row, expected));
  const newest = latest(fits);
  const newestOther = latest(others);
  const lastOld = later(known.last_old_s, newestOther?.lastS);
  const lastNew = later(known.last_new_s, newest?.lastS);
  const firstNew = earliest(known.first_new_s, fits);
  const oldAgain = known.last_old_s !== lastOld;
  const judged = judge(lastOld, lastNew, poll);
  const back = known.state === "current" && oldAgain;
  const stillBack = (back || known.state === "reappeared") && judged !== "current";
  return {
    colo: known.colo,
    state: stillBack ? "reappeared" : judged,
    // Until it is current, the first request that shows it may not be the end.
    propagation_s: propagation(lastOld, judged === "current" ? firstNew : null, poll, expected),
    requests: Math.max(known.requests, sum(rows)),
    old_requests: Math.max(known.old_requests, sum(others)),
    last_old_s: lastOld,
    first_new_s: firstNew,
    last_new_s: lastNew,
    old_revision: oldAgain ? (newestOther?.revision ?? null) : known.old_revision,
    new_revision: newest?.revision ?? known.new_revision,
    times_reappeared: known.times_reappeared + (back ? 1 : 0),
  };
}

/** Other requests are known up to `asOfS` alone, so nothing later is proof of their absence. */
function judge(lastOld: number | null, lastNew: number | null, poll: FleetPoll): LocationState {
  if (lastNew === null) return lastOld === null ? "silent" : "lagging";
  if (lastOld === null) return poll.asOfS - poll.fromS >= QUIET_S ? "current" : "settling";
  if (Math.min(lastNew, poll.asOfS) - lastOld >= QUIET_S) return "current";
  return lastNew > lastOld ? "settling" : "lagging";
}

function isExpected(row: LocationRow, expected: FleetExpectation): boolean {
  if (expected.emergency) return row.mode === "emergency";
  return row.mode === "open" && row.revision === expected.revision;
}

function propagation(
  lastOld: number | null,
  firstNew: number | null,
  { fromS }: FleetPoll,
  { atMs }: FleetExpectation,
): number | null {
  if (atMs === null) return null;
  const atS = atMs / 1000;
  // None seen since the window began is not none since the change.
  if (lastOld === null && fromS - atS > 1) return null;
  const known = [lastOld === null ? null : lastOld + 1, firstNew].filter((s) => s !== null);
  return known.length === 0 ? null : Math.max(0, Math.ceil(Math.max(...known) - atS));
}

function earliest(known: number | null, rows: readonly LocationRow[]): number | null {
  const times = rows.map(({ firstS }) => firstS);
  const all = known === null ? times : [known, ...times];
  return all.length === 0 ? null : Math.min(...all);
}

function unseen(colo: string): FleetLocation {
  return {
    colo,
    state: "silent",
    propagation_s: null,
    requests: 0,
    old_requests: 0,
    last_old_s: null,
    first_new_s: null,
    last_new_s: null,
    old_revision: null,
    new_revision: null,
    times_reappeared: 0,
  };
}

function latest(rows: readonly LocationRow[]): LocationRow | null {
  return rows.reduce<LocationRow | null>(
    (best, row) => (best === null || row.lastS > best.lastS ? row : best),
    null,
  );
}

function later(known: number | null, seen: number | undefined): number | null {
  if (seen === undefined) return known;
  return known === null ? seen : Math.max(known, seen);
}

function sum(rows: readonly LocationRow[]): number {
  return rows.reduce((total, { requests }) => total + requests, 0);
}

function byColo(a: FleetLocation, b: FleetLocation): number {
  return a.colo < b.colo ? -1 : 1;
}

function timeOf(text: string | undefined): number | null {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : ms;
}
