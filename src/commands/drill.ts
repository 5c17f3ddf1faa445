/**
 * The runbook's quarterly checklist (section 8), performed and measured: stop, see it live, restore,
 * reduce to half, disable, restore: always to the share that it began with. On a stage with visitors, the
 * first stop is pulled on a failing native. Uses the very commands that an incident uses. Done means that
 * every step held.
 */
import type * as z from "zod";
import { unlessAborted } from "../domain/lib/abort.ts";
import { halfOf } from "../domain/state/transitions.ts";
import { counted, countText, isoSeconds } from "../domain/text/format.ts";
import type { Ports } from "../ports/ports.ts";
import type { Rehearsal, TrafficCounts } from "../ports/visitors.ts";
import type { ChangingVerb, CommonInput, Outcome } from "./command.ts";
import { interruptedBy } from "./command.ts";
import { lookInFull, shareToDrill } from "./drill-share.ts";
import { invocation, seconds } from "./lib/format.ts";
import { disable } from "./lower/disable.ts";
import { reduce } from "./lower/reduce.ts";
import { pullTheStop } from "./not-aus/not-aus.ts";
import { restore } from "./restore/restore.ts";

interface DrillStep {
  step: string;
  held: boolean;
  elapsed_ms: number;
  detail: string;
}

export interface DrillData {
  env: string;
  started_at: string;
  /** The share that it began with, and goes back to; null: it did not begin. */
  percent: number | null;
  steps: DrillStep[];
  traffic: TrafficCounts | null;
}

/** Uploads that a stop moves mid-way may break: counted and shown, never hidden, no failure. */
const OBSERVED_ANSWERS = 200;
/** Visitors keep their cohort: in a few answers, none of them may be on native by chance. */
const MOST_ANSWERS = 5_000;
/** Visitors wait for an answer half as long. */
const SILENCE_LIMIT_MS = 30_000;
const FAILING_SHARE = 0.5;

export const DRILL_BUDGET_MS = 90_000;

export async function performDrill(
  input: CommonInput,
  ports: Ports,
  rehearsal: Rehearsal | null,
): Promise<Outcome<DrillData>> {
  const data: DrillData = {
    env: ports.target.env,
    started_at: new Date(ports.clock.now()).toISOString(),
    percent: null,
    steps: [],
    traffic: null,
  };
  const run: Run = { input: { ...input, reason: input.reason ?? "drill" }, ports, rehearsal, data };
  await rehearsal?.startVisitors();
  try {
    await perform(run);
  } finally {
    data.traffic = (await rehearsal?.stopVisitors()) ?? null;
  }
  if (data.traffic !== null) judgeTraffic(data, data.traffic);
  return verdict(run);
}

interface Run {
  input: CommonInput & { reason: string };
  ports: Ports;
  rehearsal: Rehearsal | null;
  data: DrillData;
}

async function perform(run: Run): Promise<void> {
  const { rehearsal, ports } = run;
  const percent = await readyStep(run);
  if (percent === null) return;
  const half = halfOf(percent);
  const steps: (() => Promise<boolean>)[] = [
    () => (rehearsal === null ? skip() : failingNativeStep(run, rehearsal)),
    () => commandStep(run, "NOT-AUS, seen live", () => pullTheStop(run.input, ports)),
    () => qaStep(run, "/qa shows the emergency", true),
    () => (rehearsal === null ? skip() : nobodyNativeStep(run, rehearsal)),
    () => (rehearsal === null ? skip() : mendNativeStep(run, rehearsal)),
    () =>
      commandStep(run, `restore to ${percent} %`, () =>
        execute(restore, run, { to: String(percent) }),
      ),
    () => qaStep(run, "/qa shows no emergency", false),
    () => commandStep(run, `reduce to ${half} %`, () => execute(reduce, run, { to: String(half) })),
    () => commandStep(run, "disable (0 %)", () => execute(disable, run, {})),
    () =>
      commandStep(run, `restore to ${percent} % again`, () =>
        execute(restore, run, { to: String(percent) }),
      ),
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

/** Runs a verb as the shell would, `--yes` given; what ended in planning ended. */
async function execute<In extends z.ZodType, P, T>(
  def: ChangingVerb<In, P, T>,
  run: Run,
  own: Record<string, unknown>,
): Promise<Outcome<unknown>> {
  const flags = def.input.parse(own) as z.output<In>;
  const input = { ...Object(flags), ...run.input, timeoutMs: DRILL_BUDGET_MS };
  const planned = await def.plan(input, run.ports);
  if (planned.kind === "ended") return planned.outcome;
  return def.apply(planned.steps, input, run.ports);
}

async function commandStep(
  run: Run,
  step: string,
  command: () => Promise<Outcome<unknown>>,
): Promise<boolean> {
  run.ports.progress.note(`${step} …`);
  const startedMs = run.ports.clock.monotonic();
  const outcome = await command();
  const elapsedMs = run.ports.clock.monotonic() - startedMs;
  const held = outcome.kind === "done";
  return record(run, { step, held, elapsed_ms: elapsedMs, detail: detailOf(outcome) });
}

function detailOf(outcome: Outcome<unknown>): string {
  switch (outcome.kind) {
    case "done":
      return "live at every /qa";
    case "pending":
      return `pending: ${outcome.waitingFor}`;
    case "unhealthy":
      return outcome.reason;
    case "failed":
      return `${outcome.message}; ${outcome.truth}`;
    default:
      return outcome.kind;
  }
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
    run,
    rehearsal,
    (seen) => seen.total >= (seen.native > 0 ? OBSERVED_ANSWERS : MOST_ANSWERS),
  );
  const held = total >= OBSERVED_ANSWERS && native > 0;
  const detail = `native fails on purpose: ${counted(native, "native answer")} in ${countText(total)}`;
  return record(run, { step: "visitors are on native", held, elapsed_ms: 0, detail });
}

/** Requests under way when the stop went live are let through first, however slow; after that, not one. */
async function nobodyNativeStep(run: Run, rehearsal: Rehearsal): Promise<boolean> {
  await unlessAborted(rehearsal.settled(), run.ports.interrupt, () => undefined);
  const { native, total } = await answersUntil(
    run,
    rehearsal,
    (seen) => seen.total >= OBSERVED_ANSWERS,
  );
  const detail = `${counted(native, "native answer")} in ${countText(total)}`;
  return record(run, {
    step: "all traffic is on proxy",
    held: total >= OBSERVED_ANSWERS && native === 0,
    elapsed_ms: 0,
    detail,
  });
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

type Answers = Pick<TrafficCounts, "native" | "total">;

/** The answers from now on, until they are enough or none comes any more, however slowly they come. */
async function answersUntil(
  { ports }: Run,
  rehearsal: Rehearsal,
  enough: (seen: Answers) => boolean,
): Promise<Answers> {
  const before = rehearsal.counts();
  let seen: Answers = { native: 0, total: 0 };
  let newestMs = ports.clock.monotonic();
  while (!enough(seen) && ports.clock.monotonic() - newestMs < SILENCE_LIMIT_MS) {
    try {
      await ports.clock.sleep(50, ports.interrupt);
    } catch {
      break;
    }
    const { native, total } = rehearsal.counts();
    if (total - before.total > seen.total) newestMs = ports.clock.monotonic();
    seen = { native: native - before.native, total: total - before.total };
  }
  return seen;
}

function judgeTraffic(data: DrillData, traffic: TrafficCounts): void {
  const { drifts, moved, uploads } = traffic;
  const detail =
    `${counted(uploads, "upload")}, ${drifts} with session drift; ` +
    `${moved.ok + moved.broken} interrupted by the stop (${moved.broken} had to start again)`;
  data.steps.push({ step: "sessions stay together", held: drifts === 0, elapsed_ms: 0, detail });
}

function record(run: Run, step: DrillStep): boolean {
  run.data.steps.push({ ...step, elapsed_ms: Math.round(step.elapsed_ms) });
  run.ports.progress.note(stepLine(step));
  return step.held;
}

function verdict(run: Run): Outcome<DrillData> {
  const { data, ports } = run;
  const signal = interruptedBy(ports.interrupt);
  const failed = data.steps.filter((step) => !step.held);
  const { percent } = data;
  const status = invocation(ports.target, "status");
  if (percent === null && signal === null) {
    const reason = `not started: ${failed.map(({ detail }) => detail).join(", ")}; nothing was changed`;
    return { kind: "unhealthy", data, reason, next: status };
  }
  const began = percent === null ? "nothing was changed" : `it began at ${percent} %`;
  const next =
    percent === null
      ? status
      : `${invocation(ports.target, `restore --to ${percent} --reason "drill over"`)}   # the share before`;
  if (signal !== null) {
    const truth = `the drill stopped after ${counted(data.steps.length, "step")}; ${began}`;
    return { kind: "interrupted", signal, truth, next, data };
  }
  if (failed.length === 0) return { kind: "done", changed: true, data };
  const reason = `failed steps: ${failed.map((step) => step.step).join(", ")}; ${began}`;
  return { kind: "unhealthy", data, reason, next };
}

export function renderDrill(outcome: Outcome<DrillData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const lines = [
    `  environment ${data.env}, started ${isoSeconds(data.started_at)}`,
    ...data.steps.map(stepLine),
  ];
  const t = data.traffic;
  if (t !== null) {
    lines.push(
      `  traffic     ${counted(t.total, "answer")}: ${countText(t.native)} native, ${countText(t.proxy)} proxy, ${counted(t.errors, "error")}`,
    );
  }
  return lines.join("\n");
}

function stepLine(step: DrillStep): string {
  const time = step.elapsed_ms > 0 ? seconds(step.elapsed_ms).padStart(8) : "        ";
  return `  ${step.held ? "✔" : "✖"} ${step.step.padEnd(26)} ${time}  ${step.detail}`;
}
