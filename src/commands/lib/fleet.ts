/** Asks the metrics, again and again, which locations still decide by another state than the stored one. */

import { locationsByRevision } from "../../domain/metrics/queries.ts";
import { coloName } from "../../domain/proof/colo-name.ts";
import type { FleetExpectation, FleetLocation, Propagation } from "../../domain/proof/fleet.ts";
import {
  BEFORE_S,
  fleetExpectation,
  fleetWindow,
  foldFleet,
  isFleetCurrent,
  propagationOf,
  silentLocations,
} from "../../domain/proof/fleet.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { counted } from "../../domain/text/format.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Base } from "./stored-state.ts";
import { isSameShare, readBase } from "./stored-state.ts";
import { asUpstream } from "./write-result.ts";

/**
 * A poll costs three requests at most, which is 180 of the API's 1,200 per 5 minutes at this pace.
 * The first ones are closer: nearby the change is often there at once.
 */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 5_000;
const SLOWER = 1.5;
/** Before the deadline there is one last poll, so that the receipt is not of some seconds ago. */
const LAST_POLL_MS = 1_000;

/** What the change was, who made it and why; null parts are unknown. */
interface FleetChange {
  emergency: boolean;
  percent: number | null;
  revision: string | null;
  at: string | null;
  by: string | null;
  reason: string | null;
}

/** To be pasted into an incident: what is known, until when, and what is not. */
export interface FleetReceipt {
  made_at: string;
  /** Later than this nothing is claimed: metrics arrive late. Null when none could be had. */
  holds_until: string | null;
  change: FleetChange;
  locations: FleetLocation[];
  propagation: Propagation;
  /** Every location that served requests since the change shows it, and there is one. */
  complete: boolean;
  /** Why the metrics could not be had, if they never could. */
  problem: string | null;
}

type FleetEnd =
  | { kind: "complete" }
  /** Time is up, or somebody interrupted. */
  | { kind: "waiting" }
  | { kind: "conflict"; state: ParsedState }
  | { kind: "no-metrics"; error: UpstreamError };

export interface FleetRun {
  end: FleetEnd;
  receipt: FleetReceipt;
}

export interface FleetLimits {
  signal: AbortSignal;
  /** When the signal will abort, on the monotonic clock. */
  deadlineMs: number;
}

interface Watch {
  ports: Ports;
  signal: AbortSignal;
  deadlineMs: number;
  base: Base;
  expected: FleetExpectation;
  known: FleetLocation[];
  asOfS: number | null;
  failure: UpstreamError | null;
  /** The text of another stored state, once seen: the API may answer one old read. */
  foreign: string | null;
  told: string;
}

/** Until everything is current, the state is changed by somebody, or time is up. Never throws. */
export async function watchFleet(ports: Ports, base: Base, limits: FleetLimits): Promise<FleetRun> {
  const watch: Watch = {
    ...limits,
    ports,
    base,
    expected: fleetExpectation(base.state),
    known: [],
    asOfS: null,
    failure: null,
    foreign: null,
    told: "",
  };
  const end = await untilEnd(watch);
  return { end, receipt: receiptOf(watch, end) };
}

async function untilEnd(watch: Watch): Promise<FleetEnd> {
  const { ports } = watch;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * SLOWER, MAX_DELAY_MS)) {
    const failure = await poll(watch);
    if (failure !== null && isFinal(failure, ports)) return { kind: "no-metrics", error: failure };
    const state = await changedMeanwhile(watch);
    if (state !== null) return { kind: "conflict", state };
    if (failure === null && isFleetCurrent(watch.known)) return { kind: "complete" };
    tell(watch);
    if (!(await pause(watch, delayMs * (0.75 + ports.rng.next() / 2)))) return outOfTime(watch);
  }
}

/** False when time is up: after the last poll, or by the signal. */
async function pause({ ports, signal, deadlineMs }: Watch, delayMs: number): Promise<boolean> {
  const leftMs = deadlineMs - LAST_POLL_MS - ports.clock.monotonic();
  if (leftMs <= 0) return false;
  try {
    await ports.clock.sleep(Math.min(delayMs, leftMs), signal);
    return true;
  } catch {
    return false;
  }
}

function outOfTime({ asOfS, failure, ports }: Watch): FleetEnd {
  const never = asOfS === null && failure !== null && !ports.interrupt.aborted;
  return never ? { kind: "no-metrics", error: failure } : { kind: "waiting" };
}

/** Null when the metrics answered. */
async function poll(watch: Watch): Promise<UpstreamError | null> {
  const { ports, signal, expected } = watch;
  const nowMs = ports.clock.now();
  const window = fleetWindow(expected, nowMs);
  const asOfS = Math.floor(nowMs / 1000) - ports.target.policy.settleSeconds;
  try {
    const first = watch.asOfS === null;
    const before = { fromS: window.fromS - BEFORE_S, toS: window.fromS };
    const [rows, rowsBefore] = await Promise.all([
      ports.metrics.ask((dataset) => locationsByRevision(dataset, window), { signal }),
      first
        ? ports.metrics.ask((dataset) => locationsByRevision(dataset, before), { signal })
        : Promise.resolve([]),
    ]);
    if (first) watch.known = silentLocations(rowsBefore);
    watch.known = foldFleet(watch.known, { rows, fromS: window.fromS, asOfS }, expected);
    watch.asOfS = asOfS;
    watch.failure = null;
    return null;
  } catch (thrown) {
    // A question that our own deadline cut short says nothing about the metrics.
    if (!signal.aborted || watch.failure === null) watch.failure = asUpstream(thrown);
    return watch.failure;
  }
}

/** Waiting does not help against a token, a missing dataset or an answer of another kind. */
function isFinal({ kind }: UpstreamError, { target }: Ports): boolean {
  if (kind === "not-found") return target.dataset === null;
  return kind === "auth" || kind === "forbidden" || kind === "rejected";
}

/** The state that somebody else has stored, when two reads in a row show it; null when ours stands. */
async function changedMeanwhile(watch: Watch): Promise<ParsedState | null> {
  const { ports, signal, base } = watch;
  const now = await readBase(ports, signal);
  if (!("state" in now)) return null;
  if (isSameShare(now, base) && now.stopText === base.stopText) {
    watch.foreign = null;
    return null;
  }
  const text = `${now.configText}\n${now.stopText}\n${now.shareText}`;
  const twice = watch.foreign === text;
  watch.foreign = text;
  return twice ? now.state : null;
}

/** One line per change, not per poll. */
function tell(watch: Watch): void {
  const text =
    watch.failure === null ? standing(watch.known) : `no metrics: ${watch.failure.message}`;
  if (text === watch.told) return;
  watch.told = text;
  if (watch.failure === null) watch.ports.progress.note(`  fleet    ${text}`);
  else watch.ports.progress.warn(`fleet: ${text}; asking again`);
}

/** E.g. `2 of 3 locations current; lagging: IAD`. */
export function standing(locations: readonly FleetLocation[]): string {
  const visited = locations.filter(({ state }) => state !== "silent");
  if (visited.length === 0) return "no requests at any location since the change";
  const named = (["reappeared", "lagging", "settling"] as const).flatMap((state) => {
    const colos = visited.filter((l) => l.state === state).map(({ colo }) => coloName(colo));
    return colos.length === 0 ? [] : [`${state}: ${colos.join(", ")}`];
  });
  const current = visited.filter(({ state }) => state === "current").length;
  return [`${current} of ${counted(visited.length, "location")} current`, ...named].join("; ");
}

function receiptOf(watch: Watch, end: FleetEnd): FleetReceipt {
  const { ports, base, expected, known, asOfS } = watch;
  return {
    made_at: new Date(ports.clock.now()).toISOString(),
    holds_until: asOfS === null ? null : new Date(asOfS * 1000).toISOString(),
    change: changeOf(base.state, expected),
    locations: known,
    propagation: propagationOf(known),
    complete: end.kind === "complete",
    problem: asOfS === null && watch.failure !== null ? watch.failure.message : null,
  };
}

/** The document that the change was made in tells who and why. */
function changeOf({ config, stop }: ParsedState, expected: FleetExpectation): FleetChange {
  const written = config.kind === "valid" ? config.value : null;
  const latch = stop.kind === "valid" ? stop.value : null;
  const atMs = expected.atMs;
  const byStop =
    expected.emergency || (written !== null && Date.parse(written.last_updated) !== atMs);
  const author = byStop && latch !== null && latch.active === expected.emergency ? latch : null;
  return {
    emergency: expected.emergency,
    percent: written?.canary_percent ?? null,
    revision: written?.revision ?? null,
    at: atMs === null ? null : new Date(atMs).toISOString(),
    by: (author === null ? written?.updated_by : author.by) ?? null,
    reason: (author === null ? written?.reason : author.reason) ?? null,
  };
}
