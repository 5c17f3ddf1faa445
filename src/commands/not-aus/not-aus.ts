/**
 * Everybody back to proxy, now. Writes `stop` and mirrors `config` at once, blind: no read, lock or
 * prompt comes before. Done means: the stop is written and every `/qa` of the environment shows the
 * emergency; anything less is said to be pending.
 */
import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import { carriersAt } from "../../domain/proof/expectation.ts";
import type { StopDocument } from "../../domain/state/documents.ts";
import { NO_CHANGE } from "../../domain/state/journal.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, CommonInput, Outcome } from "../command.ts";
import { flag, oneOf, textUpTo } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { isLive } from "../lib/prove-live.ts";
import { keepEarly, leaveTrace, type Trace } from "../lib/record-change.ts";
import type { SignedWrite } from "../lib/signed.ts";
import { mayHaveWritten, wrote } from "../lib/write-result.ts";
import type { NotAusData } from "./data.ts";
import { earlierOf } from "./earlier.ts";
import { manualLines } from "./manual-lines.ts";
import { isRungData, type RungData, type RungSteps, type Rungs, rungEndText } from "./rung-data.ts";
import type { StopRun } from "./stop-run.ts";
import { stopText } from "./text.ts";
import {
  isApiSilent,
  isTokenRefused,
  isUnwritten,
  isWithoutEffect,
  stopVerdict,
} from "./verdict.ts";
import { WRITE_SHARE, writeAndProve } from "./write-and-prove.ts";

export type { NotAusData };

/** A deployment takes seconds, a deleted route may take a minute. */
const RUNG_LIMIT_MS = 60_000;

const input = z.object({
  via: flag(
    "--via <rung>",
    "by another way than KV: version (deploy the proxy-only version) or route (delete the route)",
    oneOf(["version", "route"]).optional(),
  ),
  confirmRoute: flag(
    "--confirm-route <pattern>",
    "with --via route: its pattern, in place of the question",
    textUpTo(1_000).optional(),
  ),
});

/** `rungs`: for `--via`, where this program has them. */
export const notAusVerb = (
  rungs: Rungs | null,
): ChangingVerb<typeof input, RungSteps | null, NotAusData | RungData> => ({
  name: "not-aus",
  summary: "Stop: send all traffic to proxy (the legacy origin) now",
  details:
    "Sends every visitor to the legacy origin, also those with cookies and overrides, until " +
    "`restore`. A stop never asks; only --via route, which deletes the route, does. Unfinished uploads on native have to " +
    "be started again. --via is for when that is not enough: it needs the Workers API instead of KV.",
  examples: [
    "pixcanary not-aus --env production",
    'pixcanary not-aus --env production --reason "5xx spike" --incident INC-42',
  ],
  relief: true,
  timeoutMs: 10_000,
  timeoutFor: ({ via }) => (via === undefined ? 10_000 : RUNG_LIMIT_MS),
  input,
  async plan(given, ports) {
    if (given.via !== undefined && rungs !== null) return rungs.plan(given, ports);
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
  async apply(steps, given, ports) {
    if (steps !== null && rungs !== null) return rungs.apply(steps, given, ports);
    return pullTheStop(given, ports);
  },
  render,
});

/** As the relief program has it; `--via` is another program's, see bin/pixcanary.js. */
export const notAus = notAusVerb(null);

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
    const found = { before: beforeOf(run), locations, elapsedMs: provedMs(run) ?? elapsedMs() };
    return leaveTrace(ports, input, trace(run, { ...found, ...more }), early);
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

/** Until it was live, or else until the first carrier had it: what else was tried is not what it took. */
function provedMs({ proof, writes }: Pick<StopRun, "proof" | "writes">): number | null {
  if (isLive(proof)) return Math.max(...proof.live.map(({ elapsedMs }) => elapsedMs));
  const times = [writes.stop, writes.signed].flatMap((write) => {
    return write.kind === "written" ? [write.elapsedMs] : [];
  });
  return times.length === 0 ? null : Math.min(...times);
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
    ...beaconProblem(run),
    stored: { stop_ms: run.stored.kind === "stored" ? Math.round(run.stored.elapsedMs) : null },
    live: run.proof.live,
    missing: run.proof.missing,
    already: alreadyOn(run),
    proxy_sick: null,
    manual: manualOf(run, ports),
    ladder: isApiSilent(run)
      ? []
      : ["version", "route"].map((via) => invocation(ports.target, `not-aus --via ${via}`)),
    at_ms: ports.clock.now(),
  };
}

/** What the Worker has taken while the API does not answer needs no hands, and they could do nothing. */
function manualOf(run: StopRun, { target }: Ports): readonly string[] {
  const apiSilent = isApiSilent(run);
  if (apiSilent && wrote(run.writes.signed)) return [];
  return manualLines(target, { tokenRefused: isTokenRefused(run), apiSilent });
}

function beaconProblem({ stop, writes, proof }: StopRun): Pick<NotAusData, "beacon_problem"> {
  const { signed } = writes;
  const { sightings } = proof;
  const carried = sightings.some((at) => carriersAt(at, stop.id)?.includes("beacon"));
  if (!carried && signed.kind === "written" && signed.lacking.includes("beacon")) {
    return { beacon_problem: "the beacon has not taken the stop" };
  }
  const deaf = sightings.filter(({ qa }) => qa?.beacon?.failing === true).map(placeOf);
  if (deaf.length === 0) return {};
  return { beacon_problem: `the beacon does not answer at ${deaf.join(", ")}` };
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

function render(outcome: Outcome<NotAusData | RungData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  return isRungData(data) ? rungEndText(outcome, data) : stopText(outcome, data);
}
