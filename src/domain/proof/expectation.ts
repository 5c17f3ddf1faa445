/** What a location must show before the CLI may call a change live there. */

import type { SeenDecision } from "../decision/headers.ts";
import { shownRung } from "../ladder/shown.ts";
import { CARRIERS, type Carrier } from "../state/carriers.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";
import { isoSeconds } from "../text/format.ts";
import type { QaDocument } from "./qa-document.ts";

/** One look at one `/qa` URL. */
export interface Sighting {
  url: string;
  atMs: number;
  /** Null when there was no answer at all. */
  status: number | null;
  colo: string | null;
  decision: SeenDecision | null;
  /** Null when refused (401, 429), unreachable or not the expected document. */
  qa: QaDocument | null;
  /** By the answer's headers a cache gave it: "cf-cache-status: HIT, age: 40"; absent otherwise. */
  cached?: string;
  /** Why there is no document, in words for people; null when there is one. */
  problem: string | null;
}

/** Who carries the emergencies in force there, or the one of this id alone; null when that is not shown. */
export function carriersAt({ qa }: Pick<Sighting, "qa">, id?: string): Carrier[] | null {
  const shown = (qa?.emergencies ?? [])
    .filter((one) => id === undefined || one.id === id)
    .flatMap(({ carriers }) => carriers ?? []);
  return shown.length === 0 ? null : CARRIERS.filter((one) => shown.includes(one));
}

export interface Expectation {
  emergency: boolean;
  /** No Worker decides here any more: the legacy origin answers by itself. Nothing else is compared. */
  bypassed?: true;
  /**
   * A rung of the ladder that is taken does what an emergency asks for, and shows nothing else of what is stored.
   * `routeDeleted`: the journal says so.
   */
  rungs?: { routeDeleted: boolean };
  /** One of these versions of the Worker must answer. */
  versions?: readonly string[];
  /**
   * This very stop must show: shortly after a restore, a location may still show the one before,
   * and would yet see that one's release. Undefined: any emergency will do.
   */
  stop?: {
    id: string;
    /** No earlier stop can be about any more: then the decision header is proof enough. */
    headerSuffices: boolean;
  };
  /** A release was written: the beacon, where there is one, must have heard it, or this one where it has an id. */
  released?: { id?: string | undefined };
  /** Undefined: any will do. */
  revision?: string;
  /** For configurations written by hand, which carry no revision. */
  lastUpdated?: string;
  percent?: number;
}

export type Comparison = { seen: true } | { seen: false; because: string };

/** Whatever is stored has no effect there. */
const RUNG_ANSWERS = {
  version: "the proxy-only version answers, until restore",
  route: "the legacy origin answers, until restore puts the route back",
} as const;

/** What the stored state should look like once it is live. */
export function expectationOf(state: ParsedState): Expectation {
  const emergency = isEmergency(state);
  if (state.config.kind !== "valid") return { emergency };
  const { revision, last_updated: lastUpdated, canary_percent: percent } = state.config.value;
  const { stop } = state;
  const released = stop.kind === "valid" && !emergency ? { released: { id: stop.value.id } } : {};
  return revision === undefined
    ? { emergency, lastUpdated, percent, ...released }
    : { emergency, revision, percent, ...released };
}

/**
 * An emergency shows in the decision header of any answer, refused ones included: a stop can be
 * proved without a token. Everything else needs the document.
 */
export function compare(expected: Expectation, sighting: Sighting): Comparison {
  const { qa, decision } = sighting;
  if (sighting.status === null) return notSeen(sighting.problem ?? "no answer");
  if (expected.bypassed === true) return compareBypassed(sighting);
  const rung = expected.rungs && shownRung(sighting, expected.rungs.routeDeleted);
  if (rung) return expected.emergency ? { seen: true } : notSeen(RUNG_ANSWERS[rung]);
  const decidedAway = decision?.cohort === "proxy" && decision.reason === "emergency";
  if (expected.emergency && !decidedAway) {
    return notSeen(
      decision === null
        ? noDecision(sighting)
        : `emergency not in force yet (reason: ${decision.reason})`,
    );
  }
  const otherVersion = compareVersion(expected.versions, sighting);
  if (otherVersion !== null) return otherVersion;
  if (expected.stop !== undefined) return compareStop(expected.stop, sighting);
  const wantsDocument = expected.revision !== undefined || expected.lastUpdated !== undefined;
  if (expected.emergency && !wantsDocument) return { seen: true };
  if (qa === null) return notSeen(sighting.problem ?? "no /qa document");
  if (qa.canary.emergency_proxy !== expected.emergency) {
    return notSeen(expected.emergency ? "emergency not in force yet" : stillOn(qa));
  }
  if (expected.released !== undefined && !hasHeard(expected.released, qa)) {
    return notSeen("the beacon has not heard the release");
  }
  if (qa.canary.source !== "kv") return notSeen(`state from ${qa.canary.source}, not from KV`);
  if (expected.revision !== undefined && qa.canary.revision !== expected.revision) {
    return notSeen(`still at revision ${qa.canary.revision ?? "none"}`);
  }
  if (expected.lastUpdated !== undefined && qa.canary.last_updated !== expected.lastUpdated) {
    return notSeen(
      `still at the config of ${isoSeconds(qa.canary.last_updated ?? "an unknown time")}`,
    );
  }
  // The revision is right: the share differs because the Worker obeys a lease that has run out.
  const fellBack = qa.canary.lease?.run_out === true;
  if (expected.percent !== undefined && qa.canary.percent !== expected.percent && !fellBack) {
    return notSeen(`still at ${qa.canary.percent ?? "an unknown"} %`);
  }
  return { seen: true };
}

/**
 * By the id of the stop, or by its mirror in `config`, which carries the same id. Of two that are pulled at once, the
 * later one is shown as the newest, and both are in force.
 */
function compareStop(stop: NonNullable<Expectation["stop"]>, sighting: Sighting): Comparison {
  const { qa } = sighting;
  if (qa === null) {
    if (stop.headerSuffices) return { seen: true };
    return notSeen(
      `an emergency, possibly an earlier one: ${sighting.problem ?? "no /qa document"}`,
    );
  }
  const inForce = (qa.emergencies ?? []).some(({ id }) => id === stop.id);
  const shown = inForce || qa.stop.id === stop.id || qa.canary.revision === stop.id;
  return shown ? { seen: true } : notSeen("still an earlier stop");
}

function hasHeard({ id }: { id?: string | undefined }, { beacon }: QaDocument): boolean {
  if (beacon === undefined) return true;
  return beacon.heard && (id === undefined || beacon.release_id === id);
}

/** Where one carrier has the release and the other has not, it is for the reader to know which. */
function stillOn(qa: QaDocument): string {
  const onlyAtBeacon = carriersAt({ qa })?.join() === "beacon";
  return onlyAtBeacon ? "emergency still on, by the beacon alone" : "emergency still on";
}

/** An answer that the platform makes in place of the origin proves nothing: a broken Worker has no header either. */
function compareBypassed({ status, decision }: Sighting): Comparison {
  if (decision !== null) return notSeen("the Worker still answers");
  const byOrigin = status !== null && status < 500;
  return byOrigin ? { seen: true } : notSeen(`answered HTTP ${status}: is the legacy origin up?`);
}

/** Null when it is one of them, or any will do. */
function compareVersion(
  versions: Expectation["versions"],
  { qa, problem }: Sighting,
): Comparison | null {
  if (versions === undefined) return null;
  if (qa === null) return notSeen(problem ?? "no /qa document");
  const { worker_version: version } = qa;
  if (version !== null && versions.includes(version)) return null;
  return notSeen(`still runs version ${version ?? "unknown"}`);
}

function notSeen(because: string): Comparison {
  return { seen: false, because };
}

function noDecision(sighting: Sighting): string {
  return sighting.problem ?? "no decision header: is this the canary Worker?";
}
