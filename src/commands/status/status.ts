/**
 * One screen: is anything wrong, who is affected, what changed last and by whom, what to do next.
 * Reads only. Exit 0 also when an emergency is on: the question was answered. With --exit-code scripts get the answer;
 * a stored state that cannot be read is a failure either way.
 */

import * as z from "zod";
import { shownRung, type TakenRung, takenRungs } from "../../domain/ladder/shown.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import { unknownShare } from "../../domain/proof/achieved-share.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { carriersAt } from "../../domain/proof/expectation.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { isOver, parseRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import { asSeen } from "../../domain/ramp/seen-end.ts";
import type { Figures, LookedAt } from "../../domain/situation/known.ts";
import { reasonIn } from "../../domain/situation/unread.ts";
import type { Parsed } from "../../domain/state/documents.ts";
import { oddKeys } from "../../domain/state/odd-keys.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { onOff } from "../flag.ts";
import { askShare } from "../lib/achieved-share.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { assessHealth, sayingLate } from "../lib/native-health.ts";
import { diedHere } from "../lib/ramp-death.ts";
import type { GuardianTexts } from "../lib/rearm-guardian.ts";
import { readGuardian } from "../lib/rearm-guardian.ts";
import { rungLines, rungsKnown, rungsNow } from "../lib/rungs-taken.ts";
import { figuresOf, lookedAt, nextText, pingsIn, situationIn } from "../lib/situation.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase, unreachable } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import type { LiveView, StatusData } from "./data.ts";
import { statusText } from "./text.ts";

/** Metrics are worth having, and not worth waiting for: the answer is wanted now. */
const METRICS_LIMIT_MS = 5_000;
/** As many as the policy looks through for the last reduction. */
const ENTRIES = 20;

const input = z.object({
  exitCode: onOff(
    "--exit-code",
    "exit 20 when something is wrong or not known, 26 in an emergency",
  ),
});

export const status: ReadingVerb<typeof input, StatusData> = {
  name: "status",
  summary: "Show what is in force, where, since when, by whom",
  details:
    "Reads the stored state, every /qa, the journal and the metrics. Changes nothing. Metrics that " +
    "take longer than 5 s are shown as missing.",
  moreHelp: [
    "Exits 0 when it could read the stored state, whatever that says; else 23, 24 or 124.",
    "With --exit-code also: 20 something is wrong or not known, 26 an emergency is on.",
  ].join("\n"),
  examples: ["pixcanary status --env production", "pixcanary status --env production --json"],
  timeoutMs: 20_000,
  input,
  run: look,
  render,
};

async function look({ exitCode }: Given<typeof input>, ports: Ports): Promise<Outcome<StatusData>> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const read = await readAll(ports, signal);
  const { base } = read;
  const data = await dataOf(read, ports);
  const next = nextText(data.situation.next, ports.target);
  if (!("state" in base)) {
    const truth = `the stored state is unknown; ${liveTruth(data.live)}`;
    return { ...unreachable(base, ports), truth, next, data };
  }
  const headline = `${data.situation.mark} ${data.situation.headline}`;
  return { kind: "done", changed: false, data, next, headline, ...(exitCode && answerOf(data)) };
}

type ReadAll = Awaited<ReturnType<typeof readAll>>;

async function readAll(ports: Ports, signal: AbortSignal) {
  const reading = readBase(ports, signal);
  const journaled = ports.journal.recent(ENTRIES, { signal });
  const [base, sightings, journal, measured, rampText, guardian] = await Promise.all([
    reading,
    lookEverywhere(ports, "full", signal),
    journaled,
    measure(ports, reading, journaled),
    ports.documents.get(RAMP_KEY, { signal }).catch(asUpstream),
    readGuardian(ports, signal),
  ]);
  const open = rungsKnown(journal.entries, sightings);
  const rungs =
    "state" in base ? await rungsNow(open, sightings, ports, signal) : takenRungs(open, sightings);
  return { base, sightings, journal, measured, rampText, guardian, open, rungs };
}

async function dataOf(read: ReadAll, ports: Ports): Promise<StatusData> {
  const { base, sightings, journal, rampText, guardian, open, rungs } = read;
  const { figures, share, health } = read.measured;
  const known = "state" in base ? base : null;
  const because = "state" in base ? undefined : reasonIn(base.message);
  const { unread: lost, others } = journalLost(journal.warnings, because);
  for (const warning of others) ports.progress.warn(warning);
  const state = known?.state ?? null;
  const readRamp = rampText instanceof UpstreamError ? null : rampText;
  const problems = known === null ? [] : problemsOf(known, guardian, readRamp, ports);
  const ramp = underWay(parseRamp(readRamp));
  const rampDied = await diedHere(ramp, ports);
  const looks = sightings.map((one) => lookedAt(one, state, pingsIn(one), rungs));
  const nowMs = ports.clock.now();
  const asked = { nowMs, state, looks, figures, ramp, rampDied, share: share.verdict, rungs };
  const unread = [...unreadOf(rampText, guardian), ...lost];
  const said = because === undefined ? {} : { because };
  const situation = situationIn({ ...asked, ...said, unread, odd: problems }, ports.target);
  const command = nextText(situation.next, ports.target);
  return {
    situation,
    emergency:
      (state !== null && isEmergency(state)) || looks.some((one) => one.emergency === true),
    config: state === null ? null : valid(state.config),
    stop: state === null ? null : valid(state.stop),
    capped: state?.capped ?? null,
    problems,
    live: sightings.map((s, index) => viewOf(s, looks[index], rungs)),
    last: journal.entries.findLast(({ event }) => event === undefined) ?? null,
    rungs: rungLines(open, rungs, nowMs),
    ramp: ramp === null || state === null ? ramp : underWay(asSeen(ramp, state, nowMs)),
    ramp_died: rampDied,
    share,
    health: { ...health, command: health.recommendation === "none" ? null : command },
    at_ms: nowMs,
    api_ms: ports.apiClock.now(),
  };
}

/** What is not known is no good news. */
function answerOf({ situation: { level } }: StatusData): { answer?: "unhealthy" | "stopped" } {
  if (level === "normal") return {};
  return { answer: level === "stopped" ? "stopped" : "unhealthy" };
}

/** What has the same reason as the stored state needs no line of its own. */
function journalLost(
  warnings: readonly string[],
  because: string | undefined,
): { unread: string[]; others: string[] } {
  const isSame = (warning: string): boolean => reasonIn(warning) === because;
  return { unread: warnings.filter(isSame), others: warnings.filter((one) => !isSame(one)) };
}

function unreadOf(ramp: string | null | UpstreamError, guardian: unknown): string[] {
  return [
    ...(ramp instanceof UpstreamError ? [`ramp: ${ramp.message}`] : []),
    ...(typeof guardian === "string" ? [`guardian: ${guardian}`] : []),
  ];
}

function underWay(ramp: RampDocument | null): RampDocument | null {
  return ramp === null || isOver(ramp) ? null : ramp;
}

/** What in KV cannot be read, or not be believed. */
function problemsOf(
  { configText: config, stopText: stop, shareText: rampShare, state }: Base,
  texts: GuardianTexts | string,
  ramp: string | null,
  { clock }: Ports,
): string[] {
  const { cap, guardian, arm } =
    typeof texts === "string" ? { cap: null, guardian: null, arm: null } : texts;
  const side = { guardian, arm, ramp, control: null };
  const odd = oddKeys({ config, stop, rampShare, cap }, side, clock.now());
  return state.config.kind === "absent" ? ["config does not exist", ...odd] : odd;
}

interface Measured {
  share: AchievedShare;
  health: Omit<StatusData["health"], "command">;
  figures: Figures | string;
}

/** Never throws, and never takes longer than its limit after state and journal have been read. */
async function measure(
  ports: Ports,
  reading: Promise<Base | UpstreamError>,
  journaled: ReturnType<Ports["journal"]["recent"]>,
): Promise<Measured> {
  const limit = ports.clock.timeout(METRICS_LIMIT_MS);
  const signal = anySignal([limit, ports.interrupt]);
  const metrics = sayingLate(ports.metrics, limit, METRICS_LIMIT_MS);
  const asked = { ...ports, metrics, journal: { ...ports.journal, recent: () => journaled } };
  const [assessed, share] = await Promise.all([
    assessHealth(asked, signal),
    reading.then((base) => shareOf(asked, base, signal)),
  ]);
  const { verdict, recommendation, problems, findings } = assessed.assessment;
  const figures = figuresOf(assessed, ports.target);
  return { share, figures, health: { verdict, recommendation, problems, findings } };
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

function liveTruth(live: readonly LiveView[]): string {
  const on = live.filter((l) => l.emergency === true).length;
  return `emergency live at ${on} of ${live.length} /qa`;
}

function valid<T>(parsed: Parsed<T>): T | null {
  return parsed.kind === "valid" ? parsed.value : null;
}

function viewOf(s: Sighting, look: LookedAt | undefined, rungs: readonly TakenRung[]): LiveView {
  return {
    url: s.url,
    location: placeOf(s),
    status: s.status,
    emergency: look?.emergency ?? null,
    rung: shownRung(
      s,
      rungs.some(({ via }) => via === "route"),
    ),
    carriers: carriersAt(s),
    percent: s.qa?.canary.percent ?? null,
    revision: s.qa?.canary.revision ?? null,
    cohort: s.decision?.cohort ?? null,
    reason: s.decision?.reason ?? null,
    source: s.qa?.canary.source ?? null,
    native: s.qa?.health.native.status ?? null,
    proxy: s.qa?.health.proxy.status ?? null,
    current: look?.current ?? null,
    problem: s.problem,
  };
}

function render(outcome: Outcome<StatusData>): string {
  return "data" in outcome && outcome.data !== undefined ? statusText(outcome.data) : "";
}
