/** What is left on the screen when a ramp's run, or a word about it, has ended. */
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Outcome } from "../command.ts";
import type { RampData } from "./run-state.ts";
import { rampLines } from "./text.ts";

export function renderRamp(outcome: Outcome<RampData>): string {
  if (!("data" in outcome) || !outcome.data) return "";
  const { ramp, at_ms } = outcome.data;
  return rampLines(ramp, at_ms, "this environment").slice(1).map(escapeForTerminal).join("\n");
}
