/** What the visitors saw, counted. */
import type { Cohort } from "../../domain/decision/decide.ts";
import type { SeenDecision } from "../../domain/decision/headers.ts";

/** How a flow was kept or lost when it did not stay with one backend. */
export interface Split {
  ok: number;
  broken: number;
}

export interface TrafficReport {
  running: boolean;
  startedAt: string | null;
  visitors: number;
  /** Requests by cohort (`none`: no decision header) and status (0: no answer). */
  requests: {
    total: number;
    byCohort: Record<string, Record<string, number>>;
    /** Of native's: failed there and answered by proxy, by the status the visitor saw. */
    fellBack: Record<string, number>;
  };
  reasons: Record<string, number>;
  flows: {
    started: number;
    completed: number;
    /** Left after the intent, on purpose. */
    abandoned: number;
    /** Intents made and uploads finalized, by who really did it. */
    done: { intents: Record<Cohort, number>; finalizes: Record<Cohort, number> };
    /** Broken by the session: unknown intent or missing upload, though the cohort stayed. */
    drifts: number;
    /** The cohort changed between intent and finalize, e.g. by a stop. */
    moved: Split;
    /** Native failed on the way and the Worker passed a step to proxy. */
    fellBack: Split;
    /** Broken for another reason, by step and status. */
    failed: Record<string, number>;
  };
  /** Actions left out because every visitor was busy. */
  skipped: number;
  latencyMs: { p50: number | null; p90: number | null };
}

export interface Answer {
  decision: SeenDecision | null;
  /** The Worker says that native failed and proxy answered. */
  fellBack: boolean;
  /** 0: no answer. */
  status: number;
  elapsedMs: number;
}

/** A flow's steps so far; broken at the last one unless `ok`. */
export interface FlowTrace {
  ok: boolean;
  abandoned: boolean;
  steps: { name: string; answer: Answer }[];
}

/** A step did not find, or does not accept, what an earlier one had made. */
const SESSION_LOST: readonly number[] = [403, 404, 409];
const KEPT_LATENCIES = 5_000;

export class Tally {
  readonly #byCohort: Record<string, Record<string, number>> = {};
  readonly #reasons: Record<string, number> = {};
  readonly #failed: Record<string, number> = {};
  readonly #latenciesMs: number[] = [];
  readonly #requestsFellBack: Record<string, number> = {};
  readonly #done = {
    intents: { native: 0, proxy: 0 },
    finalizes: { native: 0, proxy: 0 },
  };
  #total = 0;
  #started = 0;
  #completed = 0;
  #abandoned = 0;
  #drifts = 0;
  readonly #moved: Split = { ok: 0, broken: 0 };
  readonly #fellBack: Split = { ok: 0, broken: 0 };
  skipped = 0;
  visitors = 0;

  request(answer: Answer): void {
    const cohort = answer.decision?.cohort ?? "none";
    this.#byCohort[cohort] ??= {};
    increment(this.#byCohort[cohort], String(answer.status));
    if (answer.fellBack) increment(this.#requestsFellBack, String(answer.status));
    increment(this.#reasons, answer.decision?.reason ?? "none");
    this.#latenciesMs[this.#total % KEPT_LATENCIES] = answer.elapsedMs;
    this.#total += 1;
  }

  flowStarted(): void {
    this.#started += 1;
  }

  flowEnded(trace: FlowTrace): void {
    for (const { name, answer } of trace.steps) this.#stepDone(name, answer);
    if (trace.abandoned) {
      this.#abandoned += 1;
      return;
    }
    if (trace.ok) this.#completed += 1;
    const side: keyof Split = trace.ok ? "ok" : "broken";
    const last = trace.steps.at(-1);
    if (cohortsOf(trace).size > 1) this.#moved[side] += 1;
    else if (trace.steps.some(({ answer }) => answer.fellBack)) this.#fellBack[side] += 1;
    else if (!trace.ok && last !== undefined) this.#broken(last.name, last.answer.status);
  }

  report(running: boolean, startedAtMs: number | null): TrafficReport {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    return {
      running,
      startedAt: startedAtMs === null ? null : new Date(startedAtMs).toISOString(),
      visitors: this.visitors,
      requests: {
        total: this.#total,
        byCohort: structuredClone(this.#byCohort),
        fellBack: { ...this.#requestsFellBack },
      },
      reasons: { ...this.#reasons },
      flows: {
        started: this.#started,
        completed: this.#completed,
        abandoned: this.#abandoned,
        done: structuredClone(this.#done),
        drifts: this.#drifts,
        moved: { ...this.#moved },
        fellBack: { ...this.#fellBack },
        failed: { ...this.#failed },
      },
      skipped: this.skipped,
      latencyMs: { p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9) },
    };
  }

  #stepDone(step: string, { status, decision, fellBack }: Answer): void {
    if (status !== 201 || decision === null) return;
    const by = fellBack ? "proxy" : decision.cohort;
    if (step === "intent") this.#done.intents[by] += 1;
    if (step === "finalize") this.#done.finalizes[by] += 1;
  }

  #broken(step: string, status: number): void {
    if (step !== "intent" && SESSION_LOST.includes(status)) this.#drifts += 1;
    else increment(this.#failed, `${step} ${status}`);
  }
}

function cohortsOf(trace: FlowTrace): Set<Cohort> {
  const seen = trace.steps.map(({ answer }) => answer.decision?.cohort);
  return new Set(seen.filter((cohort) => cohort !== undefined));
}

function increment(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function quantile(sorted: readonly number[], q: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? null;
}
