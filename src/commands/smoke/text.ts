/** The six checks as lines, and in one sentence why they are not good enough. */

import type { Verdict } from "../../domain/policy/verdict.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { counted, isoSeconds } from "../../domain/text/format.ts";
import { seconds, VERDICT_MARKS } from "../lib/format.ts";
import type { SmokeReport } from "./checks.ts";

const NAME_CHARS = 20;

export function smokeLines(smoke: SmokeReport): string[] {
  const served = smoke.cohorts.length === 0 ? "no cohort" : smoke.cohorts.join(" and ");
  const lines = [
    `  smoke     ${smoke.base ?? "no address"}, ${isoSeconds(smoke.at)}, served by ${served}, file ${smoke.file}`,
    ...smoke.checks.map(({ name, verdict, detail, elapsed_ms: ms }) => {
      const shown = verdict === "pass" || verdict === "fail" ? "" : `${verdict}: `;
      return `${VERDICT_MARKS[verdict]} ${name.padEnd(NAME_CHARS)} ${seconds(ms).padStart(7)}  ${shown}${detail}`;
    }),
  ];
  return lines.map(escapeForTerminal);
}

/** Null when all six passed: a check that was not made is not good news. */
export function smokeReason({ checks }: SmokeReport): string | null {
  const named = (wanted: (verdict: Verdict) => boolean): string[] =>
    checks.filter(({ verdict }) => wanted(verdict)).map(({ name }) => name);
  const failed = named((verdict) => verdict === "fail");
  if (failed.length > 0)
    return `${failed.length} of ${counted(checks.length, "check")} failed: ${failed.join(", ")}`;
  const open = named((verdict) => verdict !== "pass");
  return open.length === 0 ? null : `no check failed, but some could not run: ${open.join(", ")}`;
}
