/** A drill for the terminal: one line for each step, or one for each fault. */
import { changeText } from "../../domain/drill/markdown.ts";
import { type DrillStep, type Rehearsed, slowerBy } from "../../domain/drill/report.ts";
import { isRungTitle } from "../../domain/drill/rungs.ts";
import { STAGES, time } from "../../domain/drill/stages.ts";
import { counted, countText, isoSeconds, seconds } from "../../domain/text/format.ts";
import type { TrafficCounts } from "../../ports/visitors.ts";
import type { Outcome } from "../command.ts";
import type { DrillData } from "./data.ts";

export function renderDrill(outcome: Outcome<DrillData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const faults = data.rehearsals.filter(({ fault }) => fault !== "checklist");
  const [checklist] = data.rehearsals.filter(({ fault }) => fault === "checklist");
  const lines = [
    `  environment ${data.env}, started ${isoSeconds(data.started_at)}`,
    ...data.steps.map(stepLine),
    ...(checklist === undefined ? [] : stagesLines(checklist)),
    ...(faults.length === 0 ? [] : [headLine(faults), ...faults.map(faultLine)]),
    ...faults.flatMap(rungLines),
    ...faults.flatMap(scoreLines),
    ...data.rehearsals.flatMap(changeLines),
    ...(data.traffic === null ? [] : [trafficLine(data.traffic)]),
    ...(data.file === null ? [] : [`  report      ${data.file}.md and .json`]),
  ];
  return lines.join("\n");
}

export function stepLine(step: DrillStep): string {
  const time = step.elapsed_ms > 0 ? seconds(step.elapsed_ms).padStart(8) : "        ";
  return `  ${step.held ? "✔" : "✖"} ${step.step.padEnd(26)} ${time}  ${step.detail}`;
}

function stagesLines({ stages }: Rehearsed): string[] {
  const measured = stages.filter(({ ms }) => ms !== null);
  const words = measured.map(({ stage, ms }) => `${stage} ${time(ms)}`);
  return measured.length === 0 ? [] : [`  stages      ${words.join(" · ")}`];
}

const NAME_WIDTH = 17;
const WIDTH = 8;

function headLine(all: readonly Rehearsed[]): string {
  const what = all.every(({ fault }) => isRungTitle(fault)) ? "ladder" : "fault";
  const heads = STAGES.map((stage) => stage.padStart(Math.max(WIDTH, stage.length + 1)));
  return `    ${what.padEnd(NAME_WIDTH)}${heads.join("")}`;
}

/** One line; what is wrong is in the verdict. */
export function faultLine({ fault, stages, problem }: Rehearsed): string {
  const passed = problem === null && stages.every(({ held }) => held);
  const cells = stages.map(({ stage, ms, held }) =>
    `${time(ms)}${held ? "" : "!"}`.padStart(Math.max(WIDTH, stage.length + 1)),
  );
  return `  ${passed ? "✔" : "✖"} ${fault.padEnd(NAME_WIDTH)}${cells.join("")}`;
}

/** What was seen of a rung is in its notes: which carriers, which versions. */
function rungLines({ fault, notes }: Rehearsed): string[] {
  return isRungTitle(fault) ? notes.map((note) => `  ${fault}: ${note}`) : [];
}

function scoreLines({ score }: Rehearsed): string[] {
  if (score === null) return [];
  const good = score.filter((one) => one.good).length;
  return [
    `  score       ${good} of ${score.length}`,
    ...score.map((one) => `  ${one.good ? "✔" : "✖"} ${one.what.padEnd(34)} ${one.detail}`),
  ];
}

/** Against the newest earlier report, of the time that counts. */
function changeLines(one: Rehearsed): string[] {
  const stage = one.stages.find(({ stage }) => stage === "effective");
  if (one.earlier === null || stage === undefined) return [];
  const slower = slowerBy(stage, one);
  if (slower === null) return [];
  const than = slower === 0 ? "as" : "than";
  const day = isoSeconds(one.earlier.at).slice(0, 10);
  return [`  ${one.fault}: effective ${changeText(slower)} ${than} on ${day}`];
}

function trafficLine(t: TrafficCounts): string {
  return `  traffic     ${counted(t.total, "answer")}: ${countText(t.native)} native, ${countText(t.proxy)} proxy, ${counted(t.errors, "error")}`;
}
