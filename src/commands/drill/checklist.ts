/**
 * The runbook's quarterly checklist (section 8), performed and measured: stop, see it live, restore,
 * reduce to half, disable, restore: always to the share that it began with. On a stage with visitors, the
 * first stop is pulled on a failing native. Uses the very commands that an incident uses. Done means that
 * every step held, each within its time.
 */
import { NOT_MEASURED, type StageTimes, TARGETS } from "../../domain/drill/stages.ts";
import { halfOf } from "../../domain/state/transitions.ts";
import { counted, countText } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Rehearsal, TrafficCounts } from "../../ports/visitors.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { disable } from "../lower/disable.ts";
import { reduce } from "../lower/reduce.ts";
import { pullTheStop } from "../not-aus/not-aus.ts";
import { restore } from "../restore/restore.ts";
import { type DrillData, newDrill, verdictOf } from "./data.ts";
import { type Drilling, detailOf, execute, rehearsed, stopTimes } from "./run.ts";
import { lookInFull, shareToDrill } from "./share.ts";
import { stepLine } from "./text.ts";
import { answersUntil, nobodyNative, sendHome } from "./visitors.ts";

/** Uploads that a stop moves mid-way may break: counted and shown, never hidden, no failure. */
const OBSERVED_ANSWERS = 200;
/** Visitors keep their cohort: in a few answers, none of them may be on native by chance. */
const MOST_ANSWERS = 5_000;
const FAILING_SHARE = 0.5;

export async function performChecklist(
  input: CommonInput,
  ports: Ports,
  rehearsal: Rehearsal | null,
  targets: Drilling["targets"] = TARGETS,
): Promise<Outcome<DrillData>> {
  const data = newDrill(ports);
  const given = { ...input, reason: input.reason ?? "drill" };
  const run: Run = { input: given, ports, targets, rehearsal, data, times: { ...NOT_MEASURED } };
  await rehearsal?.startVisitors();
  try {
    await perform(run);
  } finally {
    if (rehearsal !== null) await sendHome(rehearsal, ports, data);
  }
  if (data.percent !== null) {
    const what = "the steps of runbook section 8";
    data.rehearsals.push(rehearsed({ fault: "checklist", what, stop: "manual" }, run.times, run));
  }
  if (data.traffic !== null) judgeTraffic(data, data.traffic);
  return verdictOf(data, ports, rehearsal === null ? null : "pixcanary drill");
}

interface Run extends Drilling {
  rehearsal: Rehearsal | null;
  data: DrillData;
  times: StageTimes;
}

interface Step {
  step: string;
  held: boolean;
  elapsed_ms: number;
  detail: string;
}

async function perform(run: Run): Promise<void> {
  const { rehearsal, ports } = run;
  const percent = await readyStep(run);
  if (percent === null) return;
  const half = halfOf(percent);
  const back = () => execute(restore, run, { to: String(percent) });
  const steps: (() => Promise<boolean>)[] = [
    () => (rehearsal === null ? skip() : failingNativeStep(run, rehearsal)),
    () => stopStep(run),
    () => qaStep(run, "/qa shows the emergency", true),
    () => (rehearsal === null ? skip() : nobodyNativeStep(run, rehearsal)),
    () => (rehearsal === null ? skip() : mendNativeStep(run, rehearsal)),
    () =>
      commandStep(run, `restore to ${percent} %`, back, (_, elapsedMs) => {
        run.times.restored = elapsedMs;
      }),
    () => qaStep(run, "/qa shows no emergency", false),
    () => commandStep(run, `reduce to ${half} %`, () => execute(reduce, run, { to: String(half) })),
    () => commandStep(run, "disable (0 %)", () => execute(disable, run, {})),
    () => commandStep(run, `restore to ${percent} % again`, back),
  ];
  for (const step of steps) {
    if (ports.interrupt.aborted || !(await step())) return;
  }
}

async function skip(): Promise<boolean> {
  return true;
}

/** The drill goes down from the share in force, and back to it: nobody else may be about to change that. */
async function readyStep(run: Run): Promise<number | null> {
  const { percent, detail } = await shareToDrill(run.input, run.ports);
  run.data.percent = percent;
  record(run, { step: "ready", held: percent !== null, elapsed_ms: 0, detail });
  return percent;
}

function stopStep(run: Run): Promise<boolean> {
  const stop = () => pullTheStop(run.input, run.ports);
  return commandStep(run, "NOT-AUS, seen live", stop, (outcome) => {
    const times = stopTimes(outcome);
    Object.assign(run.times, times, { effective: times.live });
  });
}

async function commandStep<T>(
  run: Run,
  step: string,
  command: () => Promise<Outcome<T>>,
  measured: (outcome: Outcome<T>, elapsedMs: number) => void = () => undefined,
): Promise<boolean> {
  run.ports.progress.note(`${step} …`);
  const startedMs = run.ports.clock.monotonic();
  const outcome = await command();
  const elapsedMs = run.ports.clock.monotonic() - startedMs;
  const held = outcome.kind === "done";
  if (held) measured(outcome, elapsedMs);
  return record(run, { step, held, elapsed_ms: elapsedMs, detail: detailOf(outcome) });
}

async function qaStep(run: Run, step: string, emergency: boolean): Promise<boolean> {
  const looks = await lookInFull(run.ports);
  const right = looks.filter((s) => s.qa?.canary.emergency_proxy === emergency).length;
  const detail = `${right} of ${counted(looks.length, "location")}`;
  return record(run, { step, held: right === looks.length, elapsed_ms: 0, detail });
}

async function failingNativeStep(run: Run, rehearsal: Rehearsal): Promise<boolean> {
  await rehearsal.failNative(FAILING_SHARE);
  const { native, total } = await answersUntil(
    run.ports,
    rehearsal,
    (seen) => seen.total >= (seen.native > 0 ? OBSERVED_ANSWERS : MOST_ANSWERS),
  );
  const held = total >= OBSERVED_ANSWERS && native > 0;
  const detail = `native fails on purpose: ${counted(native, "native answer")} in ${countText(total)}`;
  return record(run, { step: "visitors are on native", held, elapsed_ms: 0, detail });
}

async function nobodyNativeStep(run: Run, rehearsal: Rehearsal): Promise<boolean> {
  const seen = await nobodyNative(run.ports, rehearsal, OBSERVED_ANSWERS);
  return record(run, { step: "all traffic is on proxy", elapsed_ms: 0, ...seen });
}

async function mendNativeStep(run: Run, rehearsal: Rehearsal): Promise<boolean> {
  await rehearsal.failNative(0);
  return record(run, {
    step: "native repaired",
    held: true,
    elapsed_ms: 0,
    detail: "fault removed",
  });
}

function judgeTraffic(data: DrillData, traffic: TrafficCounts): void {
  const { drifts, moved, uploads } = traffic;
  const detail =
    `${counted(uploads, "upload")}, ${drifts} with session drift; ` +
    `${moved.ok + moved.broken} interrupted by the stop (${moved.broken} had to start again)`;
  data.steps.push({ step: "sessions stay together", held: drifts === 0, elapsed_ms: 0, detail });
}

function record(run: Run, step: Step): boolean {
  run.data.steps.push({ ...step, elapsed_ms: Math.round(step.elapsed_ms) });
  run.ports.progress.note(stepLine(step));
  return step.held;
}
