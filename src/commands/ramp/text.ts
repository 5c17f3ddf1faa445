/** A ramp in words: the live view, `ramp status`, and one line per change. Pure. */

import type { Target } from "../../domain/config/environment.ts";
import { shortDuration } from "../../domain/lib/duration.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { nowText, shareOf, stepText } from "../../domain/ramp/text.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { counted, countText, isoSeconds } from "../../domain/text/format.ts";
import { cut } from "../../domain/text/width.ts";
import { findingLines } from "../lib/findings-text.ts";
import { age } from "../lib/format.ts";
import { standingText } from "./life.ts";
import type { RunState } from "./run-state.ts";

export interface ViewOptions {
  target: Pick<Target, "env">;
  nowMs: number;
  columns: number;
}

const MARKS: Readonly<Record<RampDocument["state"], string>> = {
  running: "→",
  paused: "!",
  done: "✔",
  aborted: "✖",
  failed: "✖",
  conflict: "✖",
};

export function viewLines(run: RunState, { target, nowMs, columns }: ViewOptions): string[] {
  const { ramp, assessment, problem } = run;
  const open = assessment?.findings.filter(({ verdict }) => verdict !== "pass") ?? [];
  const lines = [
    ...rampLines(ramp, nowMs, target.env),
    ...(problem === null ? [] : [`! ${problem}; trying again`]),
    ...findingLines(open),
    ...(isOver(ramp)
      ? []
      : ["  Ctrl-C keeps the share; ramp pause and ramp abort work from any machine"]),
  ];
  return lines.map((line) => cut(escapeForTerminal(line), columns));
}

export interface LineOptions {
  /** In the head, in place of the document's own word. */
  state?: string;
  /** Nobody runs it: what is true instead of what it would do now. */
  silent?: boolean;
  now?: boolean;
  /** False where that is said elsewhere. */
  lease?: boolean;
}

/** What is known of a ramp, for `ramp status` and the head of the live view; without `now` where none runs it. */
export function rampLines(
  ramp: RampDocument,
  nowMs: number,
  env: string,
  { state = ramp.state, silent = false, now = true, lease = true }: LineOptions = {},
): string[] {
  const open = !isOver(ramp);
  const mark = silent ? "!" : MARKS[ramp.state];
  const who = `by ${ramp.by} on ${ramp.host}, started ${age(nowMs - Date.parse(ramp.started_at))}`;
  const present = silent ? standingText(ramp, nowMs) : nowText(ramp, nowMs);
  return [
    `${mark} ramp in ${env}: ${state}, ${silent ? "at " : ""}${shareOf(ramp)}, ${stepText(ramp)}`,
    `  plan      ${planLine(ramp)}`,
    ...(open && now ? [`  now       ${present}`] : []),
    ...gateLine(ramp),
    ...(open && lease ? leaseLine(ramp) : []),
    ...endLine(ramp),
    `  ${ramp.mode.padEnd(9)} ${who}${ramp.reason === null ? "" : ` ("${ramp.reason}")`}`,
  ];
}

/** `✔5 → [10] → 25 → 50 → 100`, with the times that are still to come. */
function planLine({ plan, step, state }: RampDocument): string {
  return plan
    .map(({ percent, hold_s }, index) => {
      const time = hold_s === null ? "" : `:${shortDuration(hold_s)}`;
      if (index < step || (index === step && state === "done")) return `✔${percent}`;
      return index === step ? `[${percent}${time}]` : `${percent}${time}`;
    })
    .join(" → ");
}

function gateLine({ gate, gates, min_native_requests: least }: RampDocument): string[] {
  if (!gates) return ["  gate      none: forced"];
  if (gate === null) return [];
  const count = gate.native_requests;
  const seen =
    count === null ? "" : `, ${counted(count, "native request")} (needs ${countText(least)})`;
  const why = gate.why === "" ? "" : `: ${gate.why}`;
  return [`  gate      ${gate.verdict}${seen}${why}`];
}

function leaseLine({ lease_until, base }: RampDocument): string[] {
  if (lease_until === null) return [];
  return [`  lease     until ${isoSeconds(lease_until)}, then ${base.percent} % unless renewed`];
}

function endLine({ ended }: RampDocument): string[] {
  return ended === null ? [] : [`  ended     ${isoSeconds(ended.at)} by ${ended.by}: ${ended.why}`];
}

/** Changes when something happened, not as time goes by. */
export function changeLine({ ramp, problem }: Pick<RunState, "ramp" | "problem">): string {
  const mark = MARKS[ramp.state];
  const gate = ramp.gate === null || isOver(ramp) ? "" : `; gate ${ramp.gate.verdict}`;
  const trouble = problem === null ? "" : `; ${problem}`;
  const text = `${mark} ${stepText(ramp)}, ${shareOf(ramp)}: ${happening(ramp)}${gate}${trouble}`;
  return escapeForTerminal(text);
}

function happening(ramp: RampDocument): string {
  if (ramp.ended !== null) return `${ramp.state}, ${ramp.ended.why} (${ramp.ended.by})`;
  if (ramp.paused !== null) return `paused by ${ramp.paused.by}, ${ramp.paused.why}`;
  if (ramp.relief !== null) return `${ramp.relief.action}: ${ramp.relief.why}`;
  if (ramp.step < 0) return "starting";
  if (ramp.phase === "settle") return "written, not yet live everywhere";
  return `live, holding until ${isoSeconds(ramp.hold_until ?? "an unknown time")}${ramp.extended ? " (extended)" : ""}`;
}
