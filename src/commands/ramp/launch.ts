/** Starts a ramp that was planned and confirmed: here, or by handing it to the Worker. */

import { anySignal } from "../../domain/lib/abort.ts";
import { written } from "../../domain/ramp/advance.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { MAX_KNOWN_ENTRIES, newRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { LocalError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome } from "../command.ts";
import { invocation } from "../lib/format.ts";
import { armGuardian } from "../lib/rearm-guardian.ts";
import { signatureOf } from "../lib/record-change.ts";
import { readBase, unreachable } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import { restore } from "../restore/restore.ts";
import { carryOut } from "./loop.ts";
import type { RampData } from "./run-state.ts";
import type { StartInput, StartSteps } from "./start-input.ts";

const RESTORE_BUDGET_MS = 180_000;
const HAND_OVER_LIMIT_MS = 20_000;
const KNOWN_LIMIT_MS = 10_000;

export async function begin(
  steps: StartSteps,
  input: StartInput,
  ports: Ports,
): Promise<Outcome<RampData>> {
  if (!input.detach) {
    const lock = await lockHere(ports);
    if (lock !== null) return lock;
  }
  try {
    const known = await knownEntries(ports);
    const first = await firstDocument(steps, input, ports);
    if ("kind" in first) return first;
    const ramp = { ...first, known_entries: known };
    const refused = await armGuardian(ports, ramp.id, steps.guardian);
    // Each step would be refused like this: it would be tried until the time limit.
    if (refused?.kind === "forbidden" || refused?.kind === "auth")
      return unreachable(refused, ports);
    return input.detach ? await handOver(ramp, ports) : await carryOut(ramp, input, ports);
  } catch (error) {
    if (error instanceof LocalError) return diskRefused(error, ports);
    throw error;
  } finally {
    if (!input.detach) await ports.rampFile.unlock();
  }
}

/** None when the journal cannot be read: then the ramp goes by times. */
async function knownEntries(ports: Ports): Promise<string[]> {
  const signal = anySignal([ports.clock.timeout(KNOWN_LIMIT_MS), ports.interrupt]);
  const { entries } = await ports.journal.recent(MAX_KNOWN_ENTRIES, { signal });
  return entries.map(({ id }) => id);
}

export async function lockHere(ports: Ports): Promise<Outcome<RampData> | null> {
  try {
    if ((await ports.rampFile.lock()) === "ours") return null;
  } catch (error) {
    if (error instanceof LocalError) return diskRefused(error, ports);
    throw error;
  }
  return {
    kind: "failed",
    code: "conflict",
    message: "another process on this machine is running a ramp",
    truth: "nothing was written",
    next: invocation(ports.target, "ramp status"),
  };
}

export function diskRefused(error: LocalError, ports: Ports): Outcome<RampData> {
  return {
    kind: "failed",
    code: "upstream",
    message: `cannot save the ramp's state on this machine: ${error.message}`,
    truth: "ramp stopped: its state file cannot be written; the last share written stays in force",
    next: invocation(ports.target, "status"),
  };
}

async function firstDocument(
  steps: StartSteps,
  input: StartInput,
  ports: Ports,
): Promise<RampDocument | Outcome<RampData>> {
  if (steps.restore === null) {
    const { config } = steps.base.state;
    if (config.kind !== "valid") throw new Error("planned without a config");
    return newOne(steps, input, ports, { base: config.value, releasedStop: null, revision: null });
  }
  const outcome = await release(steps, input, ports);
  if (outcome.kind !== "done") return { ...outcome, data: null } as unknown as Outcome<RampData>;
  const now = await readBase(ports);
  if (!("state" in now)) return { ...unreachable(now, ports), truth: "the stop is released" };
  const { config } = now.state;
  const revision = "after" in outcome.data ? outcome.data.after.revision : null;
  if (config.kind !== "valid" || config.value.revision !== revision)
    return overtaken(now.state, ports);
  const stopId = stopIdOf(steps.base.state);
  const base = { ...config.value, canary_percent: 0, revision: `${revision}-before` };
  const ramp = await newOne(steps, input, ports, { base, releasedStop: stopId, revision });
  const nowMs = ports.clock.now();
  const stood = written(ramp, 0, config.value.last_updated, nowMs);
  // What restore wrote has no lease yet: the first thing to do is to renew it.
  return ramp.lease_s === null ? stood : { ...stood, lease_until: new Date(nowMs).toISOString() };
}

function release(steps: StartSteps, input: StartInput, ports: Ports) {
  if (steps.restore === null) throw new Error("no restore was planned");
  const reason = input.reason ?? "ramp from a stop";
  const timeoutMs = Math.min(input.timeoutMs, RESTORE_BUDGET_MS);
  const given = { ...input, reason, timeoutMs, to: steps.plan[0]?.percent };
  return restore.apply(steps.restore, given, ports);
}

function overtaken({ config }: ParsedState, ports: Ports): Outcome<RampData> {
  const by = config.kind === "valid" ? (config.value.updated_by ?? UNKNOWN_AUTHOR) : UNKNOWN_AUTHOR;
  return {
    kind: "failed",
    code: "conflict",
    message: `config was changed right after the stop was released, by ${by}`,
    truth: "their change is in force; no ramp was started",
    next: invocation(ports.target, "status"),
  };
}

function stopIdOf({ stop, config }: ParsedState): string | null {
  if (stop.kind === "valid" && stop.value.active) return stop.value.id ?? null;
  return config.kind === "valid" ? (config.value.revision ?? null) : null;
}

async function newOne(
  steps: StartSteps,
  input: StartInput,
  ports: Ports,
  from: { base: CanaryConfig; releasedStop: string | null; revision: string | null },
): Promise<RampDocument> {
  const { clock, rng, identity, target } = ports;
  const { incident } = await signatureOf(ports, input);
  const nowMs = clock.now();
  const id = rng.ulid(nowMs, from.base.revision);
  const revisions: string[] = [];
  for (const [index] of steps.plan.entries()) {
    const fixed = index === 0 ? from.revision : null;
    revisions.push(fixed ?? rng.ulid(nowMs, revisions.at(-1) ?? id));
  }
  return newRamp({
    id,
    mode: input.detach ? "detached" : "attached",
    by: identity.actor,
    host: identity.host,
    tool: identity.tool,
    reason: input.reason ?? null,
    incident,
    nowMs,
    steps: steps.plan,
    revisions,
    gates: !input.force,
    minNativeRequests: input.minRequests ?? target.rampMinNativeRequests,
    leaseS: input.lease ?? null,
    base: from.base,
    releasedStop: from.releasedStop,
    measuredFromMs: from.revision === null ? null : nowMs,
  });
}

async function handOver(ramp: RampDocument, ports: Ports): Promise<Outcome<RampData>> {
  const signal = anySignal([ports.clock.timeout(HAND_OVER_LIMIT_MS), ports.interrupt]);
  const next = invocation(ports.target, "ramp status");
  const data: RampData = { ramp, at_ms: ports.clock.now() };
  try {
    await ports.documents.put(RAMP_KEY, JSON.stringify(ramp), { signal });
  } catch (thrown) {
    const failure = unreachable(asUpstream(thrown), ports);
    return {
      ...failure,
      truth: "the Worker may not have the ramp; check with ramp status",
      next,
      data,
    };
  }
  const headline = "handed over to the Worker; its cron starts the ramp within a few minutes";
  return { kind: "done", changed: true, data, headline, next };
}
