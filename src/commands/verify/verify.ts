/**
 * Proves what is stored. By itself: waits until every `/qa` shows it. `--fleet` asks the metrics as well,
 * for the locations that no `/qa` of ours reaches; `--smoke` makes the six checks of the QA page.
 */

import * as z from "zod";
import { shownRung } from "../../domain/ladder/shown.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { expectationOf } from "../../domain/proof/expectation.ts";
import { trafficText } from "../../domain/proof/traffic.ts";
import type { Snapshot } from "../../domain/state/journal.ts";
import { snapshotOf } from "../../domain/state/journal.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { flag, onlyNative, onOff } from "../flag.ts";
import type { FleetLimits, FleetReceipt, FleetRun } from "../lib/fleet.ts";
import { standing, watchFleet } from "../lib/fleet.ts";
import { invocation, liveLine, missingLines, OTHERS_FOLLOW, share } from "../lib/format.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { isLive, proveLive } from "../lib/prove-live.ts";
import type { Base } from "../lib/stored-state.ts";
import { authorOf, READ_LIMIT_MS, readBase, unreachable } from "../lib/stored-state.ts";
import type { SmokeReport } from "../smoke/checks.ts";
import { runSmoke } from "../smoke/checks.ts";
import { smokeLines, smokeReason } from "../smoke/text.ts";
import { fleetLines } from "./fleet-text.ts";
import { foundIn, watchRungs } from "./found.ts";

export interface VerifyData {
  /** Null when only the smoke checks were asked for. */
  stored: Snapshot | null;
  live: LiveProof["live"];
  missing: LiveProof["missing"];
  /** Why what is stored is not what visitors get, and what a stop would lack; none when all is well. */
  notes: readonly string[];
  fleet?: FleetReceipt;
  smoke?: SmokeReport;
}

const input = z.object({
  fleet: onOff("--fleet", "also check in the metrics which locations lag, and print a receipt"),
  smoke: onOff("--smoke", "run the six checks of the QA page"),
  cohort: flag(
    "--cohort <cohort>",
    "with --smoke: run on native (needs override mode open)",
    onlyNative.optional(),
  ),
});

type VerifyInput = Given<typeof input>;

const PLAIN_MS = 90_000;
/** KV needs 60 s or more, the Worker's copies 30 s, and the metrics come late. */
const FLEET_MS = 240_000;

export const verify: ReadingVerb<typeof input, VerifyData> = {
  name: "verify",
  summary: "Prove that the stored state is live",
  details:
    "Reads the stored state and polls every /qa until it shows it. Changes no state; --smoke leaves " +
    "one upload behind.",
  examples: [
    "pixcanary verify --env production",
    "pixcanary verify --env production --fleet",
    "pixcanary verify --env production --smoke",
  ],
  moreHelp:
    "--fleet waits (240 s unless --timeout says otherwise) until no location that served requests " +
    "since the change has used an older state for 6 s. A location without visitors shows nothing: it is " +
    "listed as not known.\n" +
    "--smoke works in protected environments, too: it uploads pixcanary-smoke.txt (some 80 bytes) " +
    "through the API, as a visitor would, and leaves it there. It exits 0 only if all six pass. " +
    "Without --fleet it asks every /qa once, in its sixth check. CORS is checked for " +
    '"pagesOrigin" of pixcanary.json.',
  timeoutMs: PLAIN_MS,
  timeoutFor: ({ fleet }) => (fleet ? FLEET_MS : PLAIN_MS),
  input,
  run: verifyAll,
  render,
};

async function verifyAll(input: VerifyInput, ports: Ports): Promise<Outcome<VerifyData>> {
  if (input.cohort !== undefined && !input.smoke) {
    return {
      kind: "failed",
      code: "usage",
      message: "--cohort needs --smoke",
      truth: "nothing was checked",
      next: "pixcanary verify --help",
    };
  }
  const signal = anySignal([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const asked = input.fleet || !input.smoke;
  const proved = asked ? await prove(input, ports, signal) : nothingAsked();
  // A state that somebody is changing, or that cannot be read, is not one to check against.
  if (!input.smoke || (proved.kind !== "done" && proved.kind !== "pending")) return proved;
  const smoke = await runSmoke(ports, { signal, wantsNative: input.cohort === "native" });
  return withSmoke(proved, smoke, ports);
}

type Proved = Exclude<Outcome<VerifyData>, { kind: "declined" }>;

function nothingAsked(): Proved {
  return { kind: "done", changed: false, data: { stored: null, live: [], missing: [], notes: [] } };
}

async function prove(input: VerifyInput, ports: Ports, signal: AbortSignal): Promise<Proved> {
  const startedMs = ports.clock.monotonic();
  const base = await readBase(ports, signal);
  if (!("state" in base)) {
    const truth = `what is stored could not be read; ${await trafficNow(ports, signal)}`;
    return { ...unreachable(base, ports), truth, next: invocation(ports.target, "status") };
  }
  const rungs = watchRungs(ports, signal);
  // A fleet that has ended its watch in conflict or without metrics leaves nothing to wait for.
  const over = new AbortController();
  const [proof, fleet] = await Promise.all([
    proveLive(ports, () => ({ ...expectationOf(base.state), rungs }), {
      signal: anySignal([signal, over.signal]),
      startedMs,
      what: "state",
      // Only restore ends what answers there.
      isForeign: async (sighting) => shownRung(sighting, rungs.routeDeleted) !== null,
    }),
    input.fleet
      ? fleetOf(ports, base, { signal, deadlineMs: startedMs + input.timeoutMs }, over)
      : null,
  ]);
  const found = foundIn(proof.sightings, { state: base.state, open: rungs.open }, ports);
  const data: VerifyData = {
    stored: snapshotOf(base.state),
    live: proof.live,
    missing: proof.missing,
    notes: found.notes,
    ...(fleet === null ? {} : { fleet: fleet.receipt }),
  };
  const stopped = interruptedBy(ports.interrupt) !== null;
  if (found.rung === null || isLive(data) || stopped) {
    return outcomeOf(data, fleet, found.next, ports);
  }
  const reason = "what is stored is not in force: a rung of the ladder is taken";
  return { kind: "unhealthy", data, reason, next: found.next };
}

/** What visitors get, where nobody knows what is stored. */
async function trafficNow(ports: Ports, given: AbortSignal): Promise<string> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), given]);
  return trafficText(await lookEverywhere(ports, "cached", signal));
}

async function fleetOf(
  ports: Ports,
  base: Base,
  limits: FleetLimits,
  over: AbortController,
): Promise<FleetRun> {
  const run = await watchFleet(ports, base, limits);
  if (run.end.kind === "conflict") over.abort();
  return run;
}

/** `other`: what to do in place of another look, where something is known to keep the state from being live. */
function outcomeOf(data: VerifyData, fleet: FleetRun | null, other: string, ports: Ports): Proved {
  const again = invocation(ports.target, fleet === null ? "verify" : "verify --fleet");
  const next = other === "" ? again : other;
  const interrupted = interruptedBy(ports.interrupt);
  const live = isLive(data);
  const end = fleet?.end ?? { kind: "complete" };
  if (live && end.kind === "complete") {
    return { kind: "done", changed: false, data, ...(other === "" ? {} : { next: other }) };
  }
  if (interrupted !== null) {
    return { kind: "interrupted", signal: interrupted, truth: "nothing was changed", next, data };
  }
  if (end.kind === "conflict") {
    return {
      kind: "failed",
      code: "conflict",
      message: `the state was changed meanwhile: ${inForce(end.state)}`,
      truth: "their change is stored; yours will not go live",
      next,
      data,
    };
  }
  if (end.kind === "no-metrics") {
    const failure = unreachable(end.error, ports);
    const seen = live ? `live at every /qa (${liveLine(data)})` : "not live at every /qa";
    const truth = `${seen}; other locations are unknown`;
    const unset = ports.target.dataset === null;
    const code = unset ? "usage" : failure.code;
    const repeat = code === "usage" || code === "auth" ? invocation(ports.target, "doctor") : next;
    return { ...failure, code, truth, next: repeat, data };
  }
  const waiting = [
    ...(live ? [] : ["every /qa to show the stored state"]),
    ...(end.kind === "complete" ? [] : [`the fleet (${standing(fleet?.receipt.locations ?? [])})`]),
  ];
  return { kind: "pending", data, waitingFor: waiting.join("; "), next };
}

function inForce(state: Base["state"]): string {
  return `${isEmergency(state) ? "emergency on, " : ""}config by ${authorOf(state)}`;
}

/** A failed check is bad news (20) whatever else is still awaited. */
function withSmoke(
  proved: Extract<Proved, { kind: "done" | "pending" }>,
  smoke: SmokeReport,
  ports: Ports,
): Outcome<VerifyData> {
  const data: VerifyData = { ...proved.data, smoke };
  const interrupted = interruptedBy(ports.interrupt);
  const next = invocation(ports.target, "verify --smoke");
  if (interrupted !== null) {
    const truth = "no state was changed; an upload may have been left behind";
    return { kind: "interrupted", signal: interrupted, truth, next, data };
  }
  const reason = smokeReason(smoke);
  if (reason !== null) return { kind: "unhealthy", data, reason, next };
  return { ...proved, data };
}

function render(outcome: Outcome<VerifyData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { stored, fleet, smoke, notes } = outcome.data;
  const parts: string[] = [];
  if (stored !== null) {
    const state = stored.emergency ? "emergency" : share(stored.percent);
    parts.push(
      `  stored    ${state}, revision ${stored.revision ?? "none"}`,
      `  live      ${liveLine(outcome.data)}`,
      ...missingLines(outcome.data),
    );
    if (fleet === undefined && notes.length === 0) parts.push(`  ${OTHERS_FOLLOW}`);
    parts.push(...notes.map((note) => `! ${escapeForTerminal(note)}`));
  }
  if (fleet !== undefined) parts.push("", ...fleetLines(fleet));
  if (smoke !== undefined) parts.push(...(stored === null ? [] : [""]), ...smokeLines(smoke));
  return parts.join("\n");
}
