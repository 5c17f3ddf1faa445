/** What a ramp has to know before each of its steps: state, commands, where it is live, and the gate. */

import { anySignal } from "../../domain/lib/abort.ts";
import type { Assessment } from "../../domain/policy/finding.ts";
import type { Ask } from "../../domain/policy/observations.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { differences } from "../../domain/proof/traffic.ts";
import type { Seen } from "../../domain/ramp/advance.ts";
import { needs } from "../../domain/ramp/advance.ts";
import type { RampControl, RampDocument } from "../../domain/ramp/document.ts";
import { parseRampControl, RAMP_CONTROL_KEY } from "../../domain/ramp/document.ts";
import { gateOf, requestsInStep } from "../../domain/ramp/gate.ts";
import { coveredBy } from "../../domain/ramp/overwritten.ts";
import { visitedSince } from "../../domain/ramp/visited.ts";
import type { Ports } from "../../ports/ports.ts";
import { askOf } from "../lib/ask-metrics.ts";
import { authorsOf, lostIn, shownAt } from "../lib/emergencies.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { HEALTH_LIMIT_MS, observe } from "../lib/native-health.ts";
import type { Base } from "../lib/stored-state.ts";
import { READ_LIMIT_MS, readBase } from "../lib/stored-state.ts";
import { readKept } from "./store.ts";

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

/** That not even the stored state could be read. */
export interface Unread {
  /** Why, and what the locations show meanwhile. */
  problem: string;
}

/** Never throws. */
export async function gather(
  ramp: RampDocument,
  ports: Ports,
  given: { control: RampControl | null } = { control: null },
): Promise<Gathered | Unread> {
  const wanted = needs(ramp);
  // An emergency may be in force that is not stored: covered by a write of this ramp's, or held by the beacon alone.
  const looks = wanted.live || wanted.journal;
  const limit = Math.max(READ_LIMIT_MS, HEALTH_LIMIT_MS);
  const signal = anySignal([ports.clock.timeout(limit), ports.interrupt]);
  const ask = askOf(ports.metrics, signal);
  const [base, kept, control, sightings, visited, gate, journal] = await Promise.all([
    readBase(ports, signal),
    readKept(ports, signal),
    readControl(ports, signal),
    looks ? lookEverywhere(ports, "cached", signal) : [],
    wanted.live ? visitedSince(ramp, ports.clock.now(), ask) : null,
    wanted.gate ? askGate(ramp, ports, signal, ask) : null,
    wanted.journal ? ports.journal.recent(ENTRIES, { signal }) : null,
  ]);
  if (!("state" in base)) return { problem: unreadText(base.message, sightings) };
  const seen: Seen = {
    nowMs: ports.clock.now(),
    state: base.state,
    kept,
    control: given.control ?? control,
    live: wanted.live
      ? liveAt(ramp, sightings, visited?.kind === "seen" ? visited.value.lagging : [])
      : null,
    covered:
      coveredEmergency(sightings, base, ports.clock.now()) ??
      coveredBy(ramp, journal?.entries ?? []),
    gate: gate?.gate ?? null,
    unheard: looks ? unheardText(sightings) : null,
  };
  return { seen, base, assessment: gate?.assessment ?? null };
}

function unreadText(why: string, sightings: readonly Sighting[]): string {
  const inForce = inForceText(sightings);
  return `the stored state cannot be read: ${why}${inForce === null ? "" : `; ${inForce}`}`;
}

/** Of a stop that the beacon alone has only locations tell. Null where one does. */
function unheardText(sightings: readonly Sighting[]): string | null {
  if (sightings.some(({ status }) => status !== null)) return null;
  return "no location answers: a stop may be in force";
}

/** Null where no location shows an emergency. */
function inForceText(sightings: readonly Sighting[]): string | null {
  const stopped = sightings.filter(({ decision }) => decision?.reason === "emergency");
  if (stopped.length === 0) return null;
  const by = authorsOf(stopped.flatMap(shownAt));
  const places = stopped.map(placeOf).join(", ");
  return `an emergency is in force at ${places}${by === "" ? "" : ` (${by})`}`;
}

async function readControl(ports: Ports, signal: AbortSignal): Promise<RampControl | null> {
  try {
    return parseRampControl(await ports.documents.get(RAMP_CONTROL_KEY, { signal }));
  } catch {
    // Who wants something will be heard at the next look.
    return null;
  }
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
  const inForce = inForceText(sightings) ?? "a location holds an emergency";
  return { by, percent: 0, why: `${inForce}, and is not stored in KV`, emergency: true };
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
  const missing = differences(expected, looks);
  const all = [...missing, ...lagging.map((colo) => `${colo} by its visitors' requests`)];
  return { everywhere: looks.length > 0 && all.length === 0, missing: all.join("; ") };
}

async function askGate(ramp: RampDocument, ports: Ports, signal: AbortSignal, ask: Ask) {
  // The reduction rule is about the time before this ramp: its own steps only rise.
  const [{ observations }, nativeRequests] = await Promise.all([
    observe(ports, signal, []),
    requestsInStep(ramp, ports.clock.now(), ask),
  ]);
  return gateOf(ramp, observations, ports.target.policy, nativeRequests);
}
