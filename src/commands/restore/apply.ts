/** The two guarded steps of a restore. Whatever interrupts them leaves the safer state in force. */

import type { GuardianCap } from "../../domain/guardian/cap.ts";
import { liftOf } from "../../domain/guardian/cap.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Finding } from "../../domain/policy/prerequisites.ts";
import { findingText, obstacles } from "../../domain/policy/prerequisites.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import type { Snapshot } from "../../domain/state/journal.ts";
import { snapshotOf } from "../../domain/state/journal.ts";
import { nextConfig, releaseOf, watermarkOf } from "../../domain/state/transitions.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import type { Names } from "../lib/emergencies.ts";
import { changeLine, invocation, liveLine, missingLines, OTHERS_FOLLOW } from "../lib/format.ts";
import { isLive, NOT_ASKED, type Seen, seenOf } from "../lib/prove-live.ts";
import type { Ours } from "../lib/put-back.ts";
import { covered, proveOrFind, putBack } from "../lib/put-back.ts";
import type { GuardianSeen } from "../lib/rearm-guardian.ts";
import { armGuardian } from "../lib/rearm-guardian.ts";
import { leaveTrace } from "../lib/record-change.ts";
import type { Base } from "../lib/stored-state.ts";
import { refused, writeConfigOnce } from "../lib/stored-state.ts";
import type { Guard } from "./release-stop.ts";
import { releaseStop } from "./release-stop.ts";

export interface RestoreData {
  before: Snapshot;
  after: Snapshot;
  findings: Finding[];
  /** Where the new configuration was seen live. */
  config: Seen | null;
  /** Where the release was seen live; null when no stop had to be released. */
  release: Seen | null;
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
  /** What is written, in this order but for an orphan's release. */
  ours: Ours;
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
  const signal = anySignal([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const call = {
    signal,
    onRetry: (problem: string) => ports.progress.warn(`${problem}; trying again`),
  };
  const stored = snapshotOf(steps.base.state);
  // One that only locations show has been on as well, and the journal must say so.
  const before = { ...stored, emergency: stored.emergency || steps.orphan !== null };
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
  const ours = documentsOf(steps, input, ports, revision);
  const run: Run = { steps, input, ports, call, startedMs, revision, ours, data, wrote: false };
  const outcome = await writeThenRelease(run);
  if (outcome.kind === "done") await armGuardian(ports, revision, steps.guardian);
  if (run.wrote) await trace(run, outcome);
  return outcome;
}

function documentsOf(steps: Steps, input: CommonInput, ports: Ports, revision: string): Ours {
  const { base, percent, tag, names, caps, orphan, plannedAt } = steps;
  const present = base.state.config.kind === "valid" ? base.state.config.value : null;
  const nowMs = ports.clock.now();
  const author = { actor: ports.identity.actor, reason: input.reason, nowMs, id: revision };
  const next = nextConfig(present, { percent, emergency: false, tag }, author, [
    ...caps.map(({ id }) => ({ id })),
    ...names.lifts,
  ]);
  const stop = orphan ?? stopInForce(base, plannedAt);
  const releaser = { ...author, id: ports.rng.ulid(nowMs, revision) };
  return {
    config: liftingCaps(next, steps, ports),
    release: stop === null ? null : releaseOf(stop, releaser, names.stops),
  };
}

async function writeThenRelease(run: Run): Promise<Outcome<RestoreData>> {
  const { steps, ports, call, data, revision } = run;
  const { config, release } = run.ours;
  const { stopText } = steps.base;
  if (steps.orphan !== null && release !== null) {
    const ended = await writeRelease(run, release, { stopText, revision: null });
    if (ended !== null) return ended;
  }
  const write = await writeConfigOnce(ports, steps.base, config, { ...call, recheck: true });
  if (write.kind === "conflict" || write.kind === "failed") return refused(write, data, ports);
  run.wrote = true;
  if (write.kind === "unknown")
    return pending(run, `proof that config was written: ${write.error.message}`);

  const stopped = stopInForce(steps.base, steps.plannedAt) !== null;
  const releasedFirst = !stopped && release !== null;
  const { proof, lost } = await prove(run, "config", {
    emergency: stopped,
    revision,
    percent: steps.percent,
    ...(releasedFirst ? { released: { id: release.id } } : {}),
  });
  data.config = seenOf(proof);
  if (releasedFirst) data.release = seenOf(proof);
  if (lost.length > 0) return covered("restore", await putBack(lost, config, ports), run);
  if (run.input.verify && !isLive(proof)) {
    const held = stopped
      ? "; the stop is NOT released: where it is live, all traffic stays on proxy"
      : "";
    return pending(run, `every /qa to show revision ${revision}${held}`);
  }
  if (!stopped || release === null) return done(run);
  const ended = await writeRelease(run, release, { stopText, revision });
  if (ended !== null) return ended;
  data.after.emergency = false;
  const { proof: released, lost: late } = await prove(run, "release", {
    emergency: false,
    revision,
    percent: steps.percent,
    released: { id: release.id },
  });
  data.release = seenOf(released);
  if (late.length > 0) return covered("restore", await putBack(late, config, ports), run);
  if (run.input.verify && !isLive(released)) return pending(run, "every /qa to show the release");
  return done(run);
}

/** What the config before it has lifted stays lifted. */
function liftingCaps(config: CanaryConfig, { caps }: Steps, ports: Ports): CanaryConfig {
  if (caps.length === 0) return config;
  const before = config.lifts_cap === undefined ? [] : [config.lifts_cap];
  const nowMs = ports.clock.now();
  return { ...config, lifts_cap: liftOf([...caps, ...before], nowMs) };
}

/** What to release; for an unreadable stop or time, everything up to the time of the plan. */
function stopInForce(base: Base, plannedAt: string): Pick<StopDocument, "id" | "at"> | null {
  const { stop } = base.state;
  if (stop.kind === "invalid") return { at: plannedAt };
  return stop.kind === "valid" && stop.value.active ? watermarkOf(stop.value, plannedAt) : null;
}

/** Null when it is released. */
async function writeRelease(
  run: Run,
  release: StopDocument,
  guard: Guard,
): Promise<Outcome<RestoreData> | null> {
  const { ports, call, data } = run;
  const result = await releaseStop(ports, release, guard, call);
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
  expected: Parameters<typeof proveOrFind>[1],
): ReturnType<typeof proveOrFind> {
  if (!run.input.verify) return { proof: NOT_ASKED, lost: [] };
  const { call, startedMs, ours } = run;
  return proveOrFind(run.ports, expected, { signal: call.signal, startedMs, what, ours });
}

/** Without proof it says so: the API has acknowledged the writes, and that is all. */
function done({ data, ports, input }: Run): Outcome<RestoreData> {
  const { verify } = input;
  const next = invocation(ports.target, verify ? "status" : "verify");
  const headline = verify ? {} : { headline: "written, and not checked (--no-verify)" };
  return { kind: "done", changed: true, data, next, ...headline };
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

/** Of `--no-verify`: what nobody has looked at. */
function uncheckedLines({ kind }: Outcome<unknown>, { config, release }: RestoreData): string[] {
  const last = release ?? config;
  if (kind !== "done" || last === null || last.live.length + last.missing.length > 0) return [];
  if (release === null) return ["! not checked: whether any location has this config"];
  return [
    "! not checked: whether any location, or the beacon, has the release;",
    "! where the beacon does not have it, all traffic stays on proxy",
  ];
}

export function renderRestore(outcome: Outcome<RestoreData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const lines = changeLine(outcome, data);
  if (data.config !== null)
    lines.push(`  config    ${liveLine(data.config)}`, ...missingLines(data.config));
  if (data.release !== null)
    lines.push(`  released  ${liveLine(data.release)}`, ...missingLines(data.release));
  for (const f of data.findings) {
    if (outcome.kind === "unhealthy" || f.verdict === "fail") {
      lines.push(`  ${findingText(f)}`);
    }
  }
  lines.push(...uncheckedLines(outcome, data));
  if (outcome.kind === "done" && outcome.changed) lines.push(`  ${OTHERS_FOLLOW}`);
  return lines.join("\n");
}
