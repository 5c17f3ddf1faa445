/**
 * Fault by fault: break, detect, stop by the very command (or let the guardian do it), see it live everywhere,
 * repair, restore. Done means that each was detected, stopped and restored, each stage within its time.
 */
import { type Fault, faultsText } from "../../domain/drill/faults.ts";
import type { Rehearsed } from "../../domain/drill/report.ts";
import { NOT_MEASURED, TARGETS } from "../../domain/drill/stages.ts";
import type { FaultStage } from "../../ports/fault-stage.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { notAus, pullTheStop } from "../not-aus/not-aus.ts";
import { verify } from "../verify/verify.ts";
import { waitForGuardian } from "./automatic.ts";
import { type DrillData, verdictOf } from "./data.ts";
import { notDetected, untilDetected } from "./detect.ts";
import { goBack, inTurn, type Turn } from "./in-turn.ts";
import {
  DRILL_BUDGET_MS,
  type Drilling,
  detailOf,
  onStage,
  rehearsed,
  slowest,
  stopTimes,
  type Trial,
} from "./run.ts";

interface Run extends Turn, Drilling {
  stage: FaultStage;
}

export async function performFaults(
  input: CommonInput,
  ports: Ports,
  stage: FaultStage,
  { faults, targets = TARGETS }: { faults: readonly Fault[]; targets?: Drilling["targets"] },
): Promise<Outcome<DrillData>> {
  const data = await onStage({ input, ports, stage }, (begun, percent) => {
    const given = { ...input, reason: input.reason ?? "drill" };
    const run: Run = { input: given, ports, stage, targets, percent };
    return inTurn(faults, run, begun, (fault) => rehearse(fault, run));
  });
  return verdictOf(data, ports, `pixcanary drill --fault ${faultsText(faults)}`);
}

async function rehearse(fault: Fault, run: Run): Promise<Rehearsed> {
  const { stage, ports } = run;
  const trial: Trial = {
    fault,
    times: { ...NOT_MEASURED },
    detectedMs: 0,
    detectedAtMs: 0,
    known: { notes: [] },
  };
  ports.progress.note(`${fault.name}: ${fault.what} …`);
  try {
    trial.known.problem = await breakAndStop(trial, run);
  } finally {
    await stage.clearWay();
    await stage.heal();
  }
  const unrestored = ports.interrupt.aborted ? "interrupted" : await timedBack(trial, run);
  const problem = trial.known.problem ?? unrestored;
  const { name, what, stop } = fault;
  return rehearsed({ fault: name, what, stop, ...trial.known, problem }, trial.times, run);
}

/** What kept it from being measured to the end; null: nothing. */
async function breakAndStop(trial: Trial, run: Run): Promise<string | null> {
  const { stage, ports, input } = run;
  const { fault, times, known } = trial;
  // So that the guardian knows how things are: it acts on nothing that is older than that.
  if (fault.stop === "automatic") await stage.tick();
  const brokenMs = ports.clock.monotonic();
  await stage.breakNative(fault.native);
  const detected = await untilDetected(fault, stage, input, ports);
  if (detected.backdated !== null) known.notes.push(detected.backdated);
  if (detected.finding === null) return notDetected(detected, fault);
  known.finding = detected.finding;
  known.advice = detected.advice;
  trial.detectedMs = ports.clock.monotonic();
  trial.detectedAtMs = ports.clock.now();
  times.detect = trial.detectedMs - brokenMs;
  const problem =
    fault.stop === "automatic" ? await waitForGuardian(trial, run) : await stopByHand(trial, run);
  const page = stage.page();
  if (page !== null) {
    known.page = { text: page.text, ms: Math.max(0, page.atMs - trial.detectedAtMs) };
  }
  return problem;
}

async function stopByHand(trial: Trial, run: Run): Promise<string | null> {
  const { stage, ports, input } = run;
  const { fault, times } = trial;
  if (fault.way !== null) await stage.breakWay(fault.way);
  const startedMs = ports.clock.monotonic();
  times.decide = startedMs - trial.detectedMs;
  // What cannot be seen is not waited for longer than an operator would.
  const timeoutMs = fault.pends ? notAus.timeoutMs : input.timeoutMs;
  const outcome = await pullTheStop({ ...input, timeoutMs }, ports);
  Object.assign(times, stopTimes(outcome));
  if (fault.pends) return proveLater(outcome, trial, run);
  if (outcome.kind !== "done") return `stop: ${detailOf(outcome)}`;
  if (times.live !== null) times.effective = times.decide + times.live;
  return null;
}

/** Pending is the truth while the way is broken; once it is clear, the stop must be live everywhere. */
async function proveLater(
  outcome: Awaited<ReturnType<typeof pullTheStop>>,
  { times, known }: Trial,
  { stage, ports, input }: Run,
): Promise<string | null> {
  if (outcome.kind === "done") {
    const { live } = outcome.data;
    const byBeacon = live.length > 0 && live.every(({ carriers }) => carriers?.includes("beacon"));
    if (!byBeacon) return "the stop was said to be live where nothing could show it";
    known.notes.push("KV showed no location the stop: the beacon did");
    if (times.live !== null) times.effective = (times.decide ?? 0) + times.live;
    await stage.clearWay();
    return null;
  }
  const missing = outcome.kind === "pending" ? outcome.data.missing : [];
  if (outcome.kind !== "pending" || missing.length === 0) return `stop: ${detailOf(outcome)}`;
  known.pending = missing.map(({ location, because }) => `${location}: ${because}`).join("; ");
  await stage.clearWay();
  const given = { ...Object(verify.input.parse({})), ...input, timeoutMs: DRILL_BUDGET_MS };
  const startedMs = ports.clock.monotonic();
  const proof = await verify.run(given, ports);
  if (proof.kind !== "done") return `live: ${detailOf(proof)}`;
  times.live = slowest(proof.data) ?? ports.clock.monotonic() - startedMs;
  known.notes.push('"live" is from the repair of the way; "effective" is not judged');
  return null;
}

/** What was not stopped need not come back: that is no time of a restore. */
async function timedBack({ times, known }: Trial, run: Run): Promise<string | null> {
  const startedMs = run.ports.clock.monotonic();
  const problem = await goBack(run);
  if (problem === null && known.finding !== undefined) {
    times.restored = run.ports.clock.monotonic() - startedMs;
  }
  return problem;
}
