/** What a drill of any kind answers with: its report, and what is said beside it. */
import { DRILL_SCHEMA, type DrillReport } from "../../domain/drill/report.ts";
import { lateText } from "../../domain/drill/stages.ts";
import { counted } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { TrafficCounts } from "../../ports/visitors.ts";
import { interruptedBy, type Outcome } from "../command.ts";
import { invocation } from "../lib/format.ts";

export interface DrillData extends DrillReport {
  /** The share that it began with, and goes back to; null: it did not begin. */
  percent: number | null;
  traffic: TrafficCounts | null;
  /** Where the report is, without its ending; null: none was written. */
  file: string | null;
}

export function newDrill({ target, clock, identity }: Ports): DrillData {
  const now = new Date(clock.now()).toISOString();
  return {
    schema: DRILL_SCHEMA,
    env: target.env,
    started_at: now,
    ended_at: now,
    by: identity.actor,
    tool: identity.tool,
    passed: false,
    failed: [],
    rehearsals: [],
    steps: [],
    percent: null,
    traffic: null,
    file: null,
  };
}

/**
 * From what was measured to how it ended; completes the report. `again` repeats it, in a sandbox that is gone
 * by then; null: something real may be left as it is, and the next command is about that.
 */
export function verdictOf(
  data: DrillData,
  ports: Ports,
  again: string | null = null,
): Outcome<DrillData> {
  data.ended_at = new Date(ports.clock.now()).toISOString();
  data.failed = failuresIn(data);
  const signal = interruptedBy(ports.interrupt);
  data.passed = data.failed.length === 0 && data.percent !== null && signal === null;
  const { percent, failed } = data;
  const status = invocation(ports.target, "status");
  if (percent === null && signal === null) {
    const why = data.steps.filter(({ held }) => !held).map(({ detail }) => detail);
    const reason = `not started: ${why.join(", ")}; nothing was changed`;
    return { kind: "unhealthy", data, reason, next: status };
  }
  // Too slow, but each step held, the last restore among them.
  const isBack = signal === null && data.steps.every(({ held }) => held);
  const began = stateText(data, { isBack, isGone: again !== null });
  const next =
    again !== null || percent === null || isBack
      ? (again ?? status)
      : `${invocation(ports.target, `restore --to ${percent} --reason "drill over"`)}   # the share before`;
  if (signal !== null) {
    const done =
      data.steps.length + data.rehearsals.filter(({ fault }) => fault !== "checklist").length;
    const truth = `the drill stopped after ${counted(done, "step")}; ${began}`;
    return { kind: "interrupted", signal, truth, next, data };
  }
  if (data.passed) return { kind: "done", changed: true, data };
  return { kind: "unhealthy", data, reason: `${failed.join("; ")}; ${began}`, next };
}

function stateText(
  { percent }: DrillData,
  { isBack, isGone }: { isBack: boolean; isGone: boolean },
): string {
  if (percent === null) return "nothing was changed";
  if (isGone) return "the sandbox is gone; nothing else was touched";
  return isBack ? `it is back at ${percent} %` : `it began at ${percent} %`;
}

function failuresIn({ steps, rehearsals }: DrillReport): string[] {
  const failed = steps.filter(({ held }) => !held).map(({ step }) => step);
  return [
    ...(failed.length === 0 ? [] : [`failed steps: ${failed.join(", ")}`]),
    ...rehearsals.flatMap(({ fault, stages, problem }) => {
      const late = lateText(stages);
      const slow = late.length === 0 ? [] : [`${fault}: too slow: ${late.join(", ")}`];
      return [...(problem === null ? [] : [`${fault}: ${problem}`]), ...slow];
    }),
  ];
}
