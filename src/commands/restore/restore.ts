/**
 * Back to normal: native serves visitors again. The only command that releases a stop. Asks, default
 * no. The order is fixed: `config` first, seen live; only then the stop is released, and that is seen
 * live, too. Refuses while a prerequisite of the runbook fails, and when anything changed meanwhile.
 */

import * as z from "zod";
import type { GuardianCap } from "../../domain/guardian/cap.ts";
import type { Latch } from "../../domain/guardian/decide.ts";
import { backToNormal } from "../../domain/policy/back-to-normal.ts";
import type { Observations } from "../../domain/policy/observations.ts";
import type { Finding } from "../../domain/policy/prerequisites.ts";
import { findingText, obstacles, prerequisites } from "../../domain/policy/prerequisites.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { StopDocument } from "../../domain/state/documents.ts";
import { readEmergencies } from "../../domain/state/emergency.ts";
import { shareBeforeIncident, snapshotOf } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { watermarkOf } from "../../domain/state/transitions.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Change, ChangingVerb, Given, Planned } from "../command.ts";
import { flag, onOff, percentInput } from "../flag.ts";
import type { Names } from "../lib/emergencies.ts";
import { authorsOf, namesOf, shownAt } from "../lib/emergencies.ts";
import { invocation, share } from "../lib/format.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { observe } from "../lib/native-health.ts";
import { proveStored } from "../lib/prove-stored.ts";
import type { GuardianSeen } from "../lib/rearm-guardian.ts";
import { guardianSeen, readGuardian } from "../lib/rearm-guardian.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase, unreachable } from "../lib/stored-state.ts";
import type { RestoreData } from "./apply.ts";
import { goBackUp, renderRestore } from "./apply.ts";

const input = z.object({
  to: flag("--to <percent>", "the share to go back to", percentInput.optional()),
  force: onOff("--force", "restore even if a prerequisite fails; journaled with the reason"),
});
type Input = Given<typeof input>;

export interface RestoreSteps {
  base: Base;
  /** Nothing has to change: it only has to be proved. */
  already: boolean;
  percent: number;
  tag: string;
  findings: Finding[];
  plannedAt: string;
  orphan: Pick<StopDocument, "id" | "at"> | null;
  /** Caps of the guardian in force, in KV or at a location that knows more than the API's copy. */
  caps: SeenCap[];
  names: Names;
  /** What the guardian has done, or why that is not known. */
  guardian: GuardianSeen | string;
}

export const restore: ChangingVerb<typeof input, RestoreSteps, RestoreData> = {
  name: "restore",
  summary: "Release the stop and send visitors to native again",
  details:
    "Sends visitors to native again. Checks the runbook's prerequisites, shows before → after, " +
    "asks (default no), writes config, waits until it is live, then releases the stop. Without --to, " +
    "goes back to the share before the incident, from the journal.",
  examples: [
    'pixcanary restore --env production --reason "pool size fixed, INC-42"',
    'pixcanary restore --env production --to 5 --reason "start low" --yes',
  ],
  timeoutMs: 180_000,
  needsReason: true,
  input,
  plan,
  apply: (steps, given, ports) =>
    steps.already ? proveAlready(steps, given, ports) : goBackUp(steps, given, ports),
  render: renderRestore,
};

async function plan(given: Input, ports: Ports): Promise<Planned<RestoreSteps, RestoreData>> {
  const signal = AbortSignal.any([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const [base, texts, journal, sightings, { observations }] = await Promise.all([
    readBase(ports, signal),
    readGuardian(ports, signal),
    ports.journal.recent(200, { signal }),
    lookEverywhere(ports, "full", signal),
    observe(ports, signal, []),
  ]);
  if (!("state" in base)) return { kind: "ended", outcome: unreachable(base, ports) };
  for (const warning of journal.warnings) ports.progress.warn(warning);

  const percent = given.to ?? shareBeforeIncident(journal.entries) ?? ports.target.normalPercent;
  const plannedAt = new Date(ports.clock.now()).toISOString();
  const orphan = orphanOf(base.state, sightings, plannedAt);
  const names = namesOf(base, sightings, journal.entries, ports.clock.now());
  const caps = capsOf(base.state, sightings);
  const guardian = guardianSeen(texts, base.state, journal.entries, ports);
  const latched = typeof guardian !== "string" && guardian.latched ? guardian.newest : null;
  const ended = orphan === null && caps.length === 0;
  const refusal = ended ? notARestore(base.state, percent, latched !== null, ports) : null;
  if (refusal !== null && refusal !== "already") return refusal;
  const { config } = base.state;
  const tag = config.kind === "valid" ? config.value.canary_tag : ports.target.canaryTag;
  const steps = { base, percent, tag, orphan, plannedAt, caps, names, guardian };
  if (refusal !== null) {
    const notes = [`already at ${percent} %, and no emergency is on: nothing to write`];
    const asItIs = { ...steps, findings: [], already: true };
    return { kind: "plan", risk: "none", changes: [], notes, steps: asItIs };
  }

  const stopped = isEmergency(base.state) || orphan !== null;
  const measured = stopped ? withoutPast(observations) : observations;
  const findings = prerequisites(sightings, backToNormal(measured, ports.target.policy));
  const failed = obstacles(findings);
  const changes = [
    ...changesOf(base.state, percent, orphan),
    ...alsoShown(base, sightings, orphan),
    ...caps.map(capChange),
    ...(latched === null ? [] : [armChange(latched)]),
  ];
  if (failed.length > 0 && !given.force) {
    const data: RestoreData = { ...unchanged(base.state), findings };
    const reason = `not safe yet: ${failed.map((f) => `${f.name}: ${f.verdict}`).join(", ")}`;
    const next = `${invocation(ports.target, "restore")} --reason "…" --force   # if you are sure it is safe`;
    return { kind: "ended", outcome: { kind: "unhealthy", data, reason, next } };
  }
  const notes = findings.map(findingText);
  return {
    kind: "plan",
    risk: "exposure",
    changes,
    notes,
    steps: { ...steps, findings, already: false },
  };
}

/** What was measured before a stop is the incident itself, and says nothing of native as it is now. */
function withoutPast(observations: Observations): Observations {
  return { ...observations, health: { kind: "seen", value: [] } };
}

/** Lowering is another verb's business, and repeating a restore changes nothing: once it has armed the guardian. */
function notARestore(
  state: ParsedState,
  percent: number,
  latched: boolean,
  ports: Ports,
): Planned<RestoreSteps, RestoreData> | "already" | null {
  const present = state.config.kind === "valid" ? state.config.value.canary_percent : null;
  if (isEmergency(state) || present === null || percent > present) return null;
  if (percent === present) return latched ? null : "already";
  return {
    kind: "ended",
    outcome: {
      kind: "failed",
      code: "usage",
      message: `${percent} % is lower than the current ${present} %, and no emergency is on`,
      truth: `still at ${present} %`,
      next: invocation(ports.target, `reduce --to ${percent}`),
    },
  };
}

function proveAlready({ base }: RestoreSteps, input: Input, ports: Ports) {
  return proveStored(base, input, ports, (config): RestoreData => {
    return { ...unchanged(base.state), findings: [], config };
  });
}

function unchanged(state: ParsedState): Omit<RestoreData, "findings"> {
  const before = snapshotOf(state);
  return { before, after: before, config: null, release: null };
}

/**
 * A stop that is not stored (lost to another writer, deleted by hand), but that `config` mirrors or a
 * location still shows: isolates that saw it keep it until they read its release. One that was
 * unreadable shows as an emergency without a stop.
 */
function orphanOf(
  state: ParsedState,
  sightings: readonly Sighting[],
  plannedAt: string,
): Pick<StopDocument, "id" | "at"> | null {
  const { config, stop } = state;
  if (stop.kind === "invalid" || (stop.kind === "valid" && stop.value.active)) return null;
  if (config.kind === "valid" && config.value.emergency_proxy) {
    const { revision: id, last_updated: at } = config.value;
    return watermarkOf({ id, at }, plannedAt);
  }
  const shown = sightings.find((s) => s.qa?.stop.active === true)?.qa?.stop;
  if (shown !== undefined) {
    return watermarkOf({ id: shown.id ?? undefined, at: shown.at ?? undefined }, plannedAt);
  }
  const unnamed = sightings.some((s) => s.qa?.canary.emergency_proxy === true);
  return unnamed && !isEmergency(state) ? { at: plannedAt } : null;
}

type SeenCap = Pick<GuardianCap, "id" | "at" | "by" | "reason" | "percent">;

function capsOf({ capped }: ParsedState, sightings: readonly Sighting[]): SeenCap[] {
  const seen = [capped?.cap, ...sightings.map(({ qa }) => qa?.canary.cap)];
  const caps = new Map(seen.flatMap((cap) => (cap === undefined ? [] : [[cap.id, cap] as const])));
  return [...caps.values()];
}

function capChange({ percent, at, by, reason }: SeenCap): Change {
  const before = `at most ${percent} % since ${isoSeconds(at || "an unknown time")} by ${by} ("${reason}")`;
  return { what: "guardian's cap", before, after: "lifted" };
}

function armChange({ action, at }: Latch): Change {
  const before = `latched since its ${action} at ${at || "an unknown time"}`;
  return { what: "guardian", before, after: "armed again" };
}

/** What locations hold beside what is stored: it ends, too. */
function alsoShown(
  base: Base,
  sightings: readonly Sighting[],
  orphan: Pick<StopDocument, "id" | "at"> | null,
): Change[] {
  const { stop, config } = readEmergencies({ config: base.configText, stop: base.stopText });
  const told = [stop.asked?.mark, config.asked?.mark];
  const others = sightings
    .flatMap(shownAt)
    .filter(({ key, mark, id }) => key === "stop" && !told.includes(mark) && id !== orphan?.id);
  if (others.length === 0) return [];
  return [{ what: "stop", before: `also in force: ${authorsOf(others)}`, after: "released" }];
}

function changesOf(
  state: ParsedState,
  percent: number,
  orphan: Pick<StopDocument, "id" | "at"> | null,
): Change[] {
  const before = snapshotOf(state);
  const stop = state.stop.kind === "valid" && state.stop.value.active ? state.stop.value : null;
  const changes: Change[] = [
    { what: "share of new visitors", before: share(before.percent), after: share(percent) },
    { what: "emergency", before: before.emergency ? "on" : "off", after: "off" },
  ];
  if (stop !== null) {
    const who = `active since ${isoSeconds(stop.at ?? "an unknown time")} by ${stop.by ?? UNKNOWN_AUTHOR}${stop.reason === undefined ? "" : ` ("${stop.reason}")`}`;
    changes.push({ what: "stop", before: who, after: "released" });
  } else if (state.stop.kind === "invalid") {
    changes.push({ what: "stop", before: `unreadable: ${state.stop.problem}`, after: "released" });
  }
  if (orphan !== null) {
    const what = `not stored, but still in force at a location or in config (set at ${isoSeconds(orphan.at ?? "an unknown time")})`;
    changes.push({ what: "stop", before: what, after: "released" });
  }
  return changes;
}
