/**
 * Rung by rung of the ladder: taken by the very command, proved, and put back by `restore`. Done means that each was
 * live in its time, that native serves the share from before, and that the account is as it was: the same versions
 * deployed with the same parts, the same routes.
 */
import type { Rehearsed } from "../../domain/drill/report.ts";
import { RUNG_TARGETS, type RungToDrill, rungsText, rungTitle } from "../../domain/drill/rungs.ts";
import { NOT_MEASURED, type StageTimes, type Targets, time } from "../../domain/drill/stages.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Rehearsal } from "../../ports/visitors.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { asUpstream } from "../lib/write-result.ts";
import { notAusVerb, pullTheStop } from "../not-aus/not-aus.ts";
import { rungs as ladder } from "../not-aus/rungs.ts";
import { type Account, readAccount, whatIsLeft } from "./account.ts";
import { seenByCarriers } from "./carriers.ts";
import { type DrillData, verdictOf } from "./data.ts";
import { askHeldVersion } from "./held-version.ts";
import { goBack, inTurn, type Turn } from "./in-turn.ts";
import { detailOf, execute, onStage, rehearsed, slowest, stopTimes } from "./run.ts";
import { nobodyNative } from "./visitors.ts";

const notAus = notAusVerb(ladder);
const LOOK_LIMIT_MS = 30_000;
/** About two seconds of the stage's visitors. */
const OBSERVED_ANSWERS = 100;
const RESTARTS =
  "the sandbox restarts its Workers at each deployment: visitors in that second get no answer, unlike at Cloudflare";

type RungTargets = Record<RungToDrill["name"], Targets>;

interface Run extends Turn {
  rehearsal: Rehearsal | null;
}

interface Climb {
  rung: RungToDrill;
  times: StageTimes;
  notes: string[];
}

/** `rehearsal`: the sandbox's visitors; null: the named environment, where no route may be deleted. */
export async function performRungs(
  input: CommonInput,
  ports: Ports,
  rehearsal: Rehearsal | null,
  { rungs, targets = RUNG_TARGETS }: { rungs: readonly RungToDrill[]; targets?: RungTargets },
): Promise<Outcome<DrillData>> {
  if (rehearsal === null && rungs.some(({ sandboxOnly }) => sandboxOnly)) {
    throw new Error("a route is deleted in the sandbox alone");
  }
  const data = await onStage({ input, ports, stage: rehearsal }, (begun, percent) => {
    const run: Run = {
      rehearsal,
      input: { ...input, reason: input.reason ?? "drill" },
      ports,
      percent,
    };
    return inTurn(rungs, run, begun, (rung) => rehearse(rung, run, targets));
  });
  return verdictOf(
    data,
    ports,
    rehearsal === null ? null : `pixcanary drill --rung ${rungsText(rungs)}`,
  );
}

async function rehearse(rung: RungToDrill, run: Run, targets: RungTargets): Promise<Rehearsed> {
  const { ports } = run;
  const climb: Climb = { rung, times: { ...NOT_MEASURED }, notes: [] };
  ports.progress.note(`${rungTitle(rung)}: ${rung.what} …`);
  const problem = await upAndDown(climb, run);
  const of = { fault: rungTitle(rung), what: rung.what, stop: "manual" as const };
  const manual = targets[rung.name];
  return rehearsed({ ...of, notes: climb.notes, problem }, climb.times, {
    targets: { manual, automatic: manual },
  });
}

/** What kept it from being measured to the end, or is not as it was; null: nothing. */
async function upAndDown(climb: Climb, run: Run): Promise<string | null> {
  const { interrupt } = run.ports;
  const before = await lookBefore(climb, run.ports);
  if (typeof before === "string") return before;
  const taken = (await take(climb, run)) ?? (await allOnProxy(climb, run));
  if (interrupt.aborted) return taken ?? "interrupted";
  const startedMs = run.ports.clock.monotonic();
  const unrestored = await goBack(run);
  if (unrestored !== null) return [taken, unrestored].filter((text) => text !== null).join("; ");
  if (taken === null) climb.times.restored = run.ports.clock.monotonic() - startedMs;
  const left = await whatIsLeft(before, run.ports, lookLimit(run.ports));
  return [taken, left].filter((text) => text !== null).join("; ") || null;
}

async function allOnProxy(
  { rung, notes }: Climb,
  { rehearsal, ports }: Run,
): Promise<string | null> {
  if (rehearsal === null || ports.interrupt.aborted) return null;
  const { held, detail } = await nobodyNative(ports, rehearsal, OBSERVED_ANSWERS);
  notes.push(`visitors, once it was live: ${detail}`);
  if (rung.name !== "stop") notes.push(RESTARTS);
  return held ? null : `visitors are not all on proxy: ${detail}`;
}

/** Nothing is changed by it. A text: why this rung cannot be rehearsed. */
async function lookBefore({ rung, notes }: Climb, ports: Ports): Promise<Account | string> {
  const signal = lookLimit(ports);
  try {
    const account = await readAccount(rung.name, ports, signal);
    if (account.split === null) return account;
    const held = await askHeldVersion(account.split, ports, signal);
    if ("problem" in held) return `${held.problem} (nothing was changed)`;
    notes.push(held.note);
    return account;
  } catch (thrown) {
    return `${asUpstream(thrown).message} (nothing was changed)`;
  }
}

function lookLimit({ clock, interrupt }: Ports): AbortSignal {
  return anySignal([clock.timeout(LOOK_LIMIT_MS), interrupt]);
}

function take(climb: Climb, run: Run): Promise<string | null> {
  const { name } = climb.rung;
  if (name === "stop") return takeStop(climb, run);
  return name === "version" ? takeVia("version", climb, run) : takeRoute(climb, run);
}

async function takeStop({ times, notes }: Climb, { input, ports }: Run): Promise<string | null> {
  const startedMs = ports.clock.monotonic();
  const outcome = await pullTheStop(input, ports);
  const measured = stopTimes(outcome);
  Object.assign(times, measured, { effective: measured.live });
  if (outcome.kind !== "done") return `stop: ${detailOf(outcome)}`;
  const carriers = await seenByCarriers(ports, startedMs);
  notes.push(...carriers.notes);
  return carriers.problem;
}

/** The version first: with the route alone, `restore` waits until the stop is old enough to be everywhere. */
async function takeRoute(climb: Climb, run: Run): Promise<string | null> {
  const below = { ...climb, times: { ...NOT_MEASURED } };
  const problem = await takeVia("version", below, run);
  if (problem !== null) return problem;
  const { live } = below.times;
  climb.notes.push(`the version was live after ${time(live)}, before the route went`);
  return takeVia("route", climb, run);
}

/** `--via route` asks an operator; nobody has to be asked about the sandbox's. */
async function takeVia(
  via: "version" | "route",
  { times }: Climb,
  { input, ports }: Run,
): Promise<string | null> {
  const { progress } = ports;
  const stage: typeof progress.stage = (seen) => {
    if (seen.kind === "written" && seen.what === via) times.written = seen.elapsedMs;
    progress.stage(seen);
  };
  const listening = { ...ports, progress: { ...progress, stage } };
  const outcome = await execute(notAus, { input, ports: listening }, { via });
  if ("data" in outcome && outcome.data !== undefined) times.live = slowest(outcome.data);
  times.effective = times.live;
  return outcome.kind === "done" ? null : `not-aus --via ${via}: ${detailOf(outcome)}`;
}
