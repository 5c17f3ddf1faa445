/**
 * Back down the ladder, as far as the plain stop: first the route, then the version, each proved before the next. The
 * stop must be in force when the Worker is back, so it is stored first, and each location must show it before
 * visitors reach a version that could serve them by native. Its release is another restore's business, which then can
 * see native's health at `/qa` again.
 */

import { shortId, splitText } from "../../domain/ladder/proxy-only.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { timeOf } from "../../domain/lib/time.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Change, CommonInput, Outcome } from "../command.ts";
import { invocation, liveLine, missingLines } from "../lib/format.ts";
import type { RungsTaken } from "../lib/rungs-taken.ts";
import { stopToo } from "../lib/stop-too.ts";
import { type Base, readBase } from "../lib/stored-state.ts";
import { wrote } from "../lib/write-result.ts";
import { again, type Down, type DownData, refusal, type Step } from "./down-run.ts";
import { routeBack, versionBack } from "./rungs-back.ts";

/** KV promises "60 s or more": so long a stop is stored before a Worker that reads KV may be reached again. */
const STOP_AGE_MS = 120_000;

export interface DownSteps {
  down: RungsTaken;
  base: Base;
}

export function downChanges({ route, version }: RungsTaken): Change[] {
  const routes = (route?.missing ?? []).map(({ pattern, script }) => {
    return {
      what: "route",
      before: "deleted",
      after: `${pattern} leads to ${script ?? "no Worker"}`,
    };
  });
  if (version === null) return routes;
  const before = `proxy-only ${shortId(version.id)}`;
  const after = version.before === null ? "not known" : splitText(version.before);
  return [...routes, { what: "version", before, after }];
}

export async function walkDown(
  { down, base }: DownSteps,
  input: CommonInput,
  ports: Ports,
): Promise<Outcome<DownData>> {
  const startedMs = ports.clock.monotonic();
  const signal = anySignal([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const onRetry = (problem: string): void => ports.progress.warn(`${problem}; trying again`);
  const run: Down = {
    input,
    ports,
    call: { signal, onRetry },
    startedMs,
    data: { back: [], stop_set: null },
  };
  const unstopped = await keepStopped(base, run);
  if (unstopped !== null) return unstopped;
  if (down.route !== null) {
    const young = down.version === null ? await tooYoung(run) : null;
    if (young !== null) return young;
    const ended = await routeBack(run, down.route);
    if (ended !== null) return ended;
  }
  if (down.version !== null) {
    const still = await stillStopped(run);
    if (still !== null) return still;
    const ended = await versionBack(run, down.version);
    if (ended !== null) return ended;
  }
  const next = `${invocation(ports.target, "restore")} --reason "…"   # releases the stop`;
  const headline = "the Worker is back, and the stop is in force";
  return { kind: "done", changed: true, data: run.data, headline, next };
}

/** Sets a stop where none is stored: the Worker must not come back without one. */
async function keepStopped(base: Base, run: Down): Promise<Step> {
  if (isEmergency(base.state)) return null;
  const { ports, call, startedMs } = run;
  const elapsed = () => ports.clock.monotonic() - startedMs;
  ports.progress.note("no stop is stored: this restore sets one before it puts anything back");
  const stop = stopToo(ports, { reason: ownReason(run.input) }, call, elapsed);
  const write = await stop.written;
  if (wrote(write)) {
    run.data.stop_set = stop.id;
    return stillStopped(run);
  }
  const why = write.kind === "failed" ? write.error.message : "no answer";
  return refusal(run, `no stop is stored, and none could be written: ${why}`);
}

/** Why a restore was typed is not why there is a stop. */
function ownReason({ reason = "" }: CommonInput): string {
  return `set by restore, before it puts the Worker back (its reason: ${reason})`.slice(0, 400);
}

/** Looked at right before each step. */
async function stillStopped(run: Down): Promise<Step> {
  const now = await readBase(run.ports, run.call.signal);
  if (!("state" in now)) return refusal(run, `the stored state cannot be read: ${now.message}`);
  return isEmergency(now.state) ? null : refusal(run, "the stop was released meanwhile");
}

/** Without the proxy-only version nothing shows whether a location has read the stop, before visitors are there. */
async function tooYoung(run: Down): Promise<Step> {
  const { ports, call, data } = run;
  const now = await readBase(ports, call.signal);
  if (!("state" in now)) return refusal(run, `the stored state cannot be read: ${now.message}`);
  const { stop, config } = now.state;
  // A rung sets both anew: the younger one is when it was taken, whatever is older.
  const times = [
    stop.kind === "valid" && stop.value.active ? timeOf(stop.value.at) : Number.NaN,
    config.kind === "valid" && config.value.emergency_proxy
      ? timeOf(config.value.last_updated)
      : Number.NaN,
  ].filter(Number.isFinite);
  const ageMs = (ports.apiClock.now() ?? ports.clock.now()) - Math.max(...times);
  if (times.length === 0 || ageMs >= STOP_AGE_MS) return null;
  const waitS = Math.ceil((STOP_AGE_MS - ageMs) / 1_000);
  const waitingFor = `the stop to be ${STOP_AGE_MS / 1_000} s old, in ${waitS} s: locations may not have read it yet; nothing was put back`;
  return { kind: "pending", data, waitingFor, next: again(run) };
}

export function downText(data: DownData): string {
  const back = data.back.flatMap(({ what, text, proof }) => {
    return [
      `  ${what.padEnd(8)}  ${text}`,
      `  live      ${liveLine(proof)}`,
      ...missingLines(proof),
    ];
  });
  const { stop_set: set } = data;
  return [...(set === null ? [] : [`  stop      ${set}, set by this restore`]), ...back].join("\n");
}
