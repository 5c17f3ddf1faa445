/**
 * Goes up step by step, each held and judged, until somebody or something objects. In this process, or
 * (`--detach`) by the Worker's cron. More native traffic: shows the plan, asks, default no.
 */

import { GUARDIAN_KEY, parseGuardian } from "../../domain/guardian/document.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { shortDuration } from "../../domain/lib/duration.ts";
import { backToNormal } from "../../domain/policy/back-to-normal.ts";
import type { Finding } from "../../domain/policy/prerequisites.ts";
import { findingText, obstacles, prerequisites } from "../../domain/policy/prerequisites.ts";
import { isOver } from "../../domain/ramp/document.ts";
import type { PlannedStep } from "../../domain/ramp/plan.ts";
import { shareOf, stepText } from "../../domain/ramp/text.ts";
import { snapshotOf } from "../../domain/state/journal.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Change, ChangingVerb, Outcome, Planned } from "../command.ts";
import { invocation, share, shellWord } from "../lib/format.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { observe } from "../lib/native-health.ts";
import { lookAtGuardian } from "../lib/rearm-guardian.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase, unreachable } from "../lib/stored-state.ts";
import { EMERGENCY_STORED } from "../lib/summary-text.ts";
import { restore } from "../restore/restore.ts";
import { begin } from "./launch.ts";
import { silenceOf } from "./life.ts";
import { RAMP_BUDGET_MS } from "./loop.ts";
import { planOf } from "./plan-input.ts";
import { clockAndToken } from "./preflight.ts";
import { documentsHelp, renderRamp } from "./render.ts";
import type { RampData } from "./run-state.ts";
import { input, type StartInput, type StartSteps } from "./start-input.ts";
import { findRamp, type KnownRamp } from "./store.ts";

/** Five of the cron's minutes. */
const CRON_SILENT_MS = 5 * 60_000;

export const rampStart: ChangingVerb<typeof input, StartSteps, RampData> = {
  name: "ramp start",
  summary: "Raise the share step by step, with a gate at each",
  details:
    "Writes each step, waits until it is live everywhere, and holds it while the policy judges it. Only " +
    "a pass on enough requests leads to the next step. A failed gate reduces or stops. A stop, or any " +
    "other change of config, ends the ramp (exit 25). Asks, default no.",
  examples: [
    'pixcanary ramp start --env production --plan "5:2h,10:24h,25:24h,50:24h,100"',
    "pixcanary ramp start --env production --plan careful --from-stop --detach",
    "pixcanary ramp start --env staging --plan 5:10s,100 --force --reason rehearsal",
  ],
  moreHelp: documentsHelp("ramp start"),
  streams: true,
  timeoutMs: RAMP_BUDGET_MS,
  input,
  plan,
  apply: begin,
  render: renderRamp,
};

async function plan(given: StartInput, ports: Ports): Promise<Planned<StartSteps, RampData>> {
  const parsed = planOf(given.plan, ports.target);
  if (typeof parsed === "string") return refuse("usage", parsed, "nothing was written", "--help");
  if (given.detach && given.lease !== undefined) {
    return refuse(
      "usage",
      "--lease does not go with --detach: a detached ramp needs none",
      "nothing was written",
      "--help",
    );
  }
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const [base, found, warnings, cron] = await Promise.all([
    readBase(ports, signal),
    findRamp(ports, signal),
    clockAndToken(parsed, ports, signal),
    given.detach ? cronNotes(ports, signal) : [],
  ]);
  if (!("state" in base)) return { kind: "ended", outcome: unreachable(base, ports) };
  for (const warning of found.warnings) ports.progress.warn(warning);
  const { known } = found;
  const running = known === null ? null : unfinished(known, ports);
  const refusal = running ?? notNow(base, parsed, given, ports);
  if (refusal !== null) return refusal;
  if ("reason" in warnings) return skewed(warnings.reason, ports);
  if (given.fromStop) return fromStop(given, base, parsed, [...warnings.notes, ...cron], ports);
  return judged(given, base, parsed, [...warnings.notes, ...cron], ports);

  function refuse(
    code: "usage" | "conflict",
    message: string,
    truth: string,
    words: string,
  ): Planned<never, RampData> {
    const next = invocation(ports.target, words === "--help" ? "ramp start --help" : words);
    return { kind: "ended", outcome: { kind: "failed", code, message, truth, next } };
  }
}

/** A ramp that nobody carries out stands still, and says nothing. */
async function cronNotes(ports: Ports, signal: AbortSignal): Promise<string[]> {
  const unseen = "the Worker's cron has not run lately; is the guardian deployed and switched on?";
  try {
    const guardian = parseGuardian(await ports.documents.get(GUARDIAN_KEY, { signal }));
    const silentMs = ports.clock.now() - Date.parse(guardian?.last_tick ?? "");
    return silentMs < CRON_SILENT_MS ? [] : [unseen];
  } catch {
    return [unseen];
  }
}

/** A machine whose clock is wrong would hold steps for another time than it says. */
function skewed(reason: string, ports: Ports): Planned<never, RampData> {
  const next = "timedatectl set-ntp true   # then start again";
  const message = `${reason}; nothing was changed in ${ports.target.env}`;
  return {
    kind: "ended",
    outcome: { kind: "unhealthy", data: null as never, reason: message, next },
  };
}

/** Two ramps would each take the other for a foreigner. */
function unfinished(known: KnownRamp, ports: Ports): Planned<never, RampData> | null {
  const { ramp, alive } = known;
  if (isOver(ramp)) return null;
  const where = ramp.mode === "detached" ? "in the Worker" : `on ${ramp.host}`;
  const silence = silenceOf(known, ports.clock.now());
  const how = silence === null ? "is already running" : "has not ended";
  const message = `a ramp ${how}: ${shareOf(ramp)}, ${stepText(ramp)}, by ${ramp.by} (${where})`;
  const truth = alive
    ? "its process is alive"
    : (silence ?? `its last update was at ${isoSeconds(ramp.updated_at)}`);
  const next = `${invocation(ports.target, alive ? "ramp status" : "ramp resume")}   # or: ramp abort`;
  return { kind: "ended", outcome: { kind: "failed", code: "conflict", message, truth, next } };
}

function notNow(
  base: Base,
  plan: readonly PlannedStep[],
  given: StartInput,
  ports: Ports,
): Planned<never, RampData> | null {
  const first = plan[0]?.percent ?? 0;
  const emergency = isEmergency(base.state);
  const ended = (message: string, truth: string, words: string): Planned<never, RampData> => ({
    kind: "ended",
    outcome: {
      kind: "failed",
      code: "usage",
      message,
      truth,
      next: invocation(ports.target, words),
    },
  });
  if (emergency !== given.fromStop) {
    return emergency
      ? ended(
          "an emergency is on",
          EMERGENCY_STORED,
          `ramp start --plan ${shellWord(given.plan)} --from-stop`,
        )
      : ended("no emergency is on: leave out --from-stop", "nothing was written", "status");
  }
  if (emergency) return null;
  const { capped } = base.state;
  if (capped !== undefined) {
    const { percent, by } = capped.cap;
    const lift = `restore --to ${Math.min(percent, first)} --reason "…"`;
    return ended(`the share is capped at ${percent} % by ${by}`, `at most ${percent} %`, lift);
  }
  const { config } = base.state;
  if (config.kind !== "valid") {
    return ended(
      "config is missing or unreadable: no share to start from",
      "nothing was written",
      "doctor",
    );
  }
  const present = config.value.canary_percent;
  if (first > present) return null;
  return ended(
    `the first step (${first} %) is not above the current ${present} %`,
    `still at ${present} %`,
    "status",
  );
}

const RELEASED_MEANWHILE = {
  message: "the stop was released meanwhile",
  truth: "no ramp was started; nothing was written",
};

/** Through `restore`, with its prerequisites: nothing else releases a stop. */
async function fromStop(
  given: StartInput,
  base: Base,
  steps: PlannedStep[],
  notes: readonly string[],
  ports: Ports,
): Promise<Planned<StartSteps, RampData>> {
  const reason = given.reason ?? "ramp from a stop";
  const planned = await restore.plan({ ...given, reason, to: steps[0]?.percent }, ports);
  if (planned.kind === "ended") return { kind: "ended", outcome: withoutData(planned.outcome) };
  if ("down" in planned.steps) {
    const message = "more than a plain stop is in force: restore has to put the Worker back first";
    const next = `${invocation(ports.target, "restore")} --reason "…"`;
    const { truth } = RELEASED_MEANWHILE;
    return { kind: "ended", outcome: { kind: "failed", code: "conflict", message, truth, next } };
  }
  const { steps: restoring } = planned;
  if (restoring.already) {
    const { message, truth } = RELEASED_MEANWHILE;
    const next = invocation(ports.target, "status");
    return { kind: "ended", outcome: { kind: "failed", code: "conflict", message, truth, next } };
  }
  const changes = [
    ...planned.changes,
    ...changesOf(steps.slice(1), steps[0]?.percent ?? null, 1, steps.length),
  ];
  const all = [...planned.notes, ...notes];
  return {
    kind: "plan",
    risk: "exposure",
    changes,
    notes: all,
    steps: { plan: steps, base, restore: restoring, guardian: restoring.guardian },
  };
}

function withoutData(outcome: Outcome<unknown>): Outcome<RampData> {
  return { ...outcome, data: null } as unknown as Outcome<RampData>;
}

async function judged(
  given: StartInput,
  base: Base,
  steps: PlannedStep[],
  warnings: readonly string[],
  ports: Ports,
): Promise<Planned<StartSteps, RampData>> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const [guardian, sightings, { observations }] = await Promise.all([
    lookAtGuardian(ports, base.state, signal),
    lookEverywhere(ports, "full", signal),
    observe(ports, signal, []),
  ]);
  const findings = prerequisites(sightings, backToNormal(observations, ports.target.policy));
  const failed = obstacles(findings);
  if (failed.length > 0 && !given.force) return notSafe(failed, ports);
  const before = snapshotOf(base.state).percent;
  const notes = [...findings.map(findingText), ...warnings];
  if (given.force) notes.push("forced: no gates, health is not checked");
  const changes = changesOf(steps, before, 0, steps.length);
  const begun = { plan: steps, base, restore: null, guardian };
  return { kind: "plan", risk: "exposure", changes, notes, steps: begun };
}

function notSafe(failed: readonly Finding[], ports: Ports): Planned<never, RampData> {
  const reason = `not safe to raise the share: ${failed.map((f) => `${f.name}: ${f.verdict} (${f.detail})`).join("; ")}`;
  const next = invocation(ports.target, "assess");
  return { kind: "ended", outcome: { kind: "unhealthy", data: null as never, reason, next } };
}

function changesOf(
  steps: readonly PlannedStep[],
  before: number | null,
  from: number,
  total: number,
): Change[] {
  return steps.map(({ percent, holdS }, index) => ({
    what: `step ${from + index + 1}/${total}`,
    before: share(index === 0 ? before : (steps[index - 1]?.percent ?? null)),
    after: holdS === null ? share(percent) : `${share(percent)} for ${shortDuration(holdS)}`,
  }));
}
