/** Plays one history from its plan, and says what broke. */
import { exitCodeOf } from "../../src/cli/exit.ts";
import { CONFIG_KEY, STOP_KEY } from "../../src/domain/state/documents.ts";
import { type JournalEntry, journalKey } from "../../src/domain/state/journal.ts";
import { isEmergency, parseState, rawState } from "../../src/domain/state/state.ts";
import { Api } from "./api.ts";
import { knownToGuardian, startCron } from "./guardian.ts";
import { Isolate } from "./isolate.ts";
import { enter } from "./machine.ts";
import { type Cast, operate } from "./operators.ts";
import type { Operation, Plan } from "./plan.ts";
import { BUSY_MS, START_MS } from "./plan.ts";
import { Process } from "./process.ts";
import type { Broken, Truth } from "./truth.ts";
import { OBEY_MS } from "./truth.ts";
import type { Twin } from "./twins.ts";
import type { Place, Tell } from "./world.ts";
import { World } from "./world.ts";

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
  to: 10,
  interruptMs: null,
  killMs: null,
};
const DAY_MS = 86_400_000;
const RESTORES = 4;

export async function play(plan: Plan, twin: Twin, tell: Tell | null = null): Promise<Played> {
  const history = new History(plan, twin, tell);
  await history.run();
  const { world } = history;
  const exits = world.processes.map(({ operation, outcome }): [string, number | null] => [
    operation.verb,
    outcome === null ? null : exitCodeOf(outcome),
  ]);
  return { broken: world.truth.broken, events: world.scheduler.count, truth: world.truth, exits };
}

class History implements Cast {
  readonly world: World;
  readonly api: Api;
  readonly #isolates = new Map<string, Isolate[]>();

  constructor(plan: Plan, twin: Twin, tell: Tell | null) {
    this.world = new World(plan, twin, tell);
    this.api = new Api(this.world);
  }

  async run(): Promise<void> {
    const { world } = this;
    const { plan, scheduler } = world;
    const { guardian } = plan;
    enter(world, (startMs) =>
      guardian !== null && startMs >= START_MS + guardian.failsFromMs ? guardian.errors : 0,
    );
    this.#begin();
    for (const life of plan.isolates) this.#live(life);
    for (const operation of plan.operations) this.#start(operation);
    if (guardian !== null) startCron(world, this.api, guardian, START_MS + 2 * BUSY_MS);
    const broken = () => world.truth.broken !== null;
    const quiet = () => this.#isOver() && world.nowMs >= START_MS + BUSY_MS;
    await scheduler.run(START_MS + 4 * BUSY_MS, () => broken() || quiet());
    for (const process of world.processes) process.alive = false;
    if (!broken()) await this.#settle();
    if (!broken()) this.#judgeCovers();
    if (!broken() && plan.restores) await this.#restoreAll();
  }

  #begin(): void {
    const { world } = this;
    const { percent, stopped, guardian } = world.plan;
    const id = world.ulid(START_MS - DAY_MS / 2);
    const at = new Date(START_MS - DAY_MS / 2).toISOString();
    const by = "eve";
    const config = {
      canary_percent: stopped ? 0 : percent,
      canary_tag: "B2a",
      emergency_proxy: stopped,
      last_updated: at,
      revision: id,
      updated_by: by,
    };
    const stop = stopped ? { active: true, id, at, by } : { active: false };
    this.api.write(null, CONFIG_KEY, JSON.stringify(config));
    this.api.write(null, STOP_KEY, JSON.stringify(stop));
    if (stopped) this.api.write(null, ...entryOfStop(id, at, by));
    if (guardian === null) return;
    const raw = rawState((key) => world.kv.get(key));
    this.api.write(null, "guardian", knownToGuardian(guardian.mode, raw));
  }

  #live({ at, bornMs, diesMs, visitsMs }: Plan["isolates"][number]): void {
    const { scheduler } = this.world;
    scheduler.at(START_MS + bornMs, () => {
      const isolate = this.#newIsolate(this.world.place(at));
      for (const ms of visitsMs) scheduler.at(START_MS + ms, () => isolate.visit());
      if (diesMs < BUSY_MS) scheduler.at(START_MS + diesMs, () => isolate.die());
    });
  }

  #newIsolate(place: Place): Isolate {
    const all = this.#isolates.get(place.name) ?? [];
    const isolate = new Isolate(this.world, place, `${place.name} ${all.length + 1}`);
    this.#isolates.set(place.name, [...all, isolate]);
    return isolate;
  }

  #living(place: Place): Isolate[] {
    return (this.#isolates.get(place.name) ?? []).filter(({ alive }) => alive);
  }

  isolateAt(place: Place, process: Process): Isolate {
    const all = this.#living(place);
    return all[process.dice.int(all.length)] ?? this.#newIsolate(place);
  }

  toldLive(id: string, place: Place): void {
    const { truth, nowMs, scheduler } = this.world;
    truth.toldLive(id, place.name);
    const dueMs = nowMs + this.world.boundMs(place.name) + 1;
    scheduler.at(dueMs, () => this.#visitAll(place));
  }

  tellBeacon(process: Process, text: string): void {
    const { beacon, places, scheduler } = this.world;
    for (const place of beacon === null ? [] : places.filter(({ hasQa }) => hasQa)) {
      const carrier = beacon?.carrierAt(
        place.name,
        (ms, then) => scheduler.after(ms, then),
        process.dice,
      );
      scheduler.after(process.dice.between(5, 120), () => {
        carrier?.tell(text).catch(() => undefined);
      });
    }
  }

  #visitAll(place: Place): void {
    for (const isolate of this.#living(place)) isolate.visit();
  }

  #start(operation: Operation): Process {
    const { world } = this;
    const { scheduler } = world;
    const dice = world.dice(`${operation.who} ${operation.verb}`);
    const process = new Process(operation, dice, scheduler);
    world.processes.push(process);
    const atMs = Math.max(scheduler.nowMs, START_MS + operation.atMs);
    scheduler.at(atMs, () => {
      world.tell?.(process.name, `types ${operation.verb}`);
      operate(this, process).then(
        (outcome) => this.#ended(process, outcome),
        (error: unknown) => this.#crashed(process, error),
      );
    });
    const { interruptMs, killMs } = operation;
    if (interruptMs !== null) {
      process.at(atMs + interruptMs, () => {
        if (process.outcome !== null) return;
        world.tell?.(process.name, "types Ctrl-C");
        process.interrupt.abort("SIGINT");
      });
    }
    if (killMs !== null) {
      process.at(atMs + killMs, () => {
        if (process.outcome === null) world.tell?.(process.name, "is killed (-9)");
        process.alive = false;
      });
    }
    return process;
  }

  #crashed(process: Process, error: unknown): void {
    if (!process.alive || process.interrupt.signal.aborted) {
      process.alive = false;
      return;
    }
    this.world.truth.fail("crash", `${process.name}: ${String(error)}`);
  }

  #ended(process: Process, outcome: Process["outcome"]): void {
    if (!process.alive || outcome === null) return;
    const { world } = this;
    process.outcome = outcome;
    process.endedMs = world.nowMs;
    world.tell?.(process.name, `ends with ${exitCodeOf(outcome)}: ${wordsOf(outcome)}`);
    if (outcome.kind !== "done" || !process.operation.verify) return;
    world.truth.asked.live += 1;
    if (process.operation.verb === "not-aus") this.#judgeStop(process);
  }

  /** Exit 0: every location has it, those without a `/qa` as soon as its copies are that old. */
  #judgeStop(process: Process): void {
    const { world } = this;
    const { truth, nowMs, scheduler } = world;
    for (const place of world.places) {
      const { name, hasQa, lagMs } = place;
      if (hasQa && !truth.stoppedMs.has(name))
        truth.fail("live", `${process.name} was told done, and ${name} has shown no emergency yet`);
      const fromMs = hasQa ? nowMs : nowMs + lagMs;
      if (!hasQa) truth.aged(process.stopId ?? "", name, fromMs);
      scheduler.at(fromMs + world.boundMs(name) + 1, () => this.#visitAll(place));
    }
  }

  #isOver(): boolean {
    return this.world.processes.every(({ alive, outcome }) => !alive || outcome !== null);
  }

  /** All copies have aged, and every isolate, new ones as well, is asked twice. */
  async #settle(): Promise<void> {
    const { world } = this;
    const lagMs = Math.max(...world.places.map((place) => place.lagMs));
    const broken = () => world.truth.broken !== null;
    world.tell?.("", "all is quiet");
    for (const place of world.places) this.#newIsolate(place);
    const fromMs = Math.max(world.nowMs, START_MS + BUSY_MS) + lagMs;
    for (const waitMs of [OBEY_MS + 1_000, 2 * OBEY_MS + 2_000]) {
      world.scheduler.at(fromMs + waitMs, () => {
        for (const place of world.places) this.#visitAll(place);
      });
    }
    await world.scheduler.run(fromMs + 3 * OBEY_MS, broken);
  }

  /** What was covered by who did not know it is in force, or its author knows; so does who has covered it. */
  #judgeCovers(): void {
    const { truth, kv } = this.world;
    const raw = rawState((key) => kv.get(key));
    const state = parseState(raw);
    const share = state.config.kind === "valid" ? state.config.value.canary_percent : 0;
    const percent = isEmergency(state) ? 0 : share;
    for (const { loser, lost, by, atMs } of truth.covers) {
      truth.asked.covered += 1;
      if (loser.outcome?.kind !== "done" || hasLeft(by, atMs)) continue;
      if (lost.asks ? isEmergency(state) : percent <= lost.percent) continue;
      if (this.#isSuperseded(by, atMs)) continue;
      const whose = `${lost.key} ${lost.id} of ${loser.name}, who was told done`;
      truth.fail("covered", `${whose}, was covered by ${by?.name ?? "the Worker"}`);
    }
  }

  /** Somebody else has decided since. */
  #isSuperseded(by: Process | null, atMs: number): boolean {
    const last = this.world.truth.stored.get(CONFIG_KEY)?.by ?? null;
    const saidMs = last?.saidYesToMs ?? (last === null ? null : START_MS + last.operation.atMs);
    return last !== by && saidMs !== null && saidMs > atMs;
  }

  /** With all well again, one restore ends it everywhere: no carrier is left behind. */
  async #restoreAll(): Promise<void> {
    const { world } = this;
    const isStored = isEmergency(parseState(rawState((key) => world.kv.get(key))));
    if (!isStored && !this.#anyStopped()) return;
    this.#payDebts();
    const broken = () => world.truth.broken !== null;
    let isDone = false;
    // One that finds what it had not seen puts it back, and the next one names it.
    for (let n = 1; n <= RESTORES && !isDone && !broken(); n += 1) {
      const atMs = world.nowMs - START_MS + 121_000;
      const process = this.#start({ ...TRUSTED, who: `zoe ${n}`, verb: "restore", atMs });
      const limitMs = START_MS + atMs + 240_000;
      await world.scheduler.run(limitMs, () => broken() || process.outcome !== null);
      isDone = process.outcome?.kind === "done";
    }
    if (broken()) return;
    if (!isDone) return world.truth.fail("stuck", "with all well again no restore ends with 0");
    await this.#settle();
    if (!broken() && this.#anyStopped())
      world.truth.fail("stuck", "an emergency is on somewhere after a restore that ended with 0");
  }

  /** What a process has left on its disk when it was killed, the next command there tells. */
  #payDebts(): void {
    for (const { debts } of this.world.processes) {
      for (const entry of debts.values())
        this.api.write(null, journalKey(entry), JSON.stringify(entry));
    }
  }

  #anyStopped(): boolean {
    const { places, truth } = this.world;
    return places.some((place) =>
      this.#living(place).some(({ held }) => held.some((name) => !truth.isLeftOver(name))),
    );
  }
}

function entryOfStop(id: string, at: string, actor: string): [key: string, text: string] {
  const entry: JournalEntry = {
    ...{ schema: 1, id, at, actor, command: "not-aus", host: "here", tool: "world" },
    ...{ reason: null, incident: null, namespace: null, before: null, notes: [], revision: id },
    after: { percent: 0, emergency: true, revision: id },
    verification: { outcome: "live", locations: [], elapsed_ms: 0 },
  };
  return [journalKey(entry), JSON.stringify(entry)];
}

/** Killed, or ended while its write was on its way: it can tell nobody. */
function hasLeft(by: Process | null, atMs: number): boolean {
  if (by === null) return false;
  return by.outcome === null || (by.endedMs !== null && by.endedMs < atMs);
}

function wordsOf(outcome: NonNullable<Process["outcome"]>): string {
  switch (outcome.kind) {
    case "done":
      return outcome.changed ? "done" : "done, nothing changed";
    case "pending":
      return `pending: ${outcome.waitingFor}`;
    case "failed":
      return `${outcome.code}: ${outcome.message}; ${outcome.truth}`;
    case "interrupted":
      return `interrupted; ${outcome.truth}`;
    case "unhealthy":
      return `unhealthy: ${outcome.reason}`;
    default:
      return outcome.kind;
  }
}
