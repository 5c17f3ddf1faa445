/**
 * Everybody back to proxy, now. Writes `stop` and mirrors `config` at once, blind: no read, lock or
 * prompt comes before. Done means: the stop is written and every `/qa` of the environment shows the
 * emergency; anything less is said to be pending.
 */
import * as z from "zod";
import { compare } from "../domain/expectation.ts";
import type { Ports } from "../ports.ts";
import type { CommandDef, CommonInput, NoFlags, Outcome } from "./command.ts";
import { leaveTrace } from "./shared/leave-trace.ts";
import { manualLines } from "./shared/manual-lines.ts";
import type { LiveProof } from "./shared/prove-live.ts";
import { isLive } from "./shared/prove-live.ts";
import { wrote } from "./shared/settle.ts";
import { EMERGENCY, WRITE_SHARE, writeAndProve } from "./shared/stop-run.ts";
import type { StopRun } from "./shared/stop-verdict.ts";
import { stopVerdict } from "./shared/stop-verdict.ts";
import { liveLine, missingLines, OTHERS_FOLLOW, seconds, timeWithAge } from "./shared/words.ts";

export interface NotAusData {
  stop: { id: string; at: string };
  written: { stop_ms: number | null; config_ms: number | null };
  stored: { stop_ms: number | null };
  live: LiveProof["live"];
  missing: LiveProof["missing"];
  /** The stop that was already in force everywhere, if one was. */
  already: { id: string | null; at: string | null; by: string | null } | null;
  proxy_sick: string | null;
  manual: string[];
  at_ms: number;
}

export const notAus: CommandDef<NoFlags, null, NotAusData> = {
  name: "not-aus",
  summary: "Stop: bring everybody back to proxy, at once",
  details:
    "Every visitor is served by the legacy origin, sticky cookies and test headers included, until " +
    "`restore`. Never asks. Uploads that began on native and are not finished will have to begin again.",
  examples: [
    "pixcanary not-aus --env production",
    'pixcanary not-aus --env production --reason "5xx spike" --incident INC-42',
  ],
  options: [],
  mutates: true,
  timeoutMs: 10_000,
  input: z.object({}),
  async plan() {
    return {
      kind: "plan",
      risk: "relief",
      changes: [
        { what: "stop", before: "not read", after: "active" },
        { what: "config", before: "not read", after: "0 %, emergency on" },
      ],
      notes: [],
      steps: null,
    };
  },
  apply: (_steps, input, ports) => pullTheStop(input, ports),
  render,
};

export async function pullTheStop(input: CommonInput, ports: Ports): Promise<Outcome<NotAusData>> {
  const startedMs = ports.clock.monotonic();
  const within = (ms: number) => AbortSignal.any([ports.clock.timeout(ms), ports.interrupt]);
  const signal = within(input.timeoutMs);
  const writeSignal = within(input.timeoutMs * WRITE_SHARE);
  const run = await writeAndProve(input, ports, { signal, writeSignal, startedMs });
  const outcome = stopVerdict(run, dataOf(run, ports), ports);
  await leaveTrace(ports, input, {
    command: "not-aus",
    id: run.stop.id ?? "",
    before: beforeOf(run),
    after: { percent: 0, emergency: true, revision: run.stop.id ?? null },
    outcome: traceOutcome(run, outcome),
    locations: run.proof.live.map((l) => l.location),
    elapsedMs: ports.clock.monotonic() - startedMs,
  });
  return outcome;
}

function beforeOf(run: StopRun) {
  const qa = run.before.find((s) => s.qa !== null && s.qa.stop.id !== run.stop.id)?.qa;
  if (qa === undefined || qa === null) return null;
  const { percent, emergency_proxy: emergency, revision } = qa.canary;
  return { percent, emergency, revision };
}

function traceOutcome(run: StopRun, outcome: Outcome<NotAusData>) {
  if (outcome.kind === "interrupted") return "interrupted" as const;
  if (run.verify && isLive(run.proof)) return "live" as const;
  if (run.stored.kind === "stored") return "stored" as const;
  return wrote(run.writes.stop) ? ("written" as const) : ("unknown" as const);
}

function dataOf(run: StopRun, ports: Ports): NotAusData {
  const ms = (result: StopRun["writes"]["stop"]) =>
    result.kind === "written" ? Math.round(result.elapsedMs) : null;
  const already =
    run.before.length > 0 &&
    run.before.every((s) => compare(EMERGENCY, s).seen && s.qa?.stop.id !== run.stop.id)
      ? (run.before[0]?.qa?.stop ?? null)
      : null;
  const sick = run.proof.sightings.find((s) => s.qa?.health.proxy.status === "failing");
  return {
    stop: { id: run.stop.id ?? "", at: run.stop.at ?? "" },
    written: { stop_ms: ms(run.writes.stop), config_ms: ms(run.writes.config) },
    stored: { stop_ms: run.stored.kind === "stored" ? Math.round(run.stored.elapsedMs) : null },
    live: run.proof.live,
    missing: run.proof.missing,
    already: already === null ? null : { id: already.id, at: already.at, by: already.by },
    proxy_sick: sick === undefined ? null : (sick.qa?.health.proxy.problem ?? "failing"),
    manual: manualLines(ports.target),
    at_ms: ports.clock.now(),
  };
}

function render(outcome: Outcome<NotAusData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const stage = (ms: number | null) => (ms === null ? "–" : seconds(ms));
  const lines = [
    `  stop      ${data.stop.id}`,
    `  written   stop ${stage(data.written.stop_ms)} · config ${stage(data.written.config_ms)}`,
    `  stored    ${stage(data.stored.stop_ms)}`,
    `  live      ${liveLine(data)}`,
    ...missingLines(data),
  ];
  if (data.already !== null) {
    lines.push(`  before    already stopped since ${timeWithAge(data.already.at, data.at_ms)}`);
  }
  if (data.proxy_sick !== null)
    lines.push(`! proxy, the refuge, is failing itself: ${data.proxy_sick}`);
  if (outcome.kind === "done") lines.push(`  ${OTHERS_FOLLOW}`);
  if (outcome.kind === "failed" || outcome.kind === "pending") {
    lines.push("By hand:", ...data.manual.map((line) => `  ${line}`));
  }
  return lines.join("\n");
}
