/** Does what `advance` orders: writes a step, renews a lease, takes native traffic away. */
import { anySignal } from "../../domain/lib/abort.ts";
import { relieved, renewed, written } from "../../domain/ramp/advance.ts";
import { rampConfig, withoutLease } from "../../domain/ramp/config.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { placeInPlan } from "../../domain/ramp/position.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import type { Base, ConfigWrite } from "../lib/stored-state.ts";
import { writeConfigOnce } from "../lib/stored-state.ts";
import { disable } from "../lower/disable.ts";
import { reduce } from "../lower/reduce.ts";
import { pullTheStop } from "../not-aus/not-aus.ts";

const WRITE_LIMIT_MS = 20_000;
const RELIEF_BUDGET_MS = 20_000;

export interface Done {
  ramp: RampDocument;
  /** What failed and will be tried again; null when it was done. */
  problem: string | null;
  /** Who was faster; the next look should show it. */
  refusedFor?: string;
}

/** Guarded by what was just read; what came of it is seen at the next look. */
export async function writeStep(
  ramp: RampDocument,
  step: number,
  base: Base,
  ports: Ports,
): Promise<Done> {
  const present = base.state.config.kind === "valid" ? base.state.config.value : null;
  const config = rampConfig(ramp, step, present, times(ports));
  const write = await put(config, base, ports);
  if (write.kind === "conflict") return { ramp, problem: problemOf(write), refusedFor: write.by };
  if (write.kind !== "written") return { ramp, problem: problemOf(write) };
  return { ramp: written(ramp, step, config.last_updated, ports.clock.now()), problem: null };
}

export async function renewLease(
  ramp: RampDocument,
  untilMs: number,
  base: Base,
  ports: Ports,
): Promise<Done> {
  const present = base.state.config.kind === "valid" ? base.state.config.value : null;
  const config = rampConfig(ramp, ramp.step, present, times(ports));
  const write = await put(config, base, ports);
  if (write.kind !== "written") return { ramp, problem: problemOf(write) };
  return { ramp: renewed(ramp, untilMs), problem: null };
}

/** Others judge the end of a lease by their own clocks, which agree with the API's. */
function times({ clock, apiClock }: Ports): { nowMs: number; apiMs: number } {
  const nowMs = clock.now();
  return { nowMs, apiMs: apiClock.now() ?? nowMs };
}

/** The ramp's share stays, whether anybody looks or not. Null when no lease of this ramp is stored. */
export async function dropLease(
  ramp: RampDocument,
  base: Base,
  ports: Ports,
): Promise<ConfigWrite | null> {
  const { config } = base.state;
  if (config.kind !== "valid" || config.value.lease === undefined) return null;
  const place = placeInPlan(ramp, base.state).kind;
  if (place !== "here" && place !== "later") return null;
  return put(withoutLease(config.value, ports.clock.now()), base, ports);
}

function put(config: CanaryConfig, base: Base, ports: Ports): Promise<ConfigWrite> {
  const signal = anySignal([ports.clock.timeout(WRITE_LIMIT_MS), ports.interrupt]);
  return writeConfigOnce(ports, base, config, { signal, recheck: true, alsoStop: true });
}

export function problemOf(write: Exclude<ConfigWrite, { kind: "written" }>): string {
  return write.kind === "conflict"
    ? `config was changed meanwhile by ${write.by}`
    : write.error.message;
}

/**
 * A stop is pulled whatever is stored. A reduction is for the share that the gate has judged: once
 * somebody else has changed that, theirs stands.
 */
export async function relieve(
  ramp: RampDocument,
  base: Base,
  input: CommonInput,
  ports: Ports,
): Promise<Done & { outcome: Outcome<unknown> | null }> {
  const { relief } = ramp;
  if (relief === null) return { ramp, problem: "there is nothing to lower", outcome: null };
  const given = reliefInput(input, relief.why);
  const ours = placeInPlan(ramp, base.state).kind === "here";
  if (relief.action !== "not-aus" && !ours) {
    return { ramp: relieved(ramp, ports.clock.now()), problem: null, outcome: null };
  }
  const outcome = await act(relief, given, ports);
  if (outcome.kind === "failed" || outcome.kind === "interrupted") {
    const problem = outcome.kind === "failed" ? outcome.message : "interrupted";
    return { ramp, problem: `${relief.action}: ${problem}`, outcome };
  }
  return { ramp: relieved(ramp, ports.clock.now()), problem: null, outcome };
}

function reliefInput(input: CommonInput, why: string): CommonInput {
  const reason = `ramp gate: ${why}`.slice(0, 400);
  return { ...input, reason, force: false, timeoutMs: RELIEF_BUDGET_MS };
}

async function act(
  { action, to }: NonNullable<RampDocument["relief"]>,
  given: CommonInput,
  ports: Ports,
): Promise<Outcome<unknown>> {
  if (action === "not-aus") return pullTheStop(given, ports);
  if (action === "reduce") {
    const asked = { ...given, to: to?.percent };
    const planned = await reduce.plan(asked, ports);
    if (planned.kind !== "plan") return ended(planned);
    return reduce.apply(planned.steps, asked, ports);
  }
  const planned = await disable.plan(given, ports);
  if (planned.kind !== "plan") return ended(planned);
  return disable.apply(planned.steps, given, ports);
}

function ended(planned: { kind: "ended"; outcome: Outcome<unknown> } | { kind: "answer" }) {
  return planned.kind === "ended"
    ? planned.outcome
    : ({ kind: "done", changed: false, data: null } as const);
}
