/** What the kinds of drill have in common: running a verb as an operator would, and what it came to. */
import type * as z from "zod";
import type { Fault } from "../../domain/drill/faults.ts";
import type { Rehearsed } from "../../domain/drill/report.ts";
import { judged, type StageTimes, type Targets } from "../../domain/drill/stages.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Rehearsal } from "../../ports/visitors.ts";
import type { ChangingVerb, CommonInput, Outcome } from "../command.ts";
import type { NotAusData } from "../not-aus/not-aus.ts";
import { type DrillData, newDrill } from "./data.ts";
import { shareToDrill } from "./share.ts";
import { sendHome } from "./visitors.ts";

/** Longer than a stop may take to be live: what is too slow is measured to its end, and named. */
export const DRILL_BUDGET_MS = 150_000;

export interface Drilling {
  input: CommonInput & { reason: string };
  ports: Ports;
  targets: Record<Rehearsed["stop"], Targets>;
}

/** One fault, while it is rehearsed. */
export interface Trial {
  fault: Fault;
  times: StageTimes;
  /** On the monotonic clock, and on the wall clock: when the policy had named it. */
  detectedMs: number;
  detectedAtMs: number;
  known: Partial<Rehearsed> & { notes: string[] };
}

type Visitors = Pick<Rehearsal, "startVisitors" | "stopVisitors">;

/** With visitors where there is a stage for them, from the share in force; without one that may be touched nothing is begun. */
export async function onStage(
  { input, ports, stage }: { input: CommonInput; ports: Ports; stage: Visitors | null },
  work: (data: DrillData, percent: number) => Promise<void>,
): Promise<DrillData> {
  const data = newDrill(ports);
  const { percent, detail } = await shareToDrill(input, ports);
  data.percent = percent;
  if (percent === null) {
    data.steps.push({ step: "ready", held: false, elapsed_ms: 0, detail });
    return data;
  }
  await stage?.startVisitors();
  try {
    await work(data, percent);
  } finally {
    if (stage !== null) await sendHome(stage, ports, data);
  }
  return data;
}

/** Runs a verb as the shell would, `--yes` given; what ended in planning ended. */
export async function execute<In extends z.ZodType, P, T>(
  def: ChangingVerb<In, P, T>,
  { input: common, ports }: Pick<Drilling, "input" | "ports">,
  own: Record<string, unknown>,
): Promise<Outcome<T>> {
  const flags = def.input.parse(own) as z.output<In>;
  const input = { ...Object(flags), ...common, timeoutMs: DRILL_BUDGET_MS };
  const planned = await def.plan(input, ports);
  if (planned.kind === "ended") return planned.outcome;
  return def.apply(planned.steps, input, ports);
}

export function detailOf(outcome: Outcome<unknown>): string {
  switch (outcome.kind) {
    case "done":
      return "live at every /qa";
    case "pending":
      return `pending: ${outcome.waitingFor}`;
    case "unhealthy":
      return outcome.reason;
    case "failed":
      return `${outcome.message}; ${outcome.truth}`;
    case "interrupted":
      return `interrupted: ${outcome.truth}`;
    case "declined":
      return "declined";
    default:
      return outcome satisfies never;
  }
}

type StopTimes = Pick<StageTimes, "written" | "stored" | "live">;

/** Of the stop's own proof; live only where every `/qa` has shown it. */
export function stopTimes(outcome: Outcome<NotAusData>): StopTimes {
  const data = "data" in outcome ? outcome.data : undefined;
  if (data === undefined) return { written: null, stored: null, live: null };
  const { written, stored } = data;
  // By the API; by the Worker where that alone took it.
  const writtenMs = written.stop_ms ?? written.worker_ms ?? null;
  return { written: writtenMs, stored: stored.stop_ms, live: slowest(data) };
}

export function slowest({ live, missing }: Pick<NotAusData, "live" | "missing">): number | null {
  if (live.length === 0 || missing.length > 0) return null;
  return Math.max(...live.map(({ elapsedMs }) => elapsedMs));
}

/** A rehearsal of which nothing is known but its times. */
export function rehearsed(
  of: Pick<Rehearsed, "fault" | "what" | "stop"> & Partial<Rehearsed>,
  times: StageTimes,
  { targets }: Pick<Drilling, "targets">,
): Rehearsed {
  return {
    finding: null,
    advice: null,
    page: null,
    pending: null,
    notes: [],
    problem: null,
    score: null,
    earlier: null,
    ...of,
    stages: judged(times, targets[of.stop]),
  };
}
