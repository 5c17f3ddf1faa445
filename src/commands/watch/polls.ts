/**
 * Asks for each part of the view in its own rhythm. What goes through the API takes its place in a
 * budget first; "too many requests" slows everything down. An upstream failure becomes part of the
 * view: nothing here throws for it.
 */

import { locationsByRevision } from "../../domain/metrics/queries.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { compare, expectationOf } from "../../domain/proof/expectation.ts";
import type { FleetExpectation, FleetLocation } from "../../domain/proof/fleet.ts";
import { fleetExpectation, fleetWindow, foldFleet } from "../../domain/proof/fleet.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { STATE_KEYS } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import { askShare } from "../lib/achieved-share.ts";
import { assessHealth } from "../lib/native-health.ts";
import { readBase } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import type { Part, WatchModel } from "./model.ts";
import { emptyPart, failed, looked, seen } from "./model.ts";
import type { Pace, Spent } from "./request-budget.ts";
import { FULL_PACE, faster, slower, spend, waitForRoom } from "./request-budget.ts";

/** For one part: what takes longer is not worth waiting for, as it is asked again soon. */
const PART_LIMIT_MS = 8_000;
const ENTRIES = 20;

/** The most requests of the API that each round needs. */
const STATE_AND_HEALTH = STATE_KEYS.length + 3;
const SHARE_AND_LOCATIONS = 1 + 1;
/** A list and a read; a journal of more than 1,000 entries is listed month by month. */
const JOURNAL = 5;

/** Slower things, in intervals: with the default one, all of it fits into the budget. */
const SLOW = 5;

/** Every n-th look at `/qa` waits for the pings of native and proxy. */
const FULL_LOOK_EVERY = 5;
/** /qa lets a token holder look 300 times a minute; this is half of it, for all URLs together. */
const LOOKS_PER_MINUTE = 150;
const QUICKEST_LOOK_MS = 2_000;
/** Without a token, or with one that is refused, /qa allows 10 looks a minute. */
const REFUSED_LOOK_MS = 10_000;
const SLOWEST_LOOK_MS = 60_000;

export interface Polling {
  ports: Ports;
  model: WatchModel;
  /** Ends it all. */
  signal: AbortSignal;
  /** Between looks at state and metrics; the slower ones follow from it. */
  intervalMs: number;
  /** Something in the model is new; not called any more once the signal has aborted. */
  changed(): void;
}

type Wake = "state" | "rest";

interface Run extends Polling {
  pace: Pace;
  spent: Spent;
  /**
   * Aborted and replaced to ask at once: `state` when `/qa` shows something new, and `rest` when what
   * is stored has changed.
   */
  wake: Record<Wake, AbortController>;
  fleet: { expected: FleetExpectation; known: readonly FleetLocation[] };
}

/** Until the signal aborts. Throws only for a bug. */
export async function poll(polling: Polling): Promise<void> {
  const own = new AbortController();
  const run: Run = {
    ...polling,
    signal: AbortSignal.any([polling.signal, own.signal]),
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

/** False when it is over. */
async function placeFor(run: Run, requests: number): Promise<boolean> {
  for (;;) {
    const nowMs = run.ports.clock.now();
    const waitMs = Math.max(waitForRoom(run.spent, requests, nowMs), run.pace.notBeforeMs - nowMs);
    if (run.signal.aborted) return false;
    if (waitMs <= 0) {
      run.spent = spend(run.spent, requests, nowMs);
      return true;
    }
    if (!(await pause(run, waitMs))) return false;
  }
}

/** False when it is over; a wake-up ends it early. */
async function pause(run: Run, ms: number, wake?: AbortSignal): Promise<boolean> {
  const signal = wake === undefined ? run.signal : AbortSignal.any([run.signal, wake]);
  await run.ports.clock.sleep(ms, signal).catch(() => undefined);
  return !run.signal.aborted;
}

/** Never sooner, up to a fifth later: several who watch do not stay in step. */
function jittered(run: Run, ms: number): number {
  return ms * (1 + run.ports.rng.next() / 5);
}

// --- Through the API -----------------------------------------------------------------------------

/** Each question in one request: it is asked again soon, and retries would not be in the budget. */
function once(run: Run): Ports {
  const { ports, model } = run;
  const entries = [...(model.journal.value ?? [])];
  const warnings = model.journal.value === null ? ["the journal has not been read yet"] : [];
  return {
    ...ports,
    store: {
      ...ports.store,
      read: (options) => noted(run, ports.store.read({ ...options, once: true })),
    },
    metrics: {
      ask: (question, options) =>
        noted(run, ports.metrics.ask(question, { ...options, once: true })),
    },
    journal: { ...ports.journal, recent: async () => ({ entries, warnings }) },
  };
}

async function noted<T>(run: Run, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const { status, retryAfterMs } = asUpstream(thrown);
    if (status === 429) run.pace = slower(run.pace, run.ports.clock.now(), retryAfterMs);
    throw thrown;
  }
}

function limitOf(run: Run): AbortSignal {
  return AbortSignal.any([run.ports.clock.timeout(PART_LIMIT_MS), run.signal]);
}

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

async function repeatLooks(run: Run, index: number): Promise<void> {
  const { ports, model } = run;
  const least = Math.max(QUICKEST_LOOK_MS, (model.looks.length * 60_000) / LOOKS_PER_MINUTE);
  let waitMs = least;
  for (let nth = 0; !run.signal.aborted; nth += 1) {
    const look = model.looks[index];
    if (look === undefined) return;
    const full = nth % FULL_LOOK_EVERY === 0;
    const sighting = await ports.qa.look(look.url, {
      signal: run.signal,
      health: full ? "full" : "cached",
    });
    if (run.signal.aborted) return;
    const before = look.part.value;
    model.looks[index] = looked(look, sighting, full);
    if (isNews(model, before, sighting)) wakeUp(run, "state");
    run.changed();
    waitMs = lookDelay(sighting, waitMs, least);
    if (!(await pause(run, jittered(run, waitMs)))) return;
  }
}

function lookDelay({ status }: Sighting, lastMs: number, leastMs: number): number {
  if (status === 429) return Math.min(SLOWEST_LOOK_MS, Math.max(lastMs, leastMs) * 2);
  return status === 401 || status === 403 ? Math.max(REFUSED_LOOK_MS, leastMs) : leastMs;
}

/** The location shows another state than before, and it is not the one that we know to be stored. */
function isNews(model: WatchModel, before: Sighting | null, now: Sighting): boolean {
  const stored = model.state.value;
  if (stored === null || before === null || now.problem !== null) return false;
  const shown = ({ qa, decision }: Sighting): string =>
    `${qa?.canary.revision} ${qa?.canary.emergency_proxy} ${decision?.reason === "emergency"}`;
  return shown(before) !== shown(now) && !compare(expectationOf(stored), now).seen;
}

function wakeUp(run: Run, which: Wake): void {
  const old = run.wake[which];
  run.wake[which] = new AbortController();
  old.abort();
}
