/** What a ramp has to know before each of its steps: state, commands, where it is live, and the gate. */

import { locationsByRevision, requestSeries } from "../../domain/metrics/queries.ts";
import { evaluate } from "../../domain/policy/evaluate.ts";
import type { Assessment } from "../../domain/policy/finding.ts";
import { since } from "../../domain/policy/observations.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { compare } from "../../domain/proof/expectation.ts";
import { fleetExpectation, foldFleet } from "../../domain/proof/fleet.ts";
import type { Gate, Seen } from "../../domain/ramp/advance.ts";
import { needs } from "../../domain/ramp/advance.ts";
import type { RampControl, RampDocument } from "../../domain/ramp/document.ts";
import { parseRampControl, RAMP_CONTROL_KEY } from "../../domain/ramp/document.ts";
import { gateOf, nativeRequestsOf } from "../../domain/ramp/gate.ts";
import { coveredBy } from "../../domain/ramp/overwritten.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { authorsOf, lostIn, shownAt } from "../lib/emergencies.ts";
import { nameOf } from "../lib/fleet.ts";
import { HEALTH_LIMIT_MS, observe } from "../lib/native-health.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase } from "../lib/stored-state.ts";

/** Nobody changes more between two looks. */
const ENTRIES = 10;
/** As much as a ramp's document may hold. */
const MAX_AUTHORS = 200;

export interface Gathered {
  seen: Seen;
  base: Base;
  /** For the view; null when the gate was not asked. */
  assessment: Assessment | null;
}

/** An UpstreamError when not even the stored state could be read. Never throws. */
export async function gather(
  ramp: RampDocument,
  ports: Ports,
  given: { control: RampControl | null } = { control: null },
): Promise<Gathered | UpstreamError> {
  const wanted = needs(ramp);
  // Whatever has written `config` looks whether it has covered an emergency.
  const looks = wanted.live || (wanted.journal && ramp.lease_s !== null);
  const limit = Math.max(READ_LIMIT_MS, HEALTH_LIMIT_MS);
  const signal = AbortSignal.any([ports.clock.timeout(limit), ports.interrupt]);
  const [base, control, sightings, lagging, gate, journal] = await Promise.all([
    readBase(ports, signal),
    readControl(ports, signal),
    looks ? lookEverywhere(ports, signal) : [],
    wanted.live ? laggingInFleet(ramp, ports, signal) : [],
    wanted.gate ? askGate(ramp, ports, signal) : null,
    wanted.journal ? ports.journal.recent(ENTRIES, { signal }) : null,
  ]);
  if (!("state" in base)) return base;
  const seen: Seen = {
    nowMs: ports.clock.now(),
    state: base.state,
    control: given.control ?? control,
    live: wanted.live ? liveAt(ramp, sightings, lagging) : null,
    covered:
      coveredEmergency(sightings, base, ports.clock.now()) ??
      coveredBy(ramp, journal?.entries ?? []),
    gate: gate?.gate ?? null,
  };
  return { seen, base, assessment: gate?.assessment ?? null };
}

async function readControl(ports: Ports, signal: AbortSignal): Promise<RampControl | null> {
  try {
    return parseRampControl(await ports.documents.get(RAMP_CONTROL_KEY, { signal }));
  } catch {
    // Who wants something will be heard at the next look.
    return null;
  }
}

function lookEverywhere({ qa }: Ports, signal: AbortSignal): Promise<Sighting[]> {
  return Promise.all(qa.urls.map((url) => qa.look(url, { signal, health: "cached" })));
}

/** One that a location holds, and that nothing stored asks for or ends. */
function coveredEmergency(
  sightings: readonly Sighting[],
  { configText: config, stopText: stop }: Base,
  nowMs: number,
): Seen["covered"] {
  const lost = lostIn(sightings.flatMap(shownAt), [{ config, stop }], nowMs);
  if (lost.length === 0) return null;
  const by = authorsOf(lost).slice(0, MAX_AUTHORS);
  return { by, percent: 0, why: "an emergency that it did not see", emergency: true };
}

/** Every `/qa`, and as far as the metrics tell, every location that visitors reach. */
function liveAt(
  ramp: RampDocument,
  looks: readonly Sighting[],
  lagging: readonly string[],
): NonNullable<Seen["live"]> {
  const step = ramp.plan[ramp.step];
  if (step === undefined) return { everywhere: false, missing: "no step" };
  const expected = { emergency: false, revision: step.revision, percent: step.percent };
  const missing = looks.flatMap((sighting) => {
    const comparison = compare(expected, sighting);
    return comparison.seen ? [] : [`${placeOf(sighting)} ${comparison.because}`];
  });
  const all = [...missing, ...lagging.map((colo) => `${colo} by its visitors' requests`)];
  return { everywhere: looks.length > 0 && all.length === 0, missing: all.join("; ") };
}

/** Those whose newest request was still decided by an older config; none when that cannot be told. */
async function laggingInFleet(
  { written_at, plan, step }: RampDocument,
  ports: Ports,
  signal: AbortSignal,
): Promise<string[]> {
  const writtenMs = Date.parse(written_at ?? "");
  if (ports.target.dataset === null || Number.isNaN(writtenMs)) return [];
  const nowS = Math.floor(ports.clock.now() / 1_000);
  const fromS = Math.min(Math.ceil(writtenMs / 1_000), nowS);
  try {
    const window = { fromS, toS: nowS + 1 };
    const rows = await ports.metrics.ask((dataset) => locationsByRevision(dataset, window), {
      signal,
    });
    const revision = plan[step]?.revision ?? "";
    const expected = { ...fleetExpectation(NOTHING), revision, atMs: writtenMs };
    const locations = foldFleet([], { rows, fromS, asOfS: nowS }, expected);
    return locations
      .filter(({ state }) => state === "lagging" || state === "reappeared")
      .map(({ colo }) => nameOf(colo));
  } catch {
    return [];
  }
}

const NOTHING = { config: { kind: "absent" }, stop: { kind: "absent" } } as const;

async function askGate(
  ramp: RampDocument,
  ports: Ports,
  signal: AbortSignal,
): Promise<{ gate: Gate; assessment: Assessment }> {
  // The reduction rule is about the time before this ramp: its own steps only rise.
  const [{ observations }, nativeRequests] = await Promise.all([
    observe(ports, signal, []),
    requestsInStep(ramp, ports, signal),
  ]);
  const fromMs = Date.parse(ramp.measured_from ?? "");
  const relevant = Number.isNaN(fromMs) ? observations : since(observations, fromMs / 1_000);
  const assessment = evaluate(relevant, ports.target.policy);
  return { gate: gateOf(assessment, nativeRequests), assessment };
}

async function requestsInStep(
  { live_at }: RampDocument,
  ports: Ports,
  signal: AbortSignal,
): Promise<number | null> {
  const fromMs = Date.parse(live_at ?? "");
  if (Number.isNaN(fromMs)) return null;
  const fromS = Math.floor(fromMs / 1_000);
  const toS = Math.max(fromS + 1, Math.floor(ports.clock.now() / 1_000) + 1);
  try {
    const rows = await ports.metrics.ask((dataset) => requestSeries(dataset, { fromS, toS }), {
      signal,
    });
    return nativeRequestsOf(rows);
  } catch {
    return null;
  }
}
