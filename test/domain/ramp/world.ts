/** A ramp on a fake clock: stored state, gate and commands are set by the test, orders are carried out. */
import {
  advance,
  type Covered,
  type Gate,
  type Order,
  relieved,
  renewed,
  type Seen,
  written,
} from "../../../src/domain/ramp/advance.ts";
import {
  type NewRamp,
  newRamp,
  parseRamp,
  type RampControl,
  type RampDocument,
} from "../../../src/domain/ramp/document.ts";
import { parsePlan } from "../../../src/domain/ramp/plan.ts";
import type { CanaryConfig, StopDocument } from "../../../src/domain/state/documents.ts";
import { parseState } from "../../../src/domain/state/state.ts";

export const START_MS = Date.parse("2026-03-01T12:00:00Z");
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

export const PASS: Gate = {
  verdict: "pass",
  recommendation: "none",
  why: "all findings pass",
  nativeRequests: 10_000,
};

export const BASE: CanaryConfig = {
  canary_percent: 1,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2026-03-01T11:00:00.000Z",
  revision: "BASE",
  updated_by: "oncall@laptop",
};

export function rampOf(plan: string, given: Partial<NewRamp> = {}): RampDocument {
  const parsed = parsePlan(plan);
  if (parsed.kind === "invalid") throw new Error(parsed.problem);
  return newRamp({
    id: "RAMP",
    mode: "attached",
    by: "oncall@laptop",
    host: "laptop",
    tool: "test",
    reason: "fixed",
    incident: null,
    nowMs: START_MS,
    steps: parsed.steps,
    revisions: parsed.steps.map((_, index) => `STEP${index}`),
    gates: true,
    minNativeRequests: 200,
    leaseS: null,
    base: BASE,
    releasedStop: null,
    measuredFromMs: null,
    ...given,
  });
}

/** What happened, in order; times are the fake clock's. */
export interface Happened {
  atMs: number;
  what: Order["do"] | "stored";
  percent: number | null;
}

export class RampWorld {
  nowMs = START_MS;
  config: CanaryConfig = BASE;
  stop: StopDocument | null = null;
  control: RampControl | null = null;
  gate: Gate | null = PASS;
  covered: Covered | null = null;
  everywhere = true;
  unheard: string | null = null;
  ramp: RampDocument;
  readonly happened: Happened[] = [];
  /** Whether a gate was asked for before the write of each step. */
  readonly gates: (Gate | null)[] = [];

  constructor(ramp: RampDocument) {
    this.ramp = ramp;
  }

  seen(): Seen {
    const stored = {
      config: JSON.stringify(this.config),
      stop: this.stop === null ? null : JSON.stringify(this.stop),
    };
    const live = { everywhere: this.everywhere, missing: this.everywhere ? "" : "IAD" };
    return {
      nowMs: this.nowMs,
      state: parseState(stored),
      control: this.control,
      live,
      covered: this.covered,
      gate: this.gate,
      unheard: this.unheard,
    };
  }

  /** One call, and what it orders. The document goes through its text, as a restart would read it. */
  tick(): Order {
    const { ramp, order } = advance(reread(this.ramp), this.seen());
    this.ramp = ramp;
    this.note(order);
    if (order.do === "write") this.write(order.step);
    if (order.do === "renew") this.ramp = renewed(this.ramp, order.untilMs);
    if (order.do === "relieve") this.ramp = relieved(this.ramp, this.nowMs);
    return order;
  }

  private note(order: Order): void {
    const percent = order.do === "write" ? (this.ramp.plan[order.step]?.percent ?? null) : null;
    this.happened.push({ atMs: this.nowMs, what: order.do, percent });
    if (order.do === "write") this.gates.push(this.gate);
  }

  private write(step: number): void {
    this.put(step);
    this.ramp = written(this.ramp, step, this.config.last_updated, this.nowMs);
  }

  /** The config of a step, as it would be stored. */
  put(step: number): void {
    const planned = this.ramp.plan[step];
    if (planned === undefined) throw new Error(`there is no step ${step}`);
    this.config = {
      ...BASE,
      canary_percent: planned.percent,
      revision: planned.revision,
      last_updated: new Date(this.nowMs).toISOString(),
    };
  }

  /** Until it is over or the clock says so, waiting as ordered but never longer than `pollMs`. */
  run(untilMs: number, pollMs = 30_000): void {
    while (this.nowMs < untilMs) {
      const order = this.tick();
      if (order.do === "end") return;
      if (order.do === "wait") {
        this.nowMs = Math.min(
          untilMs,
          Math.max(this.nowMs + 1, Math.min(order.untilMs, this.nowMs + pollMs)),
        );
      } else this.nowMs += 1;
    }
  }

  writes(): Happened[] {
    return this.happened.filter(({ what }) => what === "write");
  }
}

/** Fails the test when a document does not survive its own text. */
function reread(ramp: RampDocument): RampDocument {
  const back = parseRamp(JSON.stringify(ramp));
  if (back === null) throw new Error(`not a ramp any more: ${JSON.stringify(ramp)}`);
  return back;
}
