/**
 * One screen: is anything wrong, who is affected, what changed last and by whom, what to do next.
 * Reads only. Exit 0 also when an emergency is on: the question was answered.
 */

import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import { unknownShare } from "../../domain/proof/achieved-share.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { compare, expectationOf } from "../../domain/proof/expectation.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { isOver, parseRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import type { Parsed } from "../../domain/state/documents.ts";
import { oddKeys } from "../../domain/state/odd-keys.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { isEmergency, parseState } from "../../domain/state/state.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, ReadingVerb } from "../command.ts";
import { noFlags } from "../flag.ts";
import { askShare } from "../lib/achieved-share.ts";
import { recommendedCommand } from "../lib/findings-text.ts";
import { invocation } from "../lib/format.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { assessHealth, sayingLate } from "../lib/native-health.ts";
import type { GuardianTexts } from "../lib/rearm-guardian.ts";
import { readGuardian } from "../lib/rearm-guardian.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase, unreachable } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import type { LiveView, StatusData } from "./data.ts";
import { statusText } from "./text.ts";

/** Metrics are worth having, and not worth waiting for: the answer is wanted now. */
const METRICS_LIMIT_MS = 5_000;
/** As many as the policy looks through for the last reduction. */
const ENTRIES = 20;

export const status: ReadingVerb<typeof noFlags, StatusData> = {
  name: "status",
  summary: "Show what is in force, where, since when, by whom",
  details:
    "Reads the stored state, every /qa, the journal and the metrics. Changes nothing. Metrics that " +
    "take longer than 5 s are shown as missing.",
  examples: ["pixcanary status --env production", "pixcanary status --env production --json"],
  timeoutMs: 20_000,
  input: noFlags,
  run: (_input, ports) => look(ports),
  render,
};

async function look(ports: Ports): Promise<Outcome<StatusData>> {
  const signal = AbortSignal.any([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const reading = readBase(ports, signal);
  const journaled = ports.journal.recent(ENTRIES, { signal });
  const [base, sightings, journal, measured, rampText, guardian] = await Promise.all([
    reading,
    lookEverywhere(ports, "full", signal),
    journaled,
    measure(ports, reading, journaled),
    ports.documents.get(RAMP_KEY, { signal }).catch(() => null),
    readGuardian(ports, signal),
  ]);
  for (const warning of journal.warnings) ports.progress.warn(warning);
  const state = "state" in base ? base.state : parseState({ config: null, stop: null });
  const expected = expectationOf(state);
  const known = "state" in base;
  const live = sightings.map((s) => viewOf(s, known ? compare(expected, s).seen : null));
  const data: StatusData = {
    emergency: known ? isEmergency(state) : live.some((l) => l.emergency === true),
    config: valid(state.config),
    stop: valid(state.stop),
    capped: state.capped ?? null,
    problems: known ? problemsOf(base, guardian, rampText, ports) : [],
    live,
    last: journal.entries.at(-1) ?? null,
    ramp: underWay(parseRamp(rampText)),
    ...measured,
    at_ms: ports.clock.now(),
    api_ms: ports.apiClock.now(),
  };
  if (!known) {
    const failure = unreachable(base, ports);
    return { ...failure, truth: `the stored state is unknown; ${liveTruth(live)}`, data };
  }
  return { kind: "done", changed: false, data, next: nextOf(data, ports) };
}

function underWay(ramp: RampDocument | null): RampDocument | null {
  return ramp === null || isOver(ramp) ? null : ramp;
}

/** What in KV cannot be read, or not be believed. */
function problemsOf(
  { configText: config, stopText: stop, shareText: rampShare, state }: Base,
  texts: GuardianTexts | string,
  ramp: string | null,
  { apiClock, clock }: Ports,
): string[] {
  const { cap, guardian, arm } =
    typeof texts === "string" ? { cap: null, guardian: null, arm: null } : texts;
  const side = { guardian, arm, ramp, control: null };
  const odd = oddKeys({ config, stop, rampShare, cap }, side, apiClock.now() ?? clock.now());
  return state.config.kind === "absent" ? ["config does not exist", ...odd] : odd;
}

type Measured = Pick<StatusData, "share" | "health">;

/** Never throws, and never takes longer than its limit after state and journal have been read. */
async function measure(
  ports: Ports,
  reading: Promise<Base | UpstreamError>,
  journaled: ReturnType<Ports["journal"]["recent"]>,
): Promise<Measured> {
  const limit = ports.clock.timeout(METRICS_LIMIT_MS);
  const signal = AbortSignal.any([limit, ports.interrupt]);
  const metrics = sayingLate(ports.metrics, limit, METRICS_LIMIT_MS);
  const asked = { ...ports, metrics, journal: { ...ports.journal, recent: () => journaled } };
  const [{ assessment }, share, base] = await Promise.all([
    assessHealth(asked, signal),
    reading.then((base) => shareOf(asked, base, signal)),
    reading,
  ]);
  const { verdict, recommendation, problems, findings } = assessment;
  const inForce = "state" in base ? inForceOf(base.state) : null;
  const command = recommendedCommand(assessment, ports.target, inForce);
  return { share, health: { verdict, recommendation, command, problems, findings } };
}

async function shareOf(
  ports: Pick<Ports, "clock" | "metrics">,
  base: Base | UpstreamError,
  signal: AbortSignal,
): Promise<AchievedShare> {
  if (!("state" in base)) return unknownShare(null, "the stored state could not be read");
  try {
    return await askShare(ports, base.state, signal);
  } catch (error) {
    return unknownShare(base.state, asUpstream(error).message);
  }
}

function inForceOf(state: ParsedState) {
  const percent = state.config.kind === "valid" ? state.config.value.canary_percent : null;
  return { emergency: isEmergency(state), percent };
}

/** One command. When too little is known of native's health, the stop is what is always safe. */
function nextOf({ emergency, capped, health }: StatusData, { target }: Ports): string {
  if (emergency) return `${invocation(target, "restore")} --reason "…"   # when the cause is fixed`;
  if (health.command !== null) return health.command;
  if (capped !== null) {
    return `${invocation(target, "restore")} --reason "…"   # lifts the cap, when the cause is fixed`;
  }
  if (health.verdict !== "no_data") return invocation(target, "watch");
  return `${invocation(target, "not-aus")}   # if in doubt`;
}

function liveTruth(live: readonly LiveView[]): string {
  const on = live.filter((l) => l.emergency === true).length;
  return `emergency live at ${on} of ${live.length} /qa`;
}

function valid<T>(parsed: Parsed<T>): T | null {
  return parsed.kind === "valid" ? parsed.value : null;
}

function viewOf(s: Sighting, current: boolean | null): LiveView {
  return {
    url: s.url,
    location: placeOf(s),
    status: s.status,
    emergency:
      s.qa?.canary.emergency_proxy ??
      (s.decision === null ? null : s.decision.reason === "emergency"),
    percent: s.qa?.canary.percent ?? null,
    revision: s.qa?.canary.revision ?? null,
    cohort: s.decision?.cohort ?? null,
    reason: s.decision?.reason ?? null,
    source: s.qa?.canary.source ?? null,
    native: s.qa?.health.native.status ?? null,
    proxy: s.qa?.health.proxy.status ?? null,
    current,
    problem: s.problem,
  };
}

function render(outcome: Outcome<StatusData>): string {
  return "data" in outcome && outcome.data !== undefined ? statusText(outcome.data) : "";
}
