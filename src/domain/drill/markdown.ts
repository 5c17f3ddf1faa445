/** A drill's report for people. All that comes from outside stays text in it. */
import { durationText, isoSeconds } from "../text/format.ts";
import { plain, tableLines } from "../text/markdown.ts";
import { type DrillReport, type Rehearsed, slowerBy } from "./report.ts";
import { type Judged, STAGE_WORDS, time } from "./stages.ts";

export function drillMarkdown(report: DrillReport): string {
  const { env, started_at, ended_at, by, tool, passed, failed, steps } = report;
  const tookS = Math.round((Date.parse(ended_at) - Date.parse(started_at)) / 1_000);
  const lines = [
    `# Drill in ${plain(env)}, ${isoSeconds(started_at).slice(0, 10)}`,
    "",
    passed ? "**Passed.**" : "**Failed:**",
    ...failed.map((why) => `- ${plain(why)}`),
    "",
    `Started ${isoSeconds(started_at)}, took ${durationText(tookS)}, by ${plain(by)} with ${plain(tool)}.`,
    ...report.rehearsals.flatMap(rehearsalLines),
    ...(steps.length === 0 ? [] : ["", "## Steps", "", ...stepLines(report)]),
    ...legend(report),
  ];
  return `${lines.join("\n")}\n`;
}

function rehearsalLines(one: Rehearsed): string[] {
  const { fault, what, earlier, finding, advice, page, pending, notes, problem, score } = one;
  const facts = [
    finding === null ? null : `Detected: ${finding}${advice === null ? "" : ` → ${advice}`}`,
    page === null ? null : `Page${page.ms === null ? "" : ` after ${time(page.ms)}`}: ${page.text}`,
    pending === null ? null : `Pending, as it should be: ${pending}`,
    ...notes,
    problem === null ? null : `Failed: ${problem}`,
  ].filter((fact) => fact !== null);
  const head = ["stage", "time", "target", "", ...(earlier === null ? [] : ["before", "change"])];
  const rows = one.stages.map((stage) => stageCells(stage, one));
  return [
    "",
    `## ${plain(fault)}: ${plain(what)}`,
    "",
    ...facts.map((fact) => `- ${plain(fact)}`),
    ...(facts.length === 0 ? [] : [""]),
    ...tableLines(head, rows),
    ...(earlier === null ? [] : ["", `Before: ${plain(earlier.file)}, ${plain(earlier.at)}.`]),
    ...(score === null ? [] : ["", ...scoreLines(score)]),
  ];
}

function stageCells(stage: Judged, one: Rehearsed): string[] {
  const { ms, target_ms, held } = stage;
  const cells = [stage.stage, time(ms), time(target_ms), ms === null ? "" : held ? "✔" : "✖"];
  if (one.earlier === null) return cells;
  const before = one.earlier.stages.find((other) => other.stage === stage.stage)?.ms ?? null;
  return [...cells, time(before), changeText(slowerBy(stage, one))];
}

/** "0.30 s faster". */
export function changeText(slowerMs: number | null): string {
  if (slowerMs === null) return "";
  if (slowerMs === 0) return "the same";
  return `${time(Math.abs(slowerMs))} ${slowerMs > 0 ? "slower" : "faster"}`;
}

function scoreLines(score: NonNullable<Rehearsed["score"]>): string[] {
  const good = score.filter((one) => one.good).length;
  const rows = score.map(({ what, good, detail }) => [good ? "✔" : "✖", what, detail]);
  return [`Score: ${good} of ${score.length}`, "", ...tableLines(["", "what", "detail"], rows)];
}

function stepLines({ steps }: DrillReport): string[] {
  const rows = steps.map(({ step, held, elapsed_ms, detail }) => [
    held ? "✔" : "✖",
    step,
    elapsed_ms > 0 ? time(elapsed_ms) : "",
    detail,
  ]);
  return tableLines(["", "step", "time", "detail"], rows);
}

function legend({ rehearsals }: DrillReport): string[] {
  const used = new Set(
    rehearsals.flatMap(({ stages }) =>
      stages.filter(({ ms }) => ms !== null).map(({ stage }) => stage),
    ),
  );
  if (used.size === 0) return [];
  return ["", "## What was measured", "", ...[...used].map((s) => `- ${s}: ${STAGE_WORDS[s]}`)];
}
