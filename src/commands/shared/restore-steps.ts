/** The two guarded steps of a restore. Whatever interrupts them leaves the safer state in force. */
import type { GuardianCap } from "../../domain/cap.ts";
import { liftOf } from "../../domain/cap.ts";
import type { Snapshot } from "../../domain/journal.ts";
import type { Finding } from "../../domain/prerequisites.ts";
import { obstacles } from "../../domain/prerequisites.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state.ts";
import { nextConfig, releaseOf, watermarkOf } from "../../domain/transition.ts";
import type { CallOptions, Ports } from "../../ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import type { GuardianSeen } from "./arm-guardian.ts";
import { armGuardian } from "./arm-guardian.ts";
import type { Base } from "./change-config.ts";
import { refused, writeConfigOnce } from "./change-config.ts";
import type { Names } from "./emergencies.ts";
import { leaveTrace, snapshotOf } from "./leave-trace.ts";
import type { LiveProof } from "./prove-live.ts";
import { isLive, NOT_ASKED, proveLive } from "./prove-live.ts";
import type { Guard } from "./release-stop.ts";
import { releaseStop } from "./release-stop.ts";
import { invocation, liveLine, missingLines, OTHERS_FOLLOW, share } from "./words.ts";

export interface RestoreData {
  before: Snapshot;
  after: Snapshot;
  findings: Finding[];
  /** Where the new configuration was seen live. */
  config: Pick<LiveProof, "live" | "missing"> | null;
  /** Where the release was seen live; null when no stop had to be released. */
  release: Pick<LiveProof, "live" | "missing"> | null;
}

interface Steps {
  base: Base;
  percent: number;
  tag: string;
  findings: Finding[];
  /** RFC 3339: when the state was read. */
  plannedAt: string;
  /** A stop that locations may still hold although none is stored: released before `config` goes up. */
  orphan: Pick<StopDocument, "id" | "at"> | null;
  /** The guardian's, which the new configuration lifts. */
  caps: Pick<GuardianCap, "id" | "at">[];
  /** What the human was shown of it. */
  guardian: GuardianSeen | string;
  /** All that the plan saw: the new config and the release name them. */
  names: Names;
}

interface Run {
  steps: Steps;
  input: CommonInput;
  ports: Ports;
  call: CallOptions;
  startedMs: number;
  revision: string;
  data: RestoreData;
  /** Whether anything was, or may have been, written. */
  wrote: boolean;
}

export async function goBackUp(
  steps: Steps,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<RestoreData>> {
  const startedMs = ports.clock.monotonic();
  const signal = AbortSignal.any([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const call = {
    signal,
    onRetry: (problem: string) => ports.progress.warn(`${problem}; trying again`),
  };
  const before = snapshotOf(steps.base.state);
  const present = steps.base.state.config.kind === "valid" ? steps.base.state.config.value : null;
  const revision = ports.rng.ulid(ports.clock.now(), present?.revision);
  // Until the release is written, the emergency that was on stays on.
  const after = {
    percent: steps.percent,
    emergency: stopInForce(steps.base, steps.plannedAt) !== null,
    revision,
  };
  const data: RestoreData = {
    before,
    after,
    findings: steps.findings,
    config: null,
    release: null,
  };
  const run: Run = { steps, input, ports, call, startedMs, revision, data, wrote: false };
  const outcome = await writeThenRelease(run);
  if (outcome.kind === "done") await armGuardian(ports, revision, steps.guardian);
  if (run.wrote) await trace(run, outcome);
  return outcome;
}

async function writeThenRelease(run: Run): Promise<Outcome<RestoreData>> {
  const { steps, ports, call, data, revision } = run;
  const present = steps.base.state.config.kind === "valid" ? steps.base.state.config.value : null;
  const author = { ...authorOf(run), id: revision };
  const config = liftingCaps(
    nextConfig(present, { percent: steps.percent, emergency: false, tag: steps.tag }, author, [
      ...steps.caps.map(({ id }) => ({ id })),
      ...steps.names.lifts,
    ]),
    run,
  );
  if (steps.orphan !== null) {
    const ended = await release(run, steps.orphan, {
      stopText: steps.base.stopText,
      revision: null,
    });
    if (ended !== null) return ended;
  }
  const write = await writeConfigOnce(ports, steps.base, config, { ...call, recheck: true });
  if (write.kind === "conflict" || write.kind === "failed") return refused(write, data, ports);
  run.wrote = true;
  if (write.kind === "unknown")
    return pending(run, `proof that config was written: ${write.error.message}`);

  const stopped = stopInForce(steps.base, steps.plannedAt);
  const proof = await prove(run, "config", { emergency: stopped !== null, revision });
  data.config = proof;
  if (run.input.verify && !isLive(proof)) {
    const held = stopped === null ? "" : "; the stop is NOT released, everybody is still at proxy";
    return pending(run, `every /qa to show revision ${revision}${held}`);
  }
  if (stopped === null) return done(run);
  const ended = await release(run, stopped, { stopText: steps.base.stopText, revision });
  if (ended !== null) return ended;
  data.after.emergency = false;
  const released = await prove(run, "release", { emergency: false, revision });
  data.release = released;
  if (run.input.verify && !isLive(released)) return pending(run, "every /qa to show the release");
  return done(run);
}

/** What the config before it has lifted stays lifted. */
function liftingCaps(config: CanaryConfig, { steps, ports }: Run): CanaryConfig {
  if (steps.caps.length === 0) return config;
  const before = config.lifts_cap === undefined ? [] : [config.lifts_cap];
  const nowMs = ports.apiClock.now() ?? ports.clock.now();
  return { ...config, lifts_cap: liftOf([...steps.caps, ...before], nowMs) };
}

/** What to release; for an unreadable stop or time, everything up to the time of the plan. */
function stopInForce(base: Base, plannedAt: string): Pick<StopDocument, "id" | "at"> | null {
  const { stop } = base.state;
  if (stop.kind === "invalid") return { at: plannedAt };
  return stop.kind === "valid" && stop.value.active ? watermarkOf(stop.value, plannedAt) : null;
}

/** Null when it is released. */
async function release(
  run: Run,
  stop: Pick<StopDocument, "id" | "at">,
  guard: Guard,
): Promise<Outcome<RestoreData> | null> {
  const { ports, call, data, revision } = run;
  const author = { ...authorOf(run), id: ports.rng.ulid(ports.clock.now(), revision) };
  const result = await releaseStop(
    ports,
    releaseOf(stop, author, run.steps.names.stops),
    guard,
    call,
  );
  if (result.kind === "released" || result.kind === "unknown") run.wrote = true;
  switch (result.kind) {
    case "released":
      return null;
    case "conflict": {
      const { message, truth } = result;
      const next = invocation(ports.target, "status");
      return { kind: "failed", code: "conflict", message, truth, next, data };
    }
    case "failed":
      return pending(run, `the release to be written: ${result.error.message}; nothing released`);
    case "unknown":
      return pending(run, `proof that the release was written: ${result.error.message}`);
    default:
      return result satisfies never;
  }
}

async function prove(
  run: Run,
  what: string,
  expected: { emergency: boolean; revision: string },
): Promise<LiveProof> {
  if (!run.input.verify) return NOT_ASKED;
  const { call, startedMs } = run;
  return proveLive(run.ports, expected, { signal: call.signal, startedMs, what });
}

function authorOf(run: Run) {
  const nowMs = run.ports.clock.now();
  return { actor: run.ports.identity.actor, reason: run.input.reason, nowMs };
}

function done(run: Run): Outcome<RestoreData> {
  return {
    kind: "done",
    changed: true,
    data: run.data,
    next: invocation(run.ports.target, "status"),
  };
}

function pending(run: Run, waitingFor: string): Outcome<RestoreData> {
  const signal = interruptedBy(run.ports.interrupt);
  const next = `${invocation(run.ports.target, "restore")} --reason "…"   # safe to repeat`;
  if (signal !== null) {
    return {
      kind: "interrupted",
      signal,
      truth: `interrupted while waiting for ${waitingFor}`,
      next,
      data: run.data,
    };
  }
  return { kind: "pending", data: run.data, waitingFor, next };
}

async function trace(run: Run, outcome: Outcome<RestoreData>): Promise<void> {
  const { data, ports, input } = run;
  const last = data.release ?? data.config;
  const forced = input.force
    ? obstacles(data.findings).map((f) => `forced: ${f.name} was ${f.verdict}`)
    : [];
  await leaveTrace(ports, input, {
    command: "restore",
    id: run.revision,
    before: data.before,
    after: data.after,
    outcome: traceOutcome(run, outcome),
    locations: (last?.live ?? []).map((l) => l.location),
    elapsedMs: ports.clock.monotonic() - run.startedMs,
    notes: forced,
    released: run.steps.orphan !== null,
  });
}

function traceOutcome(run: Run, outcome: Outcome<RestoreData>) {
  const { config, release } = run.data;
  const last = release ?? config;
  if (outcome.kind === "interrupted") return "interrupted" as const;
  if (outcome.kind === "done" && last !== null && last.live.length > 0) return "live" as const;
  return config === null ? ("unknown" as const) : ("stored" as const);
}

export function renderRestore(outcome: Outcome<RestoreData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const lines = [`  share     ${share(data.before.percent)} → ${share(data.after.percent)}`];
  if (data.config !== null)
    lines.push(`  config    ${liveLine(data.config)}`, ...missingLines(data.config));
  if (data.release !== null)
    lines.push(`  released  ${liveLine(data.release)}`, ...missingLines(data.release));
  for (const f of data.findings) {
    if (outcome.kind === "unhealthy" || f.verdict === "fail") {
      lines.push(`  ${f.verdict.padEnd(12)} ${f.name}: ${f.detail}`);
    }
  }
  if (outcome.kind === "done" && outcome.changed) lines.push(`  ${OTHERS_FOLLOW}`);
  return lines.join("\n");
}
