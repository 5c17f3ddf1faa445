/**
 * Asks for each part of the view in its own rhythm. What goes through the API takes its place in a
 * budget first; "too many requests" slows everything down. An upstream failure becomes part of the
 * view: nothing here throws for it.
 */

import { anySignal } from "../../domain/lib/abort.ts";
import { locationsByRevision } from "../../domain/metrics/queries.ts";
import type { FleetLocation } from "../../domain/proof/fleet.ts";
import { fleetExpectation, fleetWindow, foldFleet } from "../../domain/proof/fleet.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { STATE_KEYS } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import { askShare } from "../lib/achieved-share.ts";
import { assessHealth } from "../lib/native-health.ts";
import { readBase } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import { repeatLooks } from "./looks.ts";
import type { Part } from "./model.ts";
import { emptyPart, failed, seen } from "./model.ts";
import {
  jittered,
  limitOf,
  once,
  type Polling,
  pause,
  placeFor,
  type Run,
  type Wake,
  wakeUp,
} from "./pace.ts";
import { FULL_PACE, faster } from "./request-budget.ts";

const ENTRIES = 20;

/** The most requests of the API that each round needs. */
const STATE_AND_HEALTH = STATE_KEYS.length + 3;
const SHARE_AND_LOCATIONS = 1 + 1;
/** A list and a read; a journal of more than 1,000 entries is listed month by month. */
const JOURNAL = 5;

/** Slower things, in intervals: with the default one, all of it fits into the budget. */
const SLOW = 5;

/** Until the signal aborts. Throws only for a bug. */
export async function poll(polling: Polling): Promise<void> {
  const own = new AbortController();
  const run: Run = {
    ...polling,
    signal: anySignal([polling.signal, own.signal]),
    pace: FULL_PACE,
    spent: [],
    wake: { state: new AbortController(), rest: new AbortController() },
    fleet: { expected: { emergency: false, revision: "", atMs: null }, known: [] },
  };
  const ready = (): boolean => run.model.state.value !== null;
  try {
    await Promise.all([
      repeat(run, STATE_AND_HEALTH, { intervals: 1, wake: "state" }, () => stateAndHealth(run)),
      repeat(run, SHARE_AND_LOCATIONS, { intervals: SLOW, wake: "rest", ready }, () =>
        shareAndLocations(run),
      ),
      repeat(run, JOURNAL, { intervals: SLOW, wake: "rest" }, () => journal(run)),
      ...run.model.looks.map((_, index) => repeatLooks(run, index)),
    ]);
  } finally {
    own.abort();
  }
}

/** One rhythm: take a place for so many requests, ask, wait. */
async function repeat(
  run: Run,
  requests: number,
  when: { intervals: number; wake: Wake; ready?: () => boolean },
  ask: () => Promise<unknown>,
): Promise<void> {
  while (when.ready?.() === false) {
    if (!(await pause(run, run.intervalMs, run.wake[when.wake].signal))) return;
  }
  let { intervals } = when;
  while (await placeFor(run, requests)) {
    await ask();
    if (run.signal.aborted) return;
    if (run.ports.clock.now() >= run.pace.notBeforeMs) run.pace = faster(run.pace);
    const waitMs = jittered(run, run.intervalMs * intervals * run.pace.factor);
    const wake = run.wake[when.wake].signal;
    if (!(await pause(run, waitMs, wake))) return;
    // A change is journaled after it was made: once more, soon.
    intervals = wake.aborted ? 1 : when.intervals;
  }
}

// --- Through the API -----------------------------------------------------------------------------

/** What was cut short by the end is no failure. */
async function fill<T>(run: Run, part: Part<T>, work: Promise<T>): Promise<void> {
  const next = await work.then(
    (value) => seen(value, run.ports.clock.now()),
    (error: unknown) => failed(part, asUpstream(error).message),
  );
  if (run.signal.aborted) return;
  Object.assign(part, next);
  run.changed();
}

async function stateAndHealth(run: Run): Promise<void> {
  const asked = once(run);
  const signal = limitOf(run);
  const health = async () => {
    const found = await assessHealth(asked, signal);
    if (found.failure !== null) throw found.failure;
    return found;
  };
  await Promise.all([storedState(run, asked, signal), fill(run, run.model.health, health())]);
}

/** Shares and locations of another state say nothing about this one: they are asked anew. */
async function storedState(run: Run, asked: Ports, signal: AbortSignal): Promise<void> {
  const { model } = run;
  const read = async (): Promise<ParsedState> => {
    const base = await readBase(asked, signal);
    if ("state" in base) return base.state;
    throw base;
  };
  const before = model.state.value;
  await fill(run, model.state, read());
  if (JSON.stringify(before) === JSON.stringify(model.state.value)) return;
  Object.assign(model.share, emptyPart());
  Object.assign(model.locations, emptyPart());
  wakeUp(run, "rest");
}

async function shareAndLocations(run: Run): Promise<void> {
  const stored = run.model.state.value;
  if (stored === null) return;
  const asked = once(run);
  const signal = limitOf(run);
  await Promise.all([
    fill(run, run.model.share, askShare(asked, stored, signal)),
    fill(run, run.model.locations, askLocations(run, asked, { stored, signal })),
  ]);
}

/** As `verify --fleet` judges them; what was known of another state is forgotten. */
async function askLocations(
  run: Run,
  asked: Ports,
  { stored, signal }: { stored: ParsedState; signal: AbortSignal },
): Promise<readonly FleetLocation[]> {
  const expected = fleetExpectation(stored);
  const { emergency, revision, atMs } = run.fleet.expected;
  const same =
    emergency === expected.emergency && revision === expected.revision && atMs === expected.atMs;
  const nowMs = run.ports.clock.now();
  const window = fleetWindow(expected, nowMs);
  const asOfS = Math.floor(nowMs / 1_000) - run.ports.target.policy.settleSeconds;
  const rows = await asked.metrics.ask((dataset) => locationsByRevision(dataset, window), {
    signal,
  });
  const known = foldFleet(
    same ? run.fleet.known : [],
    { rows, fromS: window.fromS, asOfS },
    expected,
  );
  run.fleet = { expected, known };
  return known;
}

async function journal(run: Run): Promise<void> {
  const { model, ports } = run;
  const { entries, warnings } = await ports.journal.recent(ENTRIES, { signal: limitOf(run) });
  if (run.signal.aborted) return;
  const [warning] = warnings;
  // What was read is shown, next to what is wrong with it.
  const next =
    warning === undefined || entries.length > 0 ? seen(entries, ports.clock.now()) : model.journal;
  model.journal =
    warning === undefined ? next : failed({ ...next, failure: model.journal.failure }, warning);
  run.changed();
}

// --- /qa -----------------------------------------------------------------------------------------
