/** The people, processes and isolates of one history, and what happens to them. */
import { exitCodeOf } from "../../src/cli/exit.ts";
import { CONFIG_KEY, STOP_KEY } from "../../src/domain/state/documents.ts";
import { type JournalEntry, journalKey, type Snapshot } from "../../src/domain/state/journal.ts";
import { rawState } from "../../src/domain/state/state.ts";
import { Api } from "./api.ts";
import { knownToGuardian } from "./guardian.ts";
import { Isolate } from "./isolate.ts";
import { type Cast, operate } from "./operators.ts";
import type { Operation, Plan } from "./plan.ts";
import { BUSY_MS, START_MS } from "./plan.ts";
import { Process } from "./process.ts";
import type { Twin } from "./twins.ts";
import type { Place, Tell } from "./world.ts";
import { World } from "./world.ts";

const DAY_MS = 86_400_000;

export class History implements Cast {
  readonly world: World;
  readonly api: Api;
  readonly #isolates = new Map<string, Isolate[]>();

  constructor(plan: Plan, twin: Twin, tell: Tell | null) {
    this.world = new World(plan, twin, tell);
    this.api = new Api(this.world);
  }

  begin(): void {
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

  live({ at, bornMs, diesMs, visitsMs }: Plan["isolates"][number]): void {
    const { scheduler } = this.world;
    scheduler.at(START_MS + bornMs, () => {
      const isolate = this.newIsolate(this.world.place(at));
      for (const ms of visitsMs) scheduler.at(START_MS + ms, () => isolate.visit());
      if (diesMs < BUSY_MS) scheduler.at(START_MS + diesMs, () => isolate.die());
    });
  }

  newIsolate(place: Place): Isolate {
    const all = this.#isolates.get(place.name) ?? [];
    const isolate = new Isolate(this.world, place, `${place.name} ${all.length + 1}`);
    this.#isolates.set(place.name, [...all, isolate]);
    return isolate;
  }

  living(place: Place): Isolate[] {
    return (this.#isolates.get(place.name) ?? []).filter(({ alive }) => alive);
  }

  isolateAt(place: Place, process: Process): Isolate {
    const all = this.living(place);
    return all[process.dice.int(all.length)] ?? this.newIsolate(place);
  }

  toldLive(id: string, place: Place): void {
    const { truth, nowMs, scheduler } = this.world;
    truth.toldLive(id, place.name, nowMs);
    const dueMs = nowMs + this.world.boundMs(place.name) + 1;
    scheduler.at(dueMs, () => this.visitAll(place));
  }

  visitAll(place: Place): void {
    for (const isolate of this.living(place)) isolate.visit();
  }

  start(operation: Operation): Process {
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
    else if (isChange(outcome.data)) this.#judgeShare(process, outcome.data.after);
  }

  /** Exit 0: every location has it, those without a `/qa` as soon as its copies are that old. */
  #judgeStop(process: Process): void {
    const { world } = this;
    const { truth, nowMs, scheduler } = world;
    for (const place of world.places) {
      const { name, hasQa, lagMs } = place;
      if (hasQa) this.#expectSince(process, truth.stoppedMs.get(name), `emergency at ${name}`);
      else truth.aged(process.stopId ?? "", name, nowMs + lagMs);
      const fromMs = hasQa ? nowMs : nowMs + lagMs;
      scheduler.at(fromMs + world.boundMs(name) + 1, () => this.visitAll(place));
    }
  }

  /** Exit 0: every `/qa` has shown it, and after a restore no emergency. */
  #judgeShare(process: Process, { revision, emergency }: Snapshot): void {
    const { places, truth } = this.world;
    for (const { name } of places.filter(({ hasQa }) => hasQa)) {
      const shownMs = truth.shownMs.get(`${name} ${revision}`);
      this.#expectSince(process, shownMs, `revision at ${name}`);
      if (process.operation.verb === "restore" && emergency === false)
        this.#expectSince(process, truth.openMs.get(name), `end of the emergency at ${name}`);
    }
  }

  /** Since it was typed. */
  #expectSince({ name, operation }: Process, ms: number | undefined, what: string): void {
    if (ms !== undefined && ms >= START_MS + operation.atMs) return;
    this.world.truth.fail("live", `${name} was told done, and nobody has seen the ${what}`);
  }

  isOver(): boolean {
    return this.world.processes.every(({ alive, outcome }) => !alive || outcome !== null);
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

/** What a verb says that changes the share. */
function isChange(data: unknown): data is { after: Snapshot } {
  return data instanceof Object && "after" in data && "before" in data;
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
