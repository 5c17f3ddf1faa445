/** What is left on the screen when a ramp's run, or a word about it, has ended. */

import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Outcome } from "../command.ts";
import type { RampData } from "./run-state.ts";
import { rampLines } from "./text.ts";

/** The help page's lines on `--json`. */
export function documentsHelp(verb: string): string {
  return [
    "With --json: one document per change and line (NDJSON), then one that says how it ended:",
    '  {"schema":1,"at":"2025-11-15T10:31:02Z","kind":"ramp","text":"…","ramp":{…}}',
    `  {"schema":1,"command":"${verb}","outcome":"done","exit_code":0,"ramp":{…},…}`,
  ].join("\n");
}

/** A run that has ended says in its outcome where the ramp stands, and until when; `goes`: it goes on. */
export function renderRamp(outcome: Outcome<RampData>, goes = outcome.kind === "done"): string {
  if (!("data" in outcome) || !outcome.data) return "";
  const { ramp, at_ms } = outcome.data;
  const lines = rampLines(ramp, at_ms, "this environment", { now: goes, lease: goes }).slice(1);
  return lines.map(escapeForTerminal).join("\n");
}
