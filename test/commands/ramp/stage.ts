/**
 * A world for ramps on a virtual clock: KV, `/qa`, metrics, journal and this machine's disk in memory, as
 * faithful as the run can tell. Every call is one event, and the process can be killed at any of them.
 */

import type { CommonInput, Outcome } from "../../../src/commands/command.ts";
import { carryOut } from "../../../src/commands/ramp/loop.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import type { QaDocument } from "../../../src/domain/proof/qa-document.ts";
import type { RampDocument } from "../../../src/domain/ramp/document.ts";
import { parseRamp } from "../../../src/domain/ramp/document.ts";
import type { CanaryConfig, StopDocument } from "../../../src/domain/state/documents.ts";
import { serialiseConfig } from "../../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { journalKey } from "../../../src/domain/state/journal.ts";
import { isEmergency, parseState } from "../../../src/domain/state/state.ts";
import type { Clock } from "../../../src/ports/machine.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE, START_MS } from "../../domain/ramp/world.ts";
import { modelPorts } from "../../support/fake-ports.ts";

export const INPUT: CommonInput = {
  reason: "test",
  incident: undefined,
  force: false,
  verify: true,
  timeoutMs: 2 ** 31 - 1,
};

/** When the process is killed: before the event with this number has an effect, or right after it. */
export interface Kill {
  event: number;
  after: boolean;
}

const NO_ANSWER = {
  status: null,
  colo: null,
  decision: null,
  qa: null,
  problem: "timeout",
} as const;

export class RampStage {
  nowMs = START_MS;
  /** Added to the wall clock alone: somebody set it. */
  clockError = 0;
  config: string = serialiseConfig(BASE);
  stop: string | null = null;
  file: string | null = null;
  readonly documents = new Map<string, string>();
  readonly journal = new Map<string, JournalEntry>();
  readonly writes: { percent: number; atMs: number; revision: string }[] = [];
  events = 0;
  kill: Kill | null = null;
  died = false;
  /** The broken twin: a clock that is set moves the time since boot, too. */
  uptimeIsSet = false;
  /** Called at each sleep, before time passes. */
  onSleep: (ms: number) => void = () => undefined;
  nativeErrors = 0;
  /** What the location holds and shows beside what is stored. */
  held: QaDocument["emergencies"] = [];
  /** Whether its `/qa` can be reached. */
  answers = true;
  readonly #ended = Promise.withResolvers<"killed">();

  /** Runs until it ends or is killed; null when it was killed. */
  async run(ramp: RampDocument): Promise<Outcome<unknown> | null> {
    this.died = false;
    const ended = this.#ended;
    const result = await Promise.race([carryOut(ramp, INPUT, this.ports()), ended.promise]);
    return result === "killed" ? null : result;
  }

  /** As `ramp resume` on this machine does: what the file says, and nothing else. */
  kept(): RampDocument | null {
    return parseRamp(this.file);
  }

  /** What the process does from its death on has no effect, and it never hears of anything again. */
  async #event<T>(effect: () => T): Promise<T> {
    if (this.died) return new Promise<T>(() => undefined);
    const number = this.events;
    this.events += 1;
    const here = this.kill?.event === number ? this.kill : null;
    if (here !== null && !here.after) return this.#die();
    const value = effect();
    return here === null ? value : this.#die();
  }

  #die<T>(): Promise<T> {
    this.died = true;
    this.#ended.resolve("killed");
    return new Promise<T>(() => undefined);
  }

  ports(): Ports {
    const base = modelPorts({
      read: () => this.#event(() => ({ config: this.config, stop: this.stop })),
      writeConfig: (config) => this.#event(() => this.#store(config)),
      writeStop: (stop) => this.#event(() => this.#pull(stop)),
    });
    return {
      ...base,
      target: { ...base.target, dataset: "canary" },
      clock: this.#clock(base.clock),
      qa: { urls: ["http://127.0.0.1/qa"], look: (url) => this.#event(() => this.#look(url)) },
      metrics: {
        ask: async (question) =>
          this.#event(() => this.#answer(question("canary").name) as never[]),
      },
      journal: {
        appendHere: async () => [],
        openIncident: async () => null,
        append: (entry) => this.#event(() => this.#tell(entry)),
        recent: async () => ({ entries: [...this.journal.values()], warnings: [] }),
      },
      documents: {
        get: (key) => this.#event(() => this.documents.get(key) ?? null),
        put: (key, text) => this.#event(() => void this.documents.set(key, text)),
      },
      rampFile: { ...base.rampFile, write: (text) => this.#event(() => this.#keep(text)) },
    };
  }

  #clock(clock: Clock): Clock {
    return {
      ...clock,
      now: () => this.nowMs + this.clockError,
      monotonic: () => this.nowMs,
      uptime: () => this.nowMs - START_MS + (this.uptimeIsSet ? this.clockError : 0),
      sleep: async (ms) => {
        if (this.died) return new Promise(() => undefined);
        this.onSleep(ms);
        this.nowMs += Math.max(1, Math.ceil(ms));
      },
    };
  }

  #store(config: CanaryConfig): void {
    this.config = serialiseConfig(config);
    const { canary_percent: percent, revision = "" } = config;
    this.writes.push({ percent, atMs: this.nowMs, revision });
  }

  #keep(text: string): void {
    this.file = text;
  }

  #pull(stop: StopDocument): void {
    this.stop = JSON.stringify(stop);
  }

  #tell(entry: JournalEntry): string[] {
    this.journal.set(journalKey(entry), entry);
    return [];
  }

  /** KV without lag: what is stored is live. */
  #look(url: string): Sighting {
    if (!this.answers) return { ...NO_ANSWER, url, atMs: this.nowMs };
    const state = parseState({ config: this.config, stop: this.stop });
    const { stop } = state;
    const config = state.config.kind === "valid" ? state.config.value : null;
    const emergency = isEmergency(state);
    const qa = {
      canary: {
        emergency_proxy: emergency,
        source: "kv",
        revision: config?.revision ?? null,
        percent: config?.canary_percent ?? null,
      },
      emergencies: this.held,
      stop: { active: emergency, id: stop.kind === "valid" ? (stop.value.id ?? null) : null },
      health: { native: { status: "healthy" }, proxy: { status: "healthy" } },
    } as unknown as NonNullable<Sighting["qa"]>;
    const decision = emergency
      ? ({ tag: "B2a", cohort: "proxy", reason: "emergency" } as const)
      : null;
    return { url, atMs: this.nowMs, status: 200, colo: "FRA", decision, qa, problem: null };
  }

  #answer(name: string): unknown[] {
    if (name === "request series") {
      return [
        {
          ...{ cohort: "native", phase: "b1a", p50: 1, p90: 2, p99: 3 },
          ...{ requests: 10_000, observations: 10_000, errors: 0 },
        },
      ];
    }
    if (name !== "health by minute") return [];
    // The metrics have a clock of their own.
    const newest = Math.floor(this.nowMs / 60_000) * 60;
    return Array.from({ length: 16 }, (_, i) => newest - i * 60).flatMap((bucket) =>
      (["native", "proxy"] as const).map((cohort) => {
        const errors = cohort === "native" ? this.nativeErrors : 0;
        const counts = { requests: 200, observations: 200, errors, errorObservations: errors };
        return { bucket, cohort, ...counts, p50: 50, p90: 100, p99: 200 };
      }),
    );
  }
}
