/** How `not-aus --via` ends, and the trace that it leaves. Never "done" without proof. */
import type { RouteRung, Rung } from "../../domain/ladder/rung.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { NO_CHANGE } from "../../domain/state/journal.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { invocation } from "../lib/format.ts";
import { isLive, type LiveProof, NOT_ASKED } from "../lib/prove-live.ts";
import { keepEarly, leaveTrace, type Trace } from "../lib/record-change.ts";
import { type StopToo, stopToo } from "../lib/stop-too.ts";
import { gaveNoAnswer, mayHaveWritten, wrote } from "../lib/write-result.ts";
import type { RungData, RungInput, Via } from "./rung-data.ts";
import { WRITE_SHARE } from "./write-and-prove.ts";

export interface RungRun {
  via: Via;
  input: RungInput;
  ports: Ports;
  stop: StopToo;
  elapsed: () => number;
  /** The words to type again. */
  again: string;
}

/** What a rung is taken with: its stop is sent at once, and nothing waits for it. */
export interface RungStart {
  run: RungRun;
  call: CallOptions;
  startedMs: number;
  /** Aborts when the command's time is over, or on Ctrl-C. */
  signal: AbortSignal;
}

export function beginRung(via: Via, again: string, input: RungInput, ports: Ports): RungStart {
  const { clock, interrupt, progress } = ports;
  const startedMs = clock.monotonic();
  const elapsed = () => clock.monotonic() - startedMs;
  const within = (ms: number) => anySignal([clock.timeout(ms), interrupt]);
  const call = {
    signal: within(input.timeoutMs * WRITE_SHARE),
    onRetry: (problem: string) => progress.warn(`${problem}; trying again`),
  };
  const stop = stopToo(ports, input, call, elapsed);
  const run = { via, input, ports, stop, elapsed, again };
  return { run, call, startedMs, signal: within(input.timeoutMs) };
}

export interface Taken {
  rung: Rung;
  proof: LiveProof;
  /** The API acknowledged it, or showed it. */
  sure: boolean;
}

export type RungEnd =
  | ({ kind: "taken"; already: boolean } & Taken)
  | { kind: "not-taken"; problem: string; error?: UpstreamError; fix?: string }
  /** Some of the routes are deleted, and `left` still lead to the Worker. */
  | {
      kind: "in-part";
      rung: RouteRung;
      left: readonly string[];
      problem: string;
      error: UpstreamError;
    };

/** On disk before anything is changed: what `restore` has to put back outlives this process. */
export function keepRungEarly(run: RungRun, rung: Rung): Promise<boolean> {
  const trace = traceOf(run, { rung, proof: NOT_ASKED, sure: false }, "");
  return keepEarly(run.ports, run.input, trace);
}

export async function traceRung(run: RungRun, taken: Taken, note: string): Promise<void> {
  await leaveTrace(run.ports, run.input, traceOf(run, taken, note));
}

function traceOf({ stop, input, elapsed }: RungRun, taken: Taken, note: string): Trace {
  const { rung, proof, sure } = taken;
  const live = input.verify && isLive(proof);
  return {
    command: "not-aus",
    id: stop.id,
    before: null,
    after: { percent: 0, emergency: true, revision: stop.id },
    outcome: live ? "live" : sure ? "written" : "unknown",
    locations: proof.live.map(({ location }) => location),
    elapsedMs: elapsed(),
    notes: [note],
    rung,
  };
}

export async function endRung(run: RungRun, end: RungEnd): Promise<Outcome<RungData>> {
  const { ports, via, stop } = run;
  const write = await stop.written;
  const stopText = wrote(write)
    ? "the stop is written"
    : mayHaveWritten(write)
      ? "the stop may be written"
      : "the stop is not written";
  if (write.kind === "failed") ports.progress.warn(`stop: ${write.error.message}`);
  const data = dataOf(run, end, wrote(write));
  const next = invocation(ports.target, run.again);
  const interrupted = interruptedBy(ports.interrupt);
  if (end.kind !== "taken") {
    if (end.kind === "not-taken") {
      await traceStopAlone(run, end.problem, wrote(write) || mayHaveWritten(write));
    }
    const truth = `${end.kind === "in-part" ? partText(end) : `no ${via} was changed`}; ${stopText}`;
    if (interrupted !== null) {
      return { kind: "interrupted", signal: interrupted, truth, next, data };
    }
    return notTaken(run, end, { data, truth });
  }
  const { proof, sure, already } = end;
  const seen = `${proof.live.length} of ${proof.live.length + proof.missing.length} /qa`;
  const truth = `${sure ? doneText(via) : maybeText(via)}, seen at ${seen}; ${stopText}`;
  if (interrupted !== null) return { kind: "interrupted", signal: interrupted, truth, next, data };
  if (sure && (isLive(proof) || !run.input.verify)) {
    const status = invocation(ports.target, "status");
    const headline = already ? { headline: alreadyText(via, stopText) } : {};
    return { kind: "done", changed: !already, data, next: status, ...headline };
  }
  const waitingFor = `every /qa to show it; ${truth}`;
  return { kind: "pending", data, waitingFor, next };
}

/** Sent, and no answer says what became of it. */
function maybeText(via: Via): string {
  return via === "version" ? "the proxy-only version may be deployed" : "the route may be deleted";
}

function partText({ rung, left }: Extract<RungEnd, { kind: "in-part" }>): string {
  const gone = rung.routes.map(({ pattern }) => pattern).join(", ");
  return `the route ${gone} is deleted; ${left.join(", ")} still leads to the Worker`;
}

function alreadyText(via: Via, stopText: string): string {
  const what =
    via === "version"
      ? "the proxy-only version was deployed already"
      : "the route was deleted already";
  return `${what}; ${stopText}`;
}

function doneText(via: Via): string {
  return via === "version" ? "the proxy-only version is deployed" : "the route is deleted";
}

function notTaken(
  run: RungRun,
  { problem, error, fix }: { problem: string; error?: UpstreamError; fix?: string },
  { data, truth }: { data: RungData; truth: string },
): Outcome<RungData> {
  const kind = error?.kind;
  const auth = kind === "auth" || kind === "forbidden";
  const code = auth ? "auth" : error === undefined ? "usage" : "upstream";
  const again = invocation(run.ports.target, run.again);
  // Without an answer of the API no rung can be taken; the stop may still go by the Worker.
  const silent = error !== undefined && gaveNoAnswer(error);
  const rung = run.via === "version" ? "not-aus --via route" : "not-aus --via version";
  const other = silent ? (data.stop.written ? "verify" : "not-aus") : rung;
  const next =
    fix ?? (auth ? `${again} --token-file ANOTHER_TOKEN` : invocation(run.ports.target, other));
  return { kind: "failed", code, message: problem, truth, next, data };
}

function dataOf({ via, stop }: RungRun, end: RungEnd, written: boolean): RungData {
  const empty = { via, stop: { id: stop.id, written }, version: null, routes: [] };
  if (end.kind === "not-taken") return { ...empty, live: [], missing: [] };
  const { live, missing } = end.kind === "taken" ? end.proof : NOT_ASKED;
  const { rung } = end;
  return rung.via === "version"
    ? { ...empty, version: { id: rung.versionId, before: rung.before }, live, missing }
    : { ...empty, routes: rung.routes.map(({ pattern }) => pattern), live, missing };
}

/** The rung was not taken: what is left is a stop, or nothing. */
async function traceStopAlone(run: RungRun, problem: string, stopped: boolean): Promise<void> {
  const { ports, input, stop, elapsed, via } = run;
  await leaveTrace(ports, input, {
    command: "not-aus",
    id: stop.id,
    before: null,
    after: stopped ? { percent: 0, emergency: true, revision: stop.id } : NO_CHANGE,
    outcome: stopped ? "written" : "unknown",
    locations: [],
    elapsedMs: elapsed(),
    notes: [`${stopped ? "" : "FAILED: "}via ${via}: ${problem}`],
    unwritten: !stopped,
  });
}
