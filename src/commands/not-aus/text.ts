/** The lines of a stop. */
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Outcome } from "../command.ts";
import { liveLine, missingLines, othersFollow, seconds, timeWithAge } from "../lib/format.ts";
import { proxyLines } from "../lib/proxy-health.ts";
import { isInBeacon, isInKv, type NotAusData } from "./data.ts";

/** A stop that was not written has nothing to be live: what `/qa` shows is in the headline. */
function liveLines(outcome: Outcome<unknown>, data: NotAusData): string[] {
  if (outcome.kind === "failed" || data.stop === null) return [];
  return [`  live      ${liveLine(data)}`, ...missingLines(data)];
}

function workerText({ written: { worker_ms, carriers = [] } }: NotAusData): string {
  if (worker_ms === undefined) return "";
  if (worker_ms === null) return " · worker –";
  return ` · worker ${seconds(worker_ms)} (${escapeForTerminal(carriers.join(", "))})`;
}

/** What is in force all the same. */
function openLines(outcome: Outcome<unknown>, data: NotAusData): string[] {
  if (outcome.kind !== "done") return [];
  if (data.api_problem !== undefined) {
    return [
      `! ${escapeForTerminal(data.api_problem)}; the Worker did`,
      "! emergency flag in config not confirmed; run not-aus again when the API answers",
    ];
  }
  if (data.written.config_ms !== null) return [];
  return ["! emergency flag in config not confirmed; run not-aus again"];
}

/** Where a stop that was certainly not written has nothing to be brought. */
function beaconLines(outcome: Outcome<unknown>, { stop, beacon_problem }: NotAusData): string[] {
  if (outcome.kind === "failed" || stop === null || beacon_problem === undefined) return [];
  return [
    `! ${escapeForTerminal(beacon_problem)}: there the stop arrives by KV alone (about 60 s)`,
  ];
}

export function stopText(outcome: Outcome<unknown>, data: NotAusData): string {
  const stage = (ms: number | null) => (ms === null ? "–" : seconds(ms));
  const lines = [
    ...(data.stop === null ? [] : [`  stop      ${data.stop.id}`]),
    `  written   stop ${stage(data.written.stop_ms)} · config ${stage(data.written.config_ms)}${workerText(data)}`,
    `  stored    ${stage(data.stored.stop_ms)}`,
    ...liveLines(outcome, data),
  ];
  if (data.already !== null) {
    const { at, by, reason } = data.already;
    const why = reason === null ? "" : ` ("${reason}")`;
    lines.push(
      escapeForTerminal(
        `  before    already stopped, ${timeWithAge(at, data.at_ms)} by ${by ?? UNKNOWN_AUTHOR}${why}`,
      ),
    );
  }
  lines.push(...proxyLines(data.proxy_sick));
  lines.push(...openLines(outcome, data));
  lines.push(...beaconLines(outcome, data));
  if (outcome.kind === "done") {
    lines.push(`  ${othersFollow({ inKv: isInKv(data), inBeacon: isInBeacon(data) })}`);
  }
  // A stop that is stored needs no hands, only time.
  if (outcome.kind !== "done" && data.stored.stop_ms === null && data.manual.length > 0) {
    lines.push("By hand:", ...data.manual.map((line) => `  ${line}`));
  }
  const isEnough = outcome.kind === "done" && data.beacon_problem === undefined;
  if (!isEnough && outcome.kind !== "interrupted" && data.ladder.length > 0) {
    lines.push("If that is not enough:", ...data.ladder.map((line) => `  ${line}`));
  }
  return lines.join("\n");
}
