/** The report of a drill: what was measured, whether it held, and how it compares with the one before. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { type Judged, STAGES } from "./stages.ts";

export const DRILL_SCHEMA = 1;

const drillSchema = once(() => {
  const ms = z.number().min(0).nullable();
  const text = z.string().max(4_000);
  const stage = z.object({
    stage: z.enum(STAGES),
    ms,
    target_ms: ms,
    held: z.boolean(),
  });
  return z.object({
    schema: z.literal(DRILL_SCHEMA),
    env: text,
    started_at: z.iso.datetime(),
    ended_at: z.iso.datetime(),
    by: text,
    tool: text,
    passed: z.boolean(),
    /** Why it did not pass: each stage with its time and target, each step that did not hold. */
    failed: z.array(text).max(200),
    rehearsals: z
      .array(
        z.object({
          /** Of the table of faults; `checklist`: the steps of runbook section 8. */
          fault: text,
          what: text,
          stop: z.enum(["manual", "automatic"]),
          /** The finding that named it, and what it advised; null where nobody had to detect. */
          finding: text.nullable(),
          advice: text.nullable(),
          /** The page that the on-call got, and how long after the verdict or the command. */
          page: z.object({ text, ms }).nullable(),
          stages: z.array(stage).max(STAGES.length),
          /** What the stop waited for while it was pending, as it said itself. */
          pending: text.nullable(),
          notes: z.array(text).max(50),
          /** What kept it from being measured to the end. */
          problem: text.nullable(),
          /** Of the one with the engineer at the keyboard. */
          score: z.array(z.object({ what: text, good: z.boolean(), detail: text })).nullable(),
          /** The newest report of this environment with this fault. */
          earlier: z
            .object({ file: text, at: text, stages: z.array(stage).max(STAGES.length) })
            .nullable(),
        }),
      )
      .max(50),
    steps: z
      .array(z.object({ step: text, held: z.boolean(), elapsed_ms: z.number(), detail: text }))
      .max(200),
  });
});

export type DrillReport = z.output<ReturnType<typeof drillSchema>>;
export type Rehearsed = DrillReport["rehearsals"][number];
export type DrillStep = DrillReport["steps"][number];

/** `unknown`: of another version, or damaged: it is not compared with, and that is said. */
export function readDrill(text: string): DrillReport | "unknown" {
  try {
    return drillSchema().safeParse(JSON.parse(text)).data ?? "unknown";
  } catch {
    return "unknown";
  }
}

/** Without its ending; `nth` from 1. */
export function drillName(startedAt: string, env: string, nth: number): string {
  return `${startedAt.slice(0, 10)}_${safe(env)}_drill${nth === 1 ? "" : `_${nth}`}`;
}

/** Of one environment's reports, the newest first. */
export function earlierNames(names: readonly string[], env: string): string[] {
  const tail = `_${safe(env)}_drill`;
  return names
    .flatMap((name) => {
      const [, day, rest] = /^(\d{4}-\d\d-\d\d)(_.*)\.json$/.exec(name) ?? [];
      if (day === undefined || rest === undefined || !rest.startsWith(tail)) return [];
      const [, nth] = /^(?:_(\d{1,4}))?$/.exec(rest.slice(tail.length)) ?? [null, null];
      return nth === null ? [] : [{ name, day, nth: Number(nth ?? 1) }];
    })
    .sort((a, b) => (a.day === b.day ? b.nth - a.nth : a.day < b.day ? 1 : -1))
    .map(({ name }) => name);
}

function safe(env: string): string {
  return env.toLowerCase().replace(/[^a-z0-9_-]/g, "_");
}

/** `earlier`: newest first. */
export function comparedWith(
  report: DrillReport,
  earlier: readonly { file: string; report: DrillReport }[],
): DrillReport {
  const rehearsals = report.rehearsals.map((one): Rehearsed => {
    for (const { file, report: before } of earlier) {
      const same = before.rehearsals.find(({ fault }) => fault === one.fault);
      if (before.env !== report.env || same === undefined) continue;
      return { ...one, earlier: { file, at: before.started_at, stages: same.stages } };
    }
    return one;
  });
  return { ...report, rehearsals };
}

/** How much longer than before, in milliseconds; null where one of the two was not measured. */
export function slowerBy({ stage, ms }: Judged, { earlier }: Rehearsed): number | null {
  const before = earlier?.stages.find((one) => one.stage === stage)?.ms ?? null;
  return ms === null || before === null ? null : ms - before;
}
