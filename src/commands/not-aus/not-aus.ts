/**
 * Everybody back to proxy, now. Writes `stop` and mirrors `config` at once, blind: no read, lock or
 * prompt comes before. Done means: the stop is written and every `/qa` of the environment shows the
 * emergency; anything less is said to be pending.
 */
import { anySignal } from "../../domain/lib/abort.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { StopDocument } from "../../domain/state/documents.ts";
import { NO_CHANGE } from "../../domain/state/journal.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, CommonInput, Outcome } from "../command.ts";
import { noFlags } from "../flag.ts";
import { liveLine, missingLines, othersFollow, seconds, timeWithAge } from "../lib/format.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { isLive } from "../lib/prove-live.ts";
import { proxyLines } from "../lib/proxy-health.ts";
import { keepEarly, leaveTrace, type Trace } from "../lib/record-change.ts";
import { mayHaveWritten, wrote } from "../lib/write-result.ts";
import { earlierOf } from "./earlier.ts";
import { manualLines } from "./manual-lines.ts";
import type { SignedWrite } from "./signed.ts";
import type { StopRun } from "./stop-run.ts";
import { isTokenRefused, isUnwritten, isWithoutEffect, stopVerdict } from "./verdict.ts";
import { WRITE_SHARE, writeAndProve } from "./write-and-prove.ts";

export interface NotAusData {
  /** null when it is known that this stop was not written (its mirror may be), or is no longer in force. */
  stop: { id: string; at: string } | null;
  /** `worker_ms`: by the Worker itself, to these carriers; absent without an operator key. */
  written: {
    stop_ms: number | null;
    config_ms: number | null;
    worker_ms?: number | null;
    carriers?: readonly string[];
  };
  /** Why the API did not take the stop, where the Worker alone did. */
  api_problem?: string;
  stored: { stop_ms: number | null };
  live: LiveProof["live"];
  missing: LiveProof["missing"];
  /** The emergency that was already on, if one was. */
  already: { at: string; by: string | null; reason: string | null } | null;
  /** What is wrong with proxy itself, as far as was known by the end. */
  proxy_sick: string | null;
  manual: readonly string[];
  at_ms: number;
}

export const notAus: ChangingVerb<typeof noFlags, null, NotAusData> = {
  name: "not-aus",
  summary: "Stop: send all traffic to proxy (the legacy origin) now",
  details:
    "Sends every visitor to the legacy origin, also those with cookies and overrides, until " +
    "`restore`. Never asks. Unfinished uploads on native have to be started again.",
  examples: [
    "pixcanary not-aus --env production",
    'pixcanary not-aus --env production --reason "5xx spike" --incident INC-42',
  ],
  relief: true,
  timeoutMs: 10_000,
  input: noFlags,
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
  const within = (ms: number) => anySignal([ports.clock.timeout(ms), ports.interrupt]);
  const signal = within(input.timeoutMs);
  const writeSignal = within(input.timeoutMs * WRITE_SHARE);
  const elapsedMs = () => ports.clock.monotonic() - startedMs;
  const timing = { signal, writeSignal, startedMs };
  const book = traceBook(input, ports, elapsedMs);
  const run = await writeAndProve(input, ports, timing, book);
  const data = dataOf(run, ports);
  const outcome = stopVerdict(run, data, ports);
  await book.close(run, outcome);
  data.proxy_sick = run.proxyHealth.problem(run.proof.sightings);
  run.proxyHealth.end();
  return outcome;
}

/** The trace of a stop, on disk since it was written, and left as soon as no more is to be learnt for it. */
function traceBook(input: CommonInput, ports: Ports, elapsedMs: () => number) {
  let early: Promise<boolean> | undefined;
  let left = false;
  const trace = (run: Pick<StopRun, "stop">, more: Partial<Trace>): Trace => ({
    command: "not-aus",
    id: run.stop.id ?? "",
    // The Worker leaves an entry of its own, at the stop's time: this one, which tells more, takes its place.
    at: ports.stopSender === null ? undefined : run.stop.at,
    before: null,
    after: { percent: 0, emergency: true, revision: run.stop.id ?? null },
    outcome: "written",
    locations: [],
    elapsedMs: elapsedMs(),
    ...more,
  });
  const leave = (run: Omit<StopRun, "stored">, more: Partial<Trace>): Promise<void> => {
    left = true;
    const locations = run.proof.live.map((l) => l.location);
    return leaveTrace(
      ports,
      input,
      trace(run, { before: beforeOf(run), locations, ...more }),
      early,
    );
  };
  return {
    arrived(stop: StopDocument) {
      early = keepEarly(ports, input, trace({ stop }, {}));
    },
    live: (run: Omit<StopRun, "stored">) => leave(run, { outcome: "live" }),
    async close(run: StopRun, outcome: Outcome<NotAusData>) {
      if (left) return;
      const unwritten = isWithoutEffect(run);
      const effect = effectOf(run, outcome);
      await leave(run, { ...effect, outcome: traceOutcome(run, outcome), unwritten });
    },
  };
}

/** A stop of which nothing was written left everything as it was, and must not read as one. */
function effectOf(run: StopRun, outcome: Outcome<NotAusData>): Pick<Trace, "after" | "notes"> {
  if (!isWithoutEffect(run) || run.stored.kind === "released") {
    return { after: { percent: 0, emergency: true, revision: run.stop.id ?? null } };
  }
  const { stop } = run.writes;
  const why = stop.kind === "failed" ? stop.error.message : "no answer";
  const failed = outcome.kind === "interrupted" ? "interrupted" : why;
  return { after: NO_CHANGE, notes: [`FAILED (${failed}), nothing written`] };
}

function beforeOf({ before }: Pick<StopRun, "before">) {
  if (before === null) return null;
  const { canary_percent: percent, emergency_proxy: emergency, revision = null } = before;
  return { percent, emergency, revision };
}

function traceOutcome(run: StopRun, outcome: Outcome<NotAusData>) {
  if (outcome.kind === "interrupted") return "interrupted" as const;
  if (run.verify && isLive(run.proof)) return "live" as const;
  if (run.stored.kind === "stored") return "stored" as const;
  const { stop, signed } = run.writes;
  return wrote(stop) || wrote(signed) ? ("written" as const) : ("unknown" as const);
}

function dataOf(run: StopRun, ports: Ports): NotAusData {
  const ms = (result: StopRun["writes"]["stop"]) =>
    result.kind === "written" ? Math.round(result.elapsedMs) : null;
  const unwritten = isWithoutEffect(run) || isUnwritten(run);
  return {
    stop: unwritten ? null : { id: run.stop.id ?? "", at: run.stop.at ?? "" },
    written: {
      stop_ms: ms(run.writes.stop),
      config_ms: ms(run.writes.config),
      ...signedData(run.writes.signed),
    },
    ...apiProblem(run),
    stored: { stop_ms: run.stored.kind === "stored" ? Math.round(run.stored.elapsedMs) : null },
    live: run.proof.live,
    missing: run.proof.missing,
    already: alreadyOn(run),
    proxy_sick: null,
    manual: manualLines(ports.target, { tokenRefused: isTokenRefused(run) }),
    at_ms: ports.clock.now(),
  };
}

function signedData(signed: SignedWrite): Partial<NotAusData["written"]> {
  if (signed.kind === "off") return {};
  if (signed.kind !== "written") return { worker_ms: null, carriers: [] };
  return { worker_ms: Math.round(signed.elapsedMs), carriers: signed.carriers };
}

function apiProblem({ writes: { stop, signed } }: StopRun): Pick<NotAusData, "api_problem"> {
  if (stop.kind !== "failed" || !wrote(signed)) return {};
  const how = mayHaveWritten(stop) ? "has not confirmed" : "did not take";
  return { api_problem: `the API ${how} the stop (${stop.error.message})` };
}

/** What shows may be an earlier one that was released since, unless this stop was certainly not written. */
function alreadyOn(run: StopRun): NotAusData["already"] {
  const { before } = run;
  if (before?.emergency_proxy === true) {
    const { last_updated: at, updated_by: by = null, reason = null } = before;
    return { at, by, reason };
  }
  const earlier = isUnwritten(run) ? earlierOf(run) : null;
  if (earlier === null || earlier.at === null) return null;
  return { at: earlier.at, by: earlier.by, reason: earlier.reason };
}

/** A stop that was not written has nothing to be live: what `/qa` shows is in the headline. */
function liveLines(outcome: Outcome<NotAusData>, data: NotAusData): string[] {
  if (outcome.kind === "failed" || data.stop === null) return [];
  return [`  live      ${liveLine(data)}`, ...missingLines(data)];
}

function workerText({ written: { worker_ms, carriers = [] } }: NotAusData): string {
  if (worker_ms === undefined) return "";
  if (worker_ms === null) return " · worker –";
  return ` · worker ${seconds(worker_ms)} (${escapeForTerminal(carriers.join(", "))})`;
}

/** What is in force all the same. */
function openLines(outcome: Outcome<NotAusData>, data: NotAusData): string[] {
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

function render(outcome: Outcome<NotAusData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
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
  if (outcome.kind === "done") lines.push(`  ${othersFollow(data)}`);
  // A stop that is stored needs no hands, only time.
  if (outcome.kind !== "done" && data.stored.stop_ms === null) {
    lines.push("By hand:", ...data.manual.map((line) => `  ${line}`));
  }
  return lines.join("\n");
}
