/** Plays one history from its plan, and says what broke. */
import { exitCodeOf } from "../../src/cli/exit.ts";
import { CONFIG_KEY } from "../../src/domain/state/documents.ts";
import { journalKey } from "../../src/domain/state/journal.ts";
import { isEmergency, parseState, rawState } from "../../src/domain/state/state.ts";
import { startCron } from "./guardian.ts";
import { History } from "./history.ts";
import { enter } from "./machine.ts";
import type { Operation, Plan } from "./plan.ts";
import { BUSY_MS, START_MS } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Broken, Truth } from "./truth.ts";
import { OBEY_MS } from "./truth.ts";
import type { Twin } from "./twins.ts";
import type { Tell } from "./world.ts";

export interface Played {
  broken: Broken | null;
  events: number;
  truth: Truth;
  /** Exit codes, by verb. */
  exits: [verb: string, code: number | null][];
}

const TRUSTED: Omit<Operation, "who" | "verb" | "atMs"> = {
  skewMs: 0,
  timeoutMs: 180_000,
  verify: true,
  thinksMs: 100,
  yes: false,
  to: 100,
  interruptMs: null,
  killMs: null,
};
const RESTORES = 4;

export async function play(plan: Plan, twin: Twin, tell: Tell | null = null): Promise<Played> {
  const history = new History(plan, twin, tell);
  await run(history);
  const { world } = history;
  const exits = world.processes.map(({ operation, outcome }): [string, number | null] => [
    operation.verb,
    outcome === null ? null : exitCodeOf(outcome),
  ]);
  return { broken: world.truth.broken, events: world.scheduler.count, truth: world.truth, exits };
}

async function run(history: History): Promise<void> {
  const { world } = history;
  const { plan, scheduler } = world;
  const { guardian } = plan;
  enter(world, (startMs) =>
    guardian !== null && startMs >= START_MS + guardian.failsFromMs ? guardian.errors : 0,
  );
  history.begin();
  for (const life of plan.isolates) history.live(life);
  for (const operation of plan.operations) history.start(operation);
  if (guardian !== null) startCron(world, history.api, guardian, START_MS + 2 * BUSY_MS);
  const broken = () => world.truth.broken !== null;
  const quiet = () => history.isOver() && world.nowMs >= START_MS + BUSY_MS;
  await scheduler.run(START_MS + 4 * BUSY_MS, () => broken() || quiet());
  for (const process of world.processes) process.alive = false;
  if (!broken()) await settle(history);
  if (!broken()) judgeCovers(history);
  if (!broken() && plan.restores) await restoreAll(history);
}

/** All copies have aged, and every isolate, new ones as well, is asked twice. */
async function settle(history: History): Promise<void> {
  const { world } = history;
  const lagMs = Math.max(...world.places.map((place) => place.lagMs));
  const broken = () => world.truth.broken !== null;
  world.tell?.("", "all is quiet");
  for (const place of world.places) history.newIsolate(place);
  const fromMs = Math.max(world.nowMs, START_MS + BUSY_MS) + lagMs;
  for (const waitMs of [OBEY_MS + 1_000, 2 * OBEY_MS + 2_000]) {
    world.scheduler.at(fromMs + waitMs, () => {
      for (const place of world.places) history.visitAll(place);
    });
  }
  await world.scheduler.run(fromMs + 3 * OBEY_MS, broken);
}

/** What was covered by who did not know it is in force, or its author knows; so does who has covered it. */
function judgeCovers(history: History): void {
  const { truth, kv } = history.world;
  const raw = rawState((key) => kv.get(key));
  const state = parseState(raw);
  const share = state.config.kind === "valid" ? state.config.value.canary_percent : 0;
  const percent = isEmergency(state) ? 0 : share;
  for (const { loser, lost, by, atMs, crossed } of truth.covers) {
    truth.asked.covered += 1;
    if (loser.outcome?.kind !== "done" || hasLeft(by, atMs)) continue;
    // KV cannot refuse a write. A stop has two keys, and so no such excuse.
    if (crossed && !lost.asks) continue;
    // Released by a human since: that is judged by another rule.
    if (truth.emergencies.get(`${lost.key} ${lost.id}`)?.endedMs != null) continue;
    if (lost.asks ? isEmergency(state) : percent <= lost.percent) continue;
    if (isSuperseded(history, by, atMs)) continue;
    const whose = `${lost.key} ${lost.id} of ${loser.name}, who was told done`;
    truth.fail("covered", `${whose}, was covered by ${by?.name ?? "the Worker"}`);
  }
}

/** Somebody else has decided since. */
function isSuperseded({ world }: History, by: Process | null, atMs: number): boolean {
  const last = world.truth.stored.get(CONFIG_KEY)?.by ?? null;
  const saidMs = last?.saidYesToMs ?? (last === null ? null : START_MS + last.operation.atMs);
  return last !== by && saidMs !== null && saidMs > atMs;
}

/** With all well again, one restore ends it everywhere: no carrier is left behind. */
async function restoreAll(history: History): Promise<void> {
  const { world } = history;
  const isStored = isEmergency(parseState(rawState((key) => world.kv.get(key))));
  if (!isStored && !anyStopped(history)) return;
  payDebts(history);
  const broken = () => world.truth.broken !== null;
  let isDone = false;
  // One that finds what it had not seen puts it back, and the next one names it.
  for (let n = 1; n <= RESTORES && !isDone && !broken(); n += 1) {
    const atMs = world.nowMs - START_MS + 121_000;
    const process = history.start({ ...TRUSTED, who: `zoe ${n}`, verb: "restore", atMs });
    const limitMs = START_MS + atMs + 240_000;
    await world.scheduler.run(limitMs, () => broken() || process.outcome !== null);
    isDone = process.outcome?.kind === "done";
  }
  if (broken()) return;
  if (!isDone) return world.truth.fail("stuck", "with all well again no restore ends with 0");
  await settle(history);
  if (!broken() && anyStopped(history))
    world.truth.fail("stuck", "an emergency is on somewhere after a restore that ended with 0");
}

/** What a process has left on its disk when it was killed, the next command there tells. */
function payDebts({ world, api }: History): void {
  for (const { debts } of world.processes) {
    for (const entry of debts.values()) api.write(null, journalKey(entry), JSON.stringify(entry));
  }
}

function anyStopped(history: History): boolean {
  const { places, truth } = history.world;
  return places.some((place) =>
    history.living(place).some(({ held }) => held.some((name) => !truth.isLeftOver(name))),
  );
}

/** Killed, or ended while its write was on its way: it can tell nobody. */
function hasLeft(by: Process | null, atMs: number): boolean {
  if (by === null) return false;
  return by.outcome === null || (by.endedMs !== null && by.endedMs < atMs);
}
