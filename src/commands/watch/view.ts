/**
 * The live view, as lines for a terminal of this size. Pure: the same model at the same moment gives the
 * same lines. What matters most comes first and is kept longest when there is little room.
 */

import type { Target } from "../../domain/config/environment.ts";
import type { Finding } from "../../domain/policy/finding.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import { isBehind } from "../../domain/proof/fleet.ts";
import { stateShown } from "../../domain/proof/traffic.ts";
import { beforeStop } from "../../domain/situation/figures.ts";
import type { Situation } from "../../domain/situation/known.ts";
import { hadNoEffect, type JournalEntry } from "../../domain/state/journal.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { clockTime } from "../../domain/text/format.ts";
import { cut, widthOf } from "../../domain/text/width.ts";
import { labelOf, sentence } from "../lib/findings-text.ts";
import { age, invocation, share } from "../lib/format.ts";
import { nextText, situationLines } from "../lib/situation.ts";
import { achievedText, affectedText, changedText, configuredText } from "../lib/summary-text.ts";
import { locationText, storedOf } from "./changes.ts";
import type { Look, WatchModel } from "./model.ts";
import { partsOf } from "./model.ts";
import { seriesLines } from "./series.ts";
import { situationNow } from "./situation.ts";

export interface ViewOptions {
  target: Target;
  nowMs: number;
  columns: number;
  rows: number;
}

const LABEL = 12;

/** No line is longer than `columns`, and there are fewer than `rows`: the cursor needs one. */
export function viewLines(model: WatchModel, options: ViewOptions): string[] {
  const { columns, rows } = options;
  const situation = situationNow(model, options.target, options.nowMs);
  const head = [title(options), ...verdictLines(situation), ...stateLines(model, options)];
  const table = seriesLines(model.health.value, options.target.policy, columns);
  const foot = [...dataLines(model, options), ...nextLines(situation, options)];
  const room = rows - 1 - head.length - table.length - foot.length;
  const lists = [findingLines(model), locationLines(model), journalLines(model, options)];
  const middle = room < 1 ? [] : fitting(lists, room).flat();
  const lines = [...head, ...table, ...middle, ...foot].map((line) => fit(line, columns));
  return shortened(lines, foot.length, rows - 1);
}

function fit(line: string, columns: number): string {
  return cut(escapeForTerminal(line), columns);
}

/** The foot says what to do: it stays, and so does the beginning. */
function shortened(lines: string[], foot: number, rows: number): string[] {
  if (lines.length <= rows) return lines;
  const kept = Math.max(1, rows - foot);
  return [...lines.slice(0, kept), ...lines.slice(lines.length - foot)].slice(0, Math.max(1, rows));
}

/** Each list gets a line in turn until there is no more room. */
function fitting(lists: readonly string[][], room: number): string[][] {
  const taken = lists.map(() => 0);
  for (let left = room; left > 0; ) {
    const before = left;
    for (const [index, list] of lists.entries()) {
      if (left === 0 || (taken[index] ?? 0) >= list.length) continue;
      taken[index] = (taken[index] ?? 0) + 1;
      left -= 1;
    }
    if (left === before) break;
  }
  return lists.map((list, index) => list.slice(0, taken[index]));
}

// --- Head ----------------------------------------------------------------------------------------

function title({ target, nowMs, columns }: ViewOptions): string {
  const left = `pixcanary watch → ${target.env}   ${clockTime(nowMs)}`;
  const right = "Ctrl-C to stop";
  const gap = columns - widthOf(left) - widthOf(right);
  return gap < 2 ? left : `${left}${" ".repeat(gap)}${right}`;
}

/** The worst, and the next two: the lists below tell more of it. */
const VERDICTS = 3;

function verdictLines(situation: Situation): string[] {
  return situationLines(situation).slice(0, VERDICTS);
}

function stateLines(model: WatchModel, { nowMs }: ViewOptions): string[] {
  const { state, share: achieved } = model;
  const config = state.value === null ? null : storedOf(state.value).config;
  const lines = [row("share", state.value === null ? "loading …" : configuredText(config))];
  if (config !== null) lines.push(row("changed", changedText(config, nowMs)));
  if (achieved.value !== null) {
    const affected = affectedText(achieved.value);
    const mark = achieved.value.verdict === "fail" ? "!" : " ";
    lines.push(row("achieved", achievedText(achieved.value), mark));
    if (affected !== null) lines.push(row("affected", affected));
  }
  return [...lines, liveLine(model)];
}

/** A mark before the label: the line's colour follows it. */
function row(label: string, text: string, mark = " "): string {
  return `${mark} ${label.padEnd(LABEL - 2)}${text}`;
}

/** Those that differ from what is stored come first. */
function liveLine(model: WatchModel): string {
  const stored = model.state.value === null ? null : storedOf(model.state.value);
  const wanted = stored?.emergency ? "emergency" : `${stored?.config?.canary_percent ?? "?"} %`;
  const views = model.looks.map((look) => lookText(look, wanted));
  const sorted = [...views.filter(({ odd }) => odd), ...views.filter(({ odd }) => !odd)];
  const odd = views.some((view) => view.odd) ? "!" : " ";
  return row("live", sorted.map(({ text }) => text).join(" · "), odd);
}

function lookText({ url, part, pings }: Look, wanted: string): { text: string; odd: boolean } {
  const { value, failure } = part;
  if (value === null) {
    const place = placeOf({ colo: null, url });
    return { text: `${place} ${failure?.why ?? "loading …"}`, odd: failure !== null };
  }
  const shown = stateShown(value);
  const health = Object.entries(pings ?? {})
    .filter(([, ping]) => ping.kind === "fails")
    .map(([name]) => `, ${name}'s ping fails`)
    .join("");
  const lost = failure === null ? "" : `, ${failure.why}`;
  const differs = shown !== wanted && !shown.startsWith("decides");
  return {
    text: `${placeOf(value)} ${shown}${health}${lost}`,
    odd: differs || health + lost !== "",
  };
}

// --- Lists ---------------------------------------------------------------------------------------

/** Whatever fails or may fail, and how many of the others there are. */
function findingLines({ health, state }: WatchModel): string[] {
  if (health.value === null) return [];
  const { findings, problems } = health.value.assessment;
  const known = new Set(problems.slice(0, 1).map(({ rule }) => rule));
  const open = findings.filter(
    ({ verdict, rule }) => (verdict === "fail" && !known.has(rule)) || verdict === "inconclusive",
  );
  const of = (verdict: Finding["verdict"]) => findings.filter((f) => f.verdict === verdict);
  const counts = (["fail", "inconclusive", "no_data", "pass"] as const)
    .map((verdict) => [of(verdict).length, verdict] as const)
    .filter(([number]) => number > 0)
    .map(([number, verdict]) => `${number} ${verdict}`);
  return [
    row("findings", counts.join(", ")),
    ...open.map((one) => findingLine(one, beforeStop(one, state.value))),
  ];
}

function findingLine(finding: Finding, when: string): string {
  const because = finding.because === null ? "" : `; caused by: ${labelOf(finding.because)}`;
  const mark = when !== "" ? " " : finding.verdict === "fail" ? "✖" : "!";
  return `  ${mark} ${when}${sentence(finding)}${because}`;
}

function locationLines({ locations }: WatchModel): string[] {
  if (locations.value === null) return [];
  const behind = locations.value.filter(isBehind);
  const others = locations.value.filter((location) => !isBehind(location));
  const of = (state: string): string => {
    const colos = others
      .filter((one) => one.state === state)
      .map(({ colo }) => colo || "(unnamed)");
    return colos.length === 0 ? "" : `${state} ${colos.join(" ")}`;
  };
  const text = ["current", "settling", "silent"].map(of).filter((part) => part !== "");
  const summary = row("locations", text.join(" · ") || "no requests since the change");
  return [summary, ...behind.map((one) => `  ! ${one.colo || "(unnamed)"} ${locationText(one)}`)];
}

/** Newest first. */
function journalLines({ journal }: WatchModel, { nowMs }: ViewOptions): string[] {
  if (journal.value === null) return [];
  const entries = [...journal.value].reverse();
  if (entries.length === 0) return [row("journal", "empty")];
  return entries.map((entry, index) => row(index === 0 ? "journal" : "", entryText(entry, nowMs)));
}

function entryText(entry: JournalEntry, nowMs: number): string {
  const ms = Date.parse(entry.at);
  const when = Number.isNaN(ms) ? "at an unknown time" : age(nowMs - ms);
  const [note] = entry.notes;
  if (note !== undefined && hadNoEffect(entry)) return `${when}  ${note}`;
  const side = ({ percent, emergency }: JournalEntry["after"]): string =>
    emergency === true ? "STOP" : share(percent);
  const from = entry.before === null ? "?" : side(entry.before);
  const reason = entry.reason === null ? "" : ` "${entry.reason}"`;
  const change = entry.event === undefined ? `${from} → ${side(entry.after)}` : note;
  return `${when}  ${entry.command}  ${change}  ${entry.actor}${reason}`;
}

// --- Foot ----------------------------------------------------------------------------------------

/** How old each part is; what cannot be had now is said, with why. */
function dataLines(model: WatchModel, { nowMs }: ViewOptions): string[] {
  const since = (atMs: number | null): string =>
    atMs === null ? "–" : String(Math.max(0, Math.round((nowMs - atMs) / 1_000)));
  const looks = model.looks.map(({ part }) => part.seenAtMs ?? 0);
  const oldest = looks.length === 0 || Math.min(...looks) === 0 ? null : Math.min(...looks);
  const parts = partsOf(model);
  const ages = parts.map(([name, { seenAtMs }]) => `${name} ${since(seenAtMs)}`);
  const missing = parts.flatMap(([name, { failure, seenAtMs }]) =>
    failure === null
      ? []
      : [
          `! ${name} unavailable (${seenAtMs === null ? "no data so far" : `last data ${since(seenAtMs)} s old`}): ${failure.why}`,
        ],
  );
  return [...missing.slice(0, 2), row("age (s)", [`/qa ${since(oldest)}`, ...ages].join(" · "))];
}

const NEXT = "→ next:";

function nextLines({ next }: Situation, { target, columns }: ViewOptions): string[] {
  const line = `${NEXT} ${nextText(next, target)}`;
  if (next.kind === "notify" || widthOf(escapeForTerminal(line)) <= columns) return [line];
  // A command that is cut cannot be pasted: without its reason it is shorter.
  const { reason, note } = next;
  const words = reason === "" ? `${next.words} --reason "…"` : next.words;
  return continued(invocation(target, words), columns, note === undefined ? "" : `   # ${note}`);
}

/** Over several lines as a shell takes them; broken at unquoted spaces only. The note if it fits. */
function continued(command: string, columns: number, note: string): string[] {
  const lines: string[] = [];
  let line = NEXT;
  for (const word of command.match(/(?:'[^']*'|\\.|[^\s'\\])+/g) ?? []) {
    if (line !== NEXT && widthOf(`${line} ${word}`) > columns - 2) {
      lines.push(`${line} \\`);
      line = `   ${word}`;
    } else {
      line = `${line} ${word}`;
    }
  }
  return [...lines, widthOf(line + note) <= columns ? line + note : line];
}
