/**
 * Back to normal: native serves visitors again. The only command that releases a stop. Asks, default
 * no. The order is fixed: `config` first, seen live; only then the stop is released, and that is seen
 * live, too. Refuses while a prerequisite of the runbook fails, and when anything changed meanwhile.
 */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import { backToNormal } from "../../domain/policy/back-to-normal.ts";
import type { Observations } from "../../domain/policy/observations.ts";
import type { Finding } from "../../domain/policy/prerequisites.ts";
import { findingText, obstacles, prerequisites } from "../../domain/policy/prerequisites.ts";
import type { StopDocument } from "../../domain/state/documents.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import { snapshotOf } from "../../domain/state/journal.ts";
import { shareBeforeIncident } from "../../domain/state/share-before.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { PLAIN_NAME } from "../../domain/state/unseen-emergencies.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, Given, Outcome, Planned } from "../command.ts";
import { flag, onOff, parsed, percentInput } from "../flag.ts";
import type { Names } from "../lib/emergencies.ts";
import { namesOf, shownAt, storedIn } from "../lib/emergencies.ts";
import { invocation, timeWithAge } from "../lib/format.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { observe } from "../lib/native-health.ts";
import { seenOf } from "../lib/prove-live.ts";
import { proveStored } from "../lib/prove-stored.ts";
import type { GuardianSeen } from "../lib/rearm-guardian.ts";
import { guardianSeen, readGuardian } from "../lib/rearm-guardian.ts";
import { RUNG_ENTRIES } from "../lib/rungs-taken.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase, unreachable } from "../lib/stored-state.ts";
import type { RestoreData } from "./apply.ts";
import { goBackUp, renderRestore } from "./apply.ts";
import { beforeStopNotes, normalBeforeStop } from "./before-stop.ts";
import type { ShareTo } from "./changes.ts";
import { alsoShown, armChange, capChange, changesOf } from "./changes.ts";
import { type DownSteps, downText, walkDown } from "./down.ts";
import type { DownData } from "./down-run.ts";
import type { SeenCap } from "./held.ts";
import { capsOf, orphanOf } from "./held.ts";
import { planDown } from "./plan-down.ts";
import { namedInVain, unseenBy } from "./seen.ts";

const input = z.object({
  to: flag("--to <percent>", "the share to go back to", percentInput.optional()),
  stop: flag(
    "--stop <id,…>",
    "release these stops and no other; with --yes, for a stop that is less than 2 min old",
    parsed(stopNames, "must be ids of stops, as status shows them, with commas between").optional(),
  ),
  force: onOff("--force", "restore even if a prerequisite fails; journaled with the reason"),
});
type Input = Given<typeof input>;

function stopNames(text: string): string[] | null {
  const names = text.split(",").map((name) => name.trim());
  return names.every((name) => PLAIN_NAME.test(name)) ? names : null;
}

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

export const restore: ChangingVerb<typeof input, RestoreSteps | DownSteps, RestoreData | DownData> =
  {
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
    async apply(steps, given, ports) {
      if ("down" in steps) return walkDown(steps, given, ports);
      return steps.already ? proveAlready(steps, given, ports) : goBackUp(steps, given, ports);
    },
    render(outcome) {
      if (!("data" in outcome) || outcome.data === undefined) return "";
      const { data } = outcome;
      return "back" in data
        ? downText(data)
        : renderRestore({ ...outcome, data } as Outcome<RestoreData>);
    },
  };

async function plan(
  given: Input,
  ports: Ports,
): Promise<Planned<RestoreSteps | DownSteps, RestoreData | DownData>> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const look = await lookAround(ports, signal);
  const { base, sightings } = look;
  if (!("state" in base)) {
    // Whoever wants native back is not sent to stop it.
    const next = invocation(ports.target, base.kind === "auth" ? "doctor" : "status");
    return { kind: "ended", outcome: { ...unreachable(base, ports), next } };
  }

  const down = await planDown({ ...look, base }, ports, { signal, force: given.force });
  if (down !== null) return down;

  const inForce = [...storedIn(base), ...sightings.flatMap(shownAt)];
  const named = given.stop ?? [];
  const vain = namedInVain(inForce, named, ports);
  if (vain !== null) return { kind: "ended", outcome: vain };
  const to = shareToGoTo(given, look.journal.entries, ports);
  const steps = stepsTo(to, base, look, ports);
  const { percent, orphan, caps, guardian } = steps;
  const latched = typeof guardian !== "string" && guardian.latched ? guardian.newest : null;
  const ended = orphan === null && caps.length === 0;
  const refusal = ended ? notARestore(base.state, percent, latched !== null, ports) : null;
  if (refusal !== null && refusal !== "already") return refusal;
  if (refusal !== null) {
    const notes = [`already at ${percent} %, and no emergency is on: nothing to write`];
    return { kind: "plan", risk: "none", changes: [], notes, steps: { ...steps, already: true } };
  }

  const stopped = isEmergency(base.state) || orphan !== null;
  const measured = stopped ? withoutPast(look.observations) : look.observations;
  const findings = prerequisites(sightings, backToNormal(measured, ports.target.policy));
  if (obstacles(findings).length > 0 && !given.force) {
    return { kind: "ended", outcome: notSafe(findings, percent, base, ports) };
  }
  const past = stopped ? await normalBeforeStop(inForce, ports, signal) : [];
  const unseen = unseenBy(inForce, named, ports);
  return {
    kind: "plan",
    risk: "exposure",
    changes: [
      ...changesOf(base.state, to, orphan),
      ...alsoShown(base, sightings, orphan),
      ...caps.map(capChange),
      ...(latched === null ? [] : [armChange(latched)]),
    ],
    notes: [
      ...findings.map(findingText),
      ...(stopped ? beforeStopNotes(past, given.reason ?? "") : []),
    ],
    steps: { ...steps, findings },
    ...(unseen === null ? {} : { unseen }),
  };
}

type Look = Awaited<ReturnType<typeof lookAround>>;

function stepsTo(
  { percent }: ShareTo,
  base: Base,
  { sightings, journal: { entries }, texts }: Look,
  ports: Ports,
): RestoreSteps {
  const nowMs = ports.clock.now();
  const plannedAt = new Date(nowMs).toISOString();
  const { config } = base.state;
  return {
    base,
    already: false,
    percent,
    tag: config.kind === "valid" ? config.value.canary_tag : ports.target.canaryTag,
    findings: [],
    plannedAt,
    orphan: orphanOf(base.state, sightings, plannedAt),
    caps: capsOf(base.state, sightings),
    names: namesOf(base, sightings, entries, { actor: ports.identity.actor, nowMs }),
    guardian: guardianSeen(texts, base.state, entries, ports),
  };
}

async function lookAround(ports: Ports, signal: AbortSignal) {
  const [base, texts, journal, sightings, { observations }] = await Promise.all([
    readBase(ports, signal),
    readGuardian(ports, signal),
    ports.journal.recent(RUNG_ENTRIES, { signal }),
    lookEverywhere(ports, "full", signal),
    observe(ports, signal, []),
  ]);
  for (const warning of journal.warnings) ports.progress.warn(warning);
  return { base, texts, journal, sightings, observations };
}

/** With where it comes from, for nobody has typed it. */
function shareToGoTo(
  given: Input,
  entries: readonly JournalEntry[],
  { target, clock }: Ports,
): ShareTo {
  if (given.to !== undefined) return { percent: given.to, from: null };
  const before = shareBeforeIncident(entries, clock.now());
  if (before === null) return { percent: target.normalPercent, from: "normalPercent" };
  const { percent, actor, at } = before;
  return {
    percent,
    from: `before the incident, journal ${timeWithAge(at, clock.now())} by ${actor}`,
  };
}

function notSafe(
  findings: Finding[],
  percent: number,
  base: Base,
  ports: Ports,
): Outcome<RestoreData> {
  const data: RestoreData = { ...unchanged(base.state), findings };
  const bad = obstacles(findings).map((f) => `${f.name}: ${f.verdict}`);
  const reason = `not safe yet to go to ${percent} %: ${bad.join(", ")}`;
  const next = `${invocation(ports.target, "restore")} --reason "…" --force   # if you are sure it is safe`;
  return { kind: "unhealthy", data, reason, next };
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
    return { ...unchanged(base.state), findings: [], config: seenOf(config) };
  });
}

function unchanged(state: ParsedState): Omit<RestoreData, "findings"> {
  const before = snapshotOf(state);
  return { before, after: before, config: null, release: null };
}
