/**
 * Carries an attached ramp out in this process: gather, advance, do, keep, wait. What is known is kept
 * before anything is done that depends on it, so that a crash at any point leaves a ramp that goes on
 * at the right step (AT-9). Time counts sleep and is not moved by setting the clock (AT-11).
 */

import type { Target } from "../../domain/config/environment.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { MAX_TIMER_MS } from "../../domain/lib/duration.ts";
import type { Order } from "../../domain/ramp/advance.ts";
import { advance, closing, GATE, overtaken } from "../../domain/ramp/advance.ts";
import { isShown, supersededBy } from "../../domain/ramp/carrier.ts";
import type { RampControl, RampDocument } from "../../domain/ramp/document.ts";
import { isOver, parseRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import { SIGN_OF_LIFE_MS } from "../../domain/ramp/life.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { Clock } from "../../ports/machine.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import type { Base } from "../lib/stored-state.ts";
import type { Done } from "./execute.ts";
import { dropLease, problemOf, relieve, renewLease, writeStep } from "./execute.ts";
import { recordEnd, recordStep } from "./journal.ts";
import { gather } from "./observe.ts";
import { endOf } from "./outcome.ts";
import { Teller } from "./progress.ts";
import type { RampData, RunState } from "./run-state.ts";
import { keep, showEnd } from "./store.ts";

/** What a run may take unless `--timeout` says so: no limit, as no timer holds 60 days. */
export const RAMP_BUDGET_MS = MAX_TIMER_MS;
/** No wait is longer: a machine that wakes up looks at once. */
const MAX_WAIT_MS = 30_000;
/** Between tries while the API does not answer; with jitter. */
const RETRY_MS = 3_000;
/** One old read may forbid a write; so many are somebody. */
const MAX_REFUSALS = 3;
const CARRIER_LIMIT_MS = 5_000;

/** `control`: a command that this very process was started with. Throws LocalError. */
export async function carryOut(
  ramp: RampDocument,
  input: CommonInput,
  world: Ports,
  control: RampControl | null = null,
): Promise<Outcome<RampData>> {
  const ports: Ports = { ...world, clock: steadyClock(world.clock) };
  const unlimited = input.timeoutMs >= RAMP_BUDGET_MS;
  const signal = unlimited
    ? ports.interrupt
    : anySignal([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const run: RunState = {
    ramp,
    base: null,
    assessment: null,
    problem: null,
    keptAtMs: 0,
    unseen: false,
    leftTo: null,
    refusals: 0,
  };
  const teller = new Teller(ports);
  try {
    await save(run, ramp, ports);
    let first = control;
    while (!signal.aborted) {
      const order = await turn(run, input, ports, first);
      first = null;
      if (run.leftTo === null) teller.show(run);
      if (run.leftTo !== null || isOver(run.ramp) || run.ramp.paused?.by === GATE) break;
      await pause(order, ports, signal);
    }
  } finally {
    teller.close();
  }
  return endOf(run, input, ports);
}

/** One look and what follows from it. Null: nothing could be told, try again. */
async function turn(
  run: RunState,
  input: CommonInput,
  ports: Ports,
  control: RampControl | null,
): Promise<Order | null> {
  const gathered = await gather(run.ramp, ports, { control });
  if (!("seen" in gathered)) {
    run.problem = gathered.problem;
    return null;
  }
  run.base = gathered.base;
  run.assessment = gathered.assessment ?? run.assessment;
  const before = run.ramp;
  const { ramp, order } = advance(before, gathered.seen);
  if (order.do === "leave") return leave(run, order, ports);
  run.unseen = !isShown(before, gathered.seen.kept ?? null);
  if (isLive(before, ramp)) await recordStep(ramp, "live", input, ports);
  await finish(run, ramp, input, ports, gathered.base);
  const later = await laterCarrier(order, run.ramp, ports);
  if (later !== null && "do" in later) return leave(run, later, ports);
  const done = later ?? (await perform(order, run, gathered.base, input, ports));
  run.problem = done.problem;
  run.refusals = done.refusedFor === undefined ? 0 : run.refusals + 1;
  const lost = done.refusedFor !== undefined && run.refusals >= MAX_REFUSALS;
  const after = lost
    ? overtaken(done.ramp, done.refusedFor ?? UNKNOWN_AUTHOR, ports.clock.now())
    : done.ramp;
  await finish(run, after, input, ports, gathered.base);
  return done.problem === null ? order : null;
}

/**
 * Who took over since the look may have gone on, or ended it: what adds exposure looks again right before it is
 * written, and is not written blindly.
 */
async function laterCarrier(
  order: Order,
  ramp: RampDocument,
  ports: Ports,
): Promise<Extract<Order, { do: "leave" }> | Done | null> {
  if (order.do !== "write" && order.do !== "renew") return null;
  const signal = anySignal([ports.clock.timeout(CARRIER_LIMIT_MS), ports.interrupt]);
  try {
    const kept = parseRamp(await ports.documents.get(RAMP_KEY, { signal }));
    const later = supersededBy(ramp, kept);
    return later === null ? null : { do: "leave", to: later };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ramp, problem: `cannot tell whether another process has taken over: ${why}` };
  }
}

/** Nothing is written any more, but on this machine, that it is over. */
async function leave(
  run: RunState,
  order: Extract<Order, { do: "leave" }>,
  ports: Ports,
): Promise<Order> {
  run.leftTo = order.to;
  if (order.to.id === run.ramp.id && isOver(order.to)) {
    run.ramp = order.to;
    await ports.rampFile.write(JSON.stringify(order.to));
  }
  return order;
}

/** Told before it is kept: after a crash in between it is told again, and is the same entry. */
function isLive(before: RampDocument, ramp: RampDocument): boolean {
  return ramp.live_at !== null && ramp.live_at !== before.live_at;
}

/** Keeps what is new. An end is kept, told, and then kept as told. */
async function finish(
  run: RunState,
  ramp: RampDocument,
  input: CommonInput,
  ports: Ports,
  base: Base,
): Promise<void> {
  if (!isOver(ramp)) {
    const paused = ramp.paused?.by === GATE && run.ramp.paused?.by !== GATE;
    await saveIfNew(run, ramp, ports);
    if (paused) await recordEnd(ramp, base.state, input, ports);
    return;
  }
  if (isOver(run.ramp)) return;
  if (run.ramp.closing === null) await save(run, closing(ramp), ports);
  await recordEnd(ramp, base.state, input, ports);
  if (ramp.state === "done" || ramp.ended?.keep === true) {
    const write = await dropLease(ramp, base, ports);
    if (write !== null && write.kind !== "written") {
      ports.progress.warn(`the lease could not be removed and will run out: ${problemOf(write)}`);
    }
  }
  await ports.rampFile.write(JSON.stringify(ramp));
  run.ramp = ramp;
  await showEnd(ramp, ports);
}

async function perform(
  order: Order,
  run: RunState,
  base: Base,
  input: CommonInput,
  ports: Ports,
): Promise<Done> {
  switch (order.do) {
    case "write":
      return writeStep(run.ramp, order.step, base, ports);
    case "renew":
      return renewLease(run.ramp, order.untilMs, base, ports);
    case "relieve":
      return relieve(run.ramp, base, input, ports);
    case "wait":
    case "end":
    case "leave":
      return { ramp: run.ramp, problem: null };
    default:
      return order satisfies never;
  }
}

async function saveIfNew(run: RunState, ramp: RampDocument, ports: Ports): Promise<void> {
  const stale = run.unseen || ports.clock.now() - run.keptAtMs >= SIGN_OF_LIFE_MS;
  if (stale || content(ramp) !== content(run.ramp)) await save(run, ramp, ports);
  else run.ramp = ramp;
}

/** All but what changes at each look. */
function content(ramp: RampDocument): string {
  return JSON.stringify({ ...ramp, updated_at: "", gate: null, odd_reads: 0 });
}

async function save(run: RunState, ramp: RampDocument, ports: Ports): Promise<void> {
  await keep(ramp, ports);
  run.ramp = ramp;
  run.unseen = false;
  run.keptAtMs = ports.clock.now();
}

/** Between two looks. */
export function longestWaitMs({ policy }: Pick<Target, "policy">): number {
  return Math.min(MAX_WAIT_MS, Math.max(1_000, policy.bucketSeconds * 1_000));
}

async function pause(order: Order | null, ports: Ports, signal: AbortSignal): Promise<void> {
  const jittered = RETRY_MS * (0.75 + ports.rng.next() / 2);
  const leftMs =
    order === null ? jittered : order.do === "wait" ? order.untilMs - ports.clock.now() : 0;
  const waitMs = Math.min(longestWaitMs(ports.target), Math.max(0, leftMs));
  try {
    await ports.clock.sleep(waitMs, signal);
  } catch {
    // Time is up, or somebody interrupted: the loop sees it.
  }
}

/**
 * The wall clock as it was at the start, and from there by what no setting of it moves. Sleep counts:
 * visitors were exposed meanwhile.
 */
function steadyClock(clock: Clock): Clock {
  const startMs = clock.now();
  const startUptimeMs = clock.uptime();
  return { ...clock, now: () => Math.round(startMs + clock.uptime() - startUptimeMs) };
}
