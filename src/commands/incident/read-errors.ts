/** The errors of an incident, from logs that were pulled: it works without a network. Never throws. */
import type { ErrorFacts } from "../../domain/incident/facts.ts";
import { LogAnalysis } from "../../domain/logs/analysis.ts";
import { doubtsOf } from "../../domain/logs/doubt.ts";
import { changesOf } from "../../domain/logs/timeline.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Known } from "./known.ts";

interface Given {
  logs: string | null;
  known: Known;
  fromMs: number;
  toMs: number;
}

export async function readErrors(
  ports: Ports,
  { logs, known, fromMs, toMs }: Given,
  signal: AbortSignal,
): Promise<ErrorFacts> {
  if (logs === null) return { kind: "unknown", because: "no logs were named (--logs)" };
  const { reader } = ports.logs;
  try {
    const { sources, warnings, empty } = await reader.find([logs]);
    for (const warning of warnings) ports.progress.warn(warning);
    if (empty.length > 0) return { kind: "unknown", because: `no log file below ${logs}` };
    const scope = { route: null, cohort: null, grep: null };
    const filter = { levels: new Set(["ERROR"]), ...scope, sinceMs: fromMs, untilMs: toMs };
    const analysis = new LogAnalysis({ filter, changes: changesOf(known.entries) });
    const reading = await reader.read(sources, analysis, { signal });
    const report = analysis.report();
    const likely = report.causes.map(({ name, look }) => `${name} (look at ${look})`);
    const { groups, others } = report;
    const doubts = doubtsOf(report, reading);
    return { kind: "known", fromMs, toMs, groups, others, doubts, likely };
  } catch (error) {
    return { kind: "unknown", because: error instanceof Error ? error.message : String(error) };
  }
}
