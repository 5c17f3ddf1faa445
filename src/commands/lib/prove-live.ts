/** Written is not live: look at every `/qa` until each shows what is expected, or time is up. */

import { shortId } from "../../domain/ladder/proxy-only.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Expectation, Sighting } from "../../domain/proof/expectation.ts";
import { carriersAt, compare } from "../../domain/proof/expectation.ts";
import type { Carrier } from "../../domain/state/carriers.ts";
import type { Ports } from "../../ports/ports.ts";
import type { QaLook } from "../../ports/visitors.ts";

interface LiveAt {
  url: string;
  location: string;
  elapsedMs: number;
  /** Of an emergency: who carries it there; absent where that is not shown. */
  carriers?: readonly Carrier[];
}

export interface LiveProof {
  live: LiveAt[];
  missing: { url: string; location: string; because: string }[];
  /** The last look at each URL. */
  sightings: Sighting[];
}

/** What of a proof the answer of a command tells: neither what `/qa` said, nor who carries a stop. */
export interface Seen {
  live: Omit<LiveAt, "carriers">[];
  missing: LiveProof["missing"];
}

export function seenOf({ live, missing }: Pick<LiveProof, "live" | "missing">): Seen {
  return {
    live: live.map(({ url, location, elapsedMs }) => ({ url, location, elapsedMs })),
    missing: missing.map(({ url, location, because }) => ({ url, location, because })),
  };
}

export interface LookOptions {
  signal: AbortSignal;
  startedMs: number;
  isForeign?: (sighting: Sighting) => Promise<boolean>;
  /** Which version of the Worker is looked at; the one that serves visitors unless given. */
  version?: QaLook["version"];
  /** Of a stop: who carries this one, not any emergency, is told. */
  stopId?: string | undefined;
}

/** Quick at first, since KV is often visible at once nearby; then well inside the 300 looks/min. */
const FIRST_DELAY_MS = 40;
const MAX_DELAY_MS = 2_000;

/** The proof of a run with `--no-verify`. */
export const NOT_ASKED: LiveProof = { live: [], missing: [], sightings: [] };

export function isLive(proof: Pick<LiveProof, "live" | "missing">): boolean {
  return proof.live.length > 0 && proof.missing.length === 0;
}

/**
 * `startedMs` is on the monotonic clock: elapsed times count from there. A function is asked before
 * each comparison, for an expectation that becomes clearer while we look. `isForeign` is asked of a
 * sighting that shows something else, and ends the looking there. Never throws.
 */
export async function proveLive(
  ports: Ports,
  expected: Expectation | (() => Expectation),
  options: LookOptions & { what: string },
): Promise<LiveProof> {
  const proof: LiveProof = { live: [], missing: [], sightings: [] };
  await Promise.all(
    ports.qa.urls.map(async (url) => {
      const { sighting, because } = await proveAt(ports, url, expected, options);
      proof.sightings.push(sighting);
      const location = placeOf(sighting);
      if (because !== null) {
        proof.missing.push({ url, location, because });
        return;
      }
      const elapsedMs = Math.round(ports.clock.monotonic() - options.startedMs);
      const { stopId, what } = options;
      const carriers = carriersAt(sighting, stopId);
      proof.live.push({ url, location, elapsedMs, ...(carriers === null ? {} : { carriers }) });
      const kind = isBypass(expected) ? "gone" : "live";
      ports.progress.stage({ kind, what, location, url, elapsedMs });
    }),
  );
  return proof;
}

function isBypass(expected: Expectation | (() => Expectation)): boolean {
  return typeof expected !== "function" && expected.bypassed === true;
}

/** A version that serves no visitor is not what the location does. */
function becauseAt(because: string, version: QaLook["version"]): string {
  if (version === undefined) return because;
  return `version ${shortId(version.id)}, which serves no visitor yet: ${because}`;
}

interface Place {
  sighting: Sighting;
  /** Null: it shows what is expected. */
  because: string | null;
}

async function proveAt(
  ports: Ports,
  url: string,
  expected: Expectation | (() => Expectation),
  { signal, startedMs, isForeign, version }: LookOptions,
): Promise<Place> {
  let told = "";
  let before: Place | null = null;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    const sighting = await ports.qa.look(url, { signal, health: "cached", version });
    const now = typeof expected === "function" ? expected() : expected;
    const comparison = compare(now, sighting);
    if (comparison.seen) return { sighting, because: null };
    // What the end cut off says nothing of the location; the look before it does.
    if (signal.aborted && sighting.status === null && before !== null) return before;
    const because = becauseAt(comparison.because, version);
    before = { sighting, because };
    if (signal.aborted || (await isForeign?.(sighting)) === true) return before;
    if (because !== told && delayMs >= 200) {
      told = because;
      const elapsedMs = ports.clock.monotonic() - startedMs;
      ports.progress.stage({ kind: "waiting", location: placeOf(sighting), because, elapsedMs });
    }
    try {
      await ports.clock.sleep(delayMs * (0.75 + ports.rng.next() / 2), signal);
    } catch {
      return before;
    }
  }
}
