/** Visitors that use the API at a rate, or a number of upload flows: bounded and stoppable. */

import { Agent } from "undici";
import { anySignal } from "../../domain/lib/abort.ts";
import type { FlowsPlan, TrafficPlan } from "../control/schema.ts";
import { manyWaiters, pause } from "../pause.ts";
import type { Random } from "../random.ts";
import type { Sessions } from "../sessions.ts";
import { Tally, type TrafficReport } from "./report.ts";
import { Visitor } from "./visitor.ts";

const CONNECTIONS_PER_LOCATION = 64;
/** Then a visitor gives up. */
const REQUEST_LIMIT_MS = 15_000;
/** A pace that has fallen behind catches up without starving everything else. */
const MIN_PAUSE_MS = 1;

interface TrafficOptions {
  urls: readonly string[];
  random: Random;
  sessions: Sessions;
  patience: number;
}

interface Run {
  plan: TrafficPlan;
  tally: Tally;
  startedAtMs: number;
  stop: AbortController;
  /** What visitors are doing; each request in it has a time limit. */
  busy: Set<Promise<void>>;
  ended: Promise<void>;
}

export class Traffic {
  readonly #urls: readonly string[];
  readonly #random: Random;
  readonly #sessions: Sessions;
  readonly #requestLimitMs: number;
  /** Each request has a connection of its own: one that the runtime closes just then gets no answer. */
  readonly #agent = new Agent({ connections: CONNECTIONS_PER_LOCATION, pipelining: 0 });
  readonly #closing = new AbortController();
  #run: Run | null = null;
  #last: TrafficReport = new Tally().report(false, null);

  /** `urls` are the locations'; a visitor waits `patience` times as long. */
  constructor({ urls, random, sessions, patience }: TrafficOptions) {
    this.#urls = urls;
    this.#sessions = sessions;
    this.#random = random;
    this.#requestLimitMs = REQUEST_LIMIT_MS * patience;
  }

  async start(plan: TrafficPlan): Promise<void> {
    await this.stop();
    const run: Run = {
      plan,
      tally: new Tally(),
      startedAtMs: Date.now(),
      stop: new AbortController(),
      busy: new Set(),
      ended: Promise.resolve(),
    };
    run.ended = this.#pace(run);
    this.#run = run;
  }

  /** The last report when nothing runs. */
  async stop(): Promise<TrafficReport> {
    const run = this.#run;
    if (run === null) return this.#last;
    run.stop.abort();
    await run.ended;
    this.#last = run.tally.report(false, run.startedAtMs);
    if (this.#run === run) this.#run = null;
    return this.#last;
  }

  async settled(): Promise<void> {
    await Promise.all(this.#run?.busy ?? []);
  }

  report(): TrafficReport {
    const run = this.#run;
    return run === null ? this.#last : run.tally.report(true, run.startedAtMs);
  }

  /** `signal` ends it after the flows in flight. */
  async runUploadFlows(plan: FlowsPlan, signal?: AbortSignal): Promise<TrafficReport> {
    const tally = new Tally();
    const startedAtMs = Date.now();
    const ended = manyWaiters(anySignal([this.#closing.signal, ...(signal ? [signal] : [])]));
    let left = plan.count;
    const worker = async (): Promise<void> => {
      let visitor = this.#visitor(plan, tally, ended);
      while (left > 0 && !ended.aborted) {
        left -= 1;
        if (visitor.actions >= plan.flowsPerVisitor) visitor = this.#visitor(plan, tally, ended);
        await visitor.uploadFlow();
      }
    };
    await Promise.all(Array.from({ length: Math.min(plan.concurrency, plan.count) }, worker));
    return tally.report(false, startedAtMs);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    // Ends what is under way, however long it would have waited.
    await this.#agent.destroy();
    await this.stop();
  }

  async #pace(run: Run): Promise<void> {
    const { plan, tally, stop, busy } = run;
    const signal = manyWaiters(anySignal([stop.signal, this.#closing.signal]));
    const idle = Array.from({ length: plan.visitors }, () => this.#visitor(plan, tally, signal));
    for (let turn = 1; !signal.aborted; turn += 1) {
      const visitor = idle.shift();
      if (visitor === undefined) tally.skipped += 1;
      else {
        const action = this.#act(visitor, plan).then(() => {
          busy.delete(action);
          const leaves = visitor.actions >= plan.actionsPerVisitor;
          idle.push(leaves ? this.#visitor(plan, tally, signal) : visitor);
        });
        busy.add(action);
      }
      const dueInMs = run.startedAtMs + (turn * 1000) / plan.ratePerS - Date.now();
      await pause(Math.max(dueInMs, MIN_PAUSE_MS), signal);
    }
    await Promise.all(busy);
  }

  async #act(visitor: Visitor, { mix }: TrafficPlan): Promise<void> {
    const drawn = this.#random.between(0, mix.upload + mix.jobs + mix.other);
    if (drawn < mix.upload) await visitor.uploadFlow();
    else if (drawn < mix.upload + mix.jobs) await visitor.lookAtJobs();
    else await visitor.otherRequest();
  }

  #visitor(plan: TrafficPlan | FlowsPlan, tally: Tally, signal: AbortSignal): Visitor {
    tally.visitors += 1;
    return new Visitor({
      urls: this.#urls,
      dispatcher: this.#agent,
      limitMs: this.#requestLimitMs,
      tally,
      random: this.#random,
      session: this.#sessions.logIn(),
      roams: this.#random.next() < plan.roaming,
      keepsCookies: "keepCookies" in plan ? plan.keepCookies : true,
      uploadBytes: plan.uploadBytes,
      abandon: plan.abandon,
      think: () => pause(plan.thinkMs, signal),
    });
  }
}
