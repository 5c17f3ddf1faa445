/** Writes a lower share, proves it and leaves its trace. Shared by `reduce` and `disable`. */

import { anySignal } from "../../domain/lib/abort.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import type { Snapshot } from "../../domain/state/journal.ts";
import { snapshotOf } from "../../domain/state/journal.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { nextConfig } from "../../domain/state/transitions.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { namesOf } from "../lib/emergencies.ts";
import {
  changeLine,
  invocation,
  liveLine,
  missingLines,
  OTHERS_FOLLOW,
  share,
} from "../lib/format.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { isLive } from "../lib/prove-live.ts";
import { proveStored } from "../lib/prove-stored.ts";
import { askAfterProxy, PROXY_NOT_ASKED, proxyLines } from "../lib/proxy-health.ts";
import { covered, putBack } from "../lib/put-back.ts";
import { leaveTrace } from "../lib/record-change.ts";
import type { Base, ConfigWrite } from "../lib/stored-state.ts";
import { authorOf, isSameShare, readBase, refused } from "../lib/stored-state.ts";
import { keepLower } from "./keep-lower.ts";

const SECOND_LOOK_MS = 2_000;

export interface ReliefSteps {
  base: Base;
  /** Null: the share is as low already, and only has to be proved. */
  to: { percent: number; emergency: boolean; tag: string } | null;
}

export interface ReliefData {
  before: Snapshot;
  after: Snapshot;
  live: LiveProof["live"];
  missing: LiveProof["missing"];
  /** What is wrong with proxy itself, as far as was known by the end. */
  proxy_sick: string | null;
  note: string | null;
}

export async function applyRelief(
  command: "reduce" | "disable",
  { base, to }: ReliefSteps,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<ReliefData>> {
  if (to === null) return proveAlready(base, input, ports);
  const startedMs = ports.clock.monotonic();
  const signal = anySignal([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const data = emptyData(base, to.percent);
  const unseen = await unseenChange(command, { base, to }, { data, ports, signal });
  if (unseen !== null) return unseen;
  let proxyHealth = PROXY_NOT_ASKED;
  const onSent = (write: ConfigWrite): void => {
    if (write.kind === "written") {
      const elapsedMs = ports.clock.monotonic() - startedMs;
      ports.progress.stage({ kind: "stored", what: "config", elapsedMs });
    }
    if (input.verify && proxyHealth === PROXY_NOT_ASKED) proxyHealth = askAfterProxy(ports);
  };
  const onRetry = (problem: string) => ports.progress.warn(`${problem}; trying again`);
  const { config, write, proof, lost } = await keepLower(ports, {
    base,
    documentOver: (stored) => nextDocument(stored, to, input, ports),
    call: { signal, onRetry },
    startedMs,
    verify: input.verify,
    onSent,
  });
  data.after.revision = config.revision ?? null;
  data.live = proof.live;
  data.missing = proof.missing;
  if (write.kind === "conflict" || write.kind === "failed") {
    proxyHealth.end();
    return refused(write, data, ports);
  }
  const outcome =
    lost.length === 0
      ? verdict(command, write, proof, { data, input, ports })
      : covered(command, await putBack(lost, config, ports), { data, ports });
  await leaveTrace(ports, input, {
    command,
    id: config.revision ?? "",
    before: data.before,
    after: data.after,
    outcome: traceOf(outcome, write, proof),
    locations: proof.live.map((l) => l.location),
    elapsedMs: ports.clock.monotonic() - startedMs,
  });
  data.proxy_sick = proxyHealth.problem(proof.sightings);
  proxyHealth.end();
  return outcome;
}

/**
 * How it ends where `config` holds an emergency, or a lower share, that the plan had not seen: on an old copy from
 * the API, or because somebody was faster. Relief does not wait for certainty: when this look fails, it goes on.
 */
async function unseenChange(
  command: "reduce" | "disable",
  { base, to }: { base: Base; to: NonNullable<ReliefSteps["to"]> },
  { data, ports, signal }: { data: ReliefData; ports: Ports; signal: AbortSignal },
): Promise<Outcome<ReliefData> | null> {
  if (asksForEmergency(base)) return null;
  const now = await readBase(ports, anySignal([ports.clock.timeout(SECOND_LOOK_MS), signal]));
  if (!("state" in now)) return null;
  const by = authorOf(now.state);
  if (asksForEmergency(now)) {
    data.after = { ...data.before, emergency: true };
    const truth = "the emergency stays in force; nothing was written";
    return covered(command, { by, truth, config: null, inForce: true }, { data, ports });
  }
  const { config } = now.state;
  const isLower = config.kind === "valid" && config.value.canary_percent < to.percent;
  if (!isLower || isSameShare(now, base)) return null;
  data.after = snapshotOf(now.state);
  return refused({ kind: "conflict", by, sent: false }, data, ports);
}

function asksForEmergency({ state: { config } }: Base): boolean {
  return isEmergency({ config, stop: { kind: "absent" } });
}

function nextDocument(
  base: Base,
  to: NonNullable<ReliefSteps["to"]>,
  input: CommonInput,
  ports: Ports,
): CanaryConfig {
  const { config } = base.state;
  const present = config.kind === "valid" ? config.value : null;
  const nowMs = ports.clock.now();
  const id = ports.rng.ulid(nowMs, present?.revision);
  const { actor } = ports.identity;
  const author = { actor, reason: input.reason, nowMs, id };
  // What goes on under our name will be released by its own as well.
  const lifts = to.emergency ? namesOf(base, [], [], { actor, nowMs }).lifts : [];
  return nextConfig(present, to, author, lifts);
}

function emptyData({ state }: Base, percent: number): ReliefData {
  const before = snapshotOf(state);
  const after = { ...before, percent };
  return { before, after, live: [], missing: [], proxy_sick: null, note: null };
}

function proveAlready(base: Base, input: CommonInput, ports: Ports): Promise<Outcome<ReliefData>> {
  const { percent, emergency } = snapshotOf(base.state);
  const note = `already at ${share(percent)}${emergency ? "; an emergency is on" : ""}`;
  return proveStored(base, input, ports, ({ live, missing }) => {
    return { ...emptyData(base, percent ?? 0), live, missing, note };
  });
}

type Sent = Extract<ConfigWrite, { kind: "written" | "unknown" }>;

function verdict(
  command: "reduce" | "disable",
  write: Sent,
  proof: LiveProof,
  { data, input, ports }: { data: ReliefData; input: CommonInput; ports: Ports },
): Outcome<ReliefData> {
  const verify = invocation(ports.target, "verify");
  const signal = interruptedBy(ports.interrupt);
  if (isLive(proof) || (!input.verify && write.kind === "written")) {
    return { kind: "done", changed: true, data, next: invocation(ports.target, "status") };
  }
  if (signal !== null) {
    const how = write.kind === "written" ? "stored" : "possibly stored";
    const truth = `${data.after.percent} % is ${how}, not yet live everywhere`;
    return { kind: "interrupted", signal, truth, next: verify, data };
  }
  if (write.kind === "written") {
    const waitingFor = `every /qa to show ${data.after.percent} %`;
    return { kind: "pending", data, waitingFor, next: verify };
  }
  const waitingFor = `proof that it was written: ${write.error.message}`;
  return { kind: "pending", data, waitingFor, next: invocation(ports.target, command) };
}

function traceOf(outcome: Outcome<ReliefData>, write: Sent, proof: LiveProof) {
  if (isLive(proof)) return "live" as const;
  if (outcome.kind === "interrupted") return "interrupted" as const;
  return write.kind === "written" ? ("stored" as const) : ("unknown" as const);
}

export function shareLines(outcome: Pick<Outcome<unknown>, "kind">, data: ReliefData): string[] {
  const looked = data.live.length + data.missing.length > 0;
  const live = looked ? [`  live      ${liveLine(data)}`, ...missingLines(data)] : [];
  return [...changeLine(outcome, data), ...live];
}

export function renderRelief(outcome: Outcome<ReliefData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const lines = shareLines(outcome, data);
  lines.push(...proxyLines(data.proxy_sick));
  if (data.note !== null) lines.push(`  ${data.note}`);
  if (outcome.kind === "done" && outcome.changed) lines.push(`  ${OTHERS_FOLLOW}`);
  return lines.join("\n");
}
