/** The two guarded steps of a restore. Whatever interrupts them leaves the safer state in force. */
import type { Snapshot } from "../../domain/journal.ts";
import type { Finding } from "../../domain/prerequisites.ts";
import { obstacles } from "../../domain/prerequisites.ts";
import type { StopDocument } from "../../domain/state.ts";
import { nextConfig, releaseOf } from "../../domain/transition.ts";
import type { CallOptions, Ports } from "../../ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import type { Base } from "./change-config.ts";
import { readBase, refused, writeConfigOnce } from "./change-config.ts";
import { leaveTrace, snapshotOf } from "./leave-trace.ts";
import type { LiveProof } from "./prove-live.ts";
import { isLive, NOT_ASKED, proveLive } from "./prove-live.ts";
import { settle } from "./settle.ts";
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
}

interface Run {
  steps: Steps;
  input: CommonInput;
  ports: Ports;
  call: CallOptions;
  startedMs: number;
  revision: string;
  data: RestoreData;
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
  const after = { percent: steps.percent, emergency: stopInForce(steps.base) !== null, revision };
  const data: RestoreData = {
    before,
    after,
    findings: steps.findings,
    config: null,
    release: null,
  };
  const run: Run = { steps, input, ports, call, startedMs, revision, data };
  const outcome = await writeThenRelease(run);
  if (outcome.kind !== "failed") await trace(run, outcome);
  return outcome;
}

async function writeThenRelease(run: Run): Promise<Outcome<RestoreData>> {
  const { steps, ports, call, data, revision } = run;
  const present = steps.base.state.config.kind === "valid" ? steps.base.state.config.value : null;
  const author = { ...authorOf(run), id: revision };
  const config = nextConfig(
    present,
    { percent: steps.percent, emergency: false, tag: steps.tag },
    author,
  );
  const write = await writeConfigOnce(ports, steps.base, config, { ...call, recheck: true });
  if (write.kind === "conflict" || write.kind === "failed") return refused(write, data, ports);
  if (write.kind === "unknown")
    return pending(run, `proof that config was written: ${write.error.message}`);

  const stopped = stopInForce(steps.base);
  const proof = await prove(run, "config", { emergency: stopped !== null, revision });
  data.config = proof;
  if (run.input.verify && !isLive(proof)) {
    const held = stopped === null ? "" : "; the stop is NOT released, everybody is still at proxy";
    return pending(run, `every /qa to show revision ${revision}${held}`);
  }
  return stopped === null ? done(run) : release(run, stopped);
}

/** The stop to release; an unreadable one is released by a release without a name. */
function stopInForce(base: Base): StopDocument | "unreadable" | null {
  const { stop } = base.state;
  if (stop.kind === "invalid") return "unreadable";
  return stop.kind === "valid" && stop.value.active ? stop.value : null;
}

async function release(run: Run, stop: StopDocument | "unreadable"): Promise<Outcome<RestoreData>> {
  const { ports, call, data, revision, steps } = run;
  const now = await readBase(ports, call.signal);
  if (!("state" in now))
    return pending(run, `a read before the release: ${now.message}; nothing released`);
  const ours = now.state.config.kind === "valid" && now.state.config.value.revision === revision;
  if (now.stopText !== steps.base.stopText || !ours) {
    const what = ours ? "the stop was pulled again" : "somebody wrote config";
    return {
      kind: "failed",
      code: "conflict",
      message: `${what} while restore was on its way`,
      truth: "nothing was released; everybody is still at proxy",
      next: invocation(ports.target, "status"),
      data,
    };
  }
  const document = releaseOf(stop === "unreadable" ? null : stop, {
    ...authorOf(run),
    id: ports.rng.ulid(ports.clock.now(), revision),
  });
  const write = await settle(ports.store.writeStop(document, call), () => 0);
  if (write.kind === "failed" && write.error.kind !== "ambiguous") {
    return pending(run, `the release to be written: ${write.error.message}; still at proxy`);
  }
  data.after.emergency = false;
  const proof = await prove(run, "release", { emergency: false, revision });
  data.release = proof;
  if (run.input.verify && !isLive(proof)) return pending(run, "every /qa to show the release");
  return done(run);
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
    outcome:
      outcome.kind === "done" ? "live" : outcome.kind === "interrupted" ? "interrupted" : "stored",
    locations: (last?.live ?? []).map((l) => l.location),
    elapsedMs: ports.clock.monotonic() - run.startedMs,
    notes: forced,
  });
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
