/**
 * An emergency that a change has covered without having seen it. Isolates that saw it hold it, as the
 * change does not name it; one that starts now would know nothing of it. So it is put back: by whatever
 * writes `config` or a release.
 */

import { anySignal } from "../../domain/lib/abort.ts";
import type { Expectation, Sighting } from "../../domain/proof/expectation.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import type { Asked } from "../../domain/state/emergency.ts";
import { nameOf, readEmergencies } from "../../domain/state/emergency.ts";
import type { Snapshot } from "../../domain/state/journal.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { nextConfig } from "../../domain/state/transitions.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome } from "../command.ts";
import type { Texts } from "./emergencies.ts";
import { authorsOf, lostIn, shownAt } from "./emergencies.ts";
import { invocation, share } from "./format.ts";
import type { LiveProof, LookOptions } from "./prove-live.ts";
import { proveLive } from "./prove-live.ts";
import { readBase } from "./stored-state.ts";
import { EMERGENCY_STORED } from "./summary-text.ts";
import { asUpstream, mayHaveWritten, settle } from "./write-result.ts";

const WRITE_LIMIT_MS = 20_000;
const MAX_REASON = 400;

export interface PutBack {
  by: string;
  /** What is true now. */
  truth: string;
  /** Null when somebody's emergency is stored, or nothing could be written. */
  config: CanaryConfig | null;
  inForce: boolean;
}

/** What a command has written, or will write once this is proved. */
export interface Ours {
  config: CanaryConfig;
  /** Null: none, and one that is on stays on. */
  release: StopDocument | null;
}

/**
 * As `proveLive`; ends at the first location that holds an emergency which nobody has released and `ours`
 * does not end, and at what `isForeign` calls so.
 */
export async function proveOrFind(
  ports: Ports,
  expected: {
    emergency: boolean;
    revision: string;
    percent?: number;
    released?: NonNullable<Expectation["released"]>;
  },
  options: LookOptions & { what: string; ours: Ours },
): Promise<{ proof: LiveProof; lost: Asked[] }> {
  const { ours, signal: limit } = options;
  const lifts = ours.release !== null || !expected.emergency;
  const looking = { ours, signal: limit, releaseFollows: expected.emergency };
  const found = new AbortController();
  let lost: Asked[] = [];
  const isForeign = async (sighting: Sighting): Promise<boolean> => {
    const here = lifts ? await lostAt(ports, [sighting], looking) : [];
    if (here.length > 0) lost = here;
    if (here.length === 0 && (await options.isForeign?.(sighting)) !== true) return false;
    found.abort();
    return true;
  };
  const signal = anySignal([limit, found.signal]);
  const proof = await proveLive(ports, expected, { ...options, signal, isForeign });
  if (lifts && lost.length === 0) {
    lost = await lostAt(ports, proof.sightings, looking);
  }
  return { proof, lost };
}

async function lostAt(
  ports: Ports,
  sightings: readonly Sighting[],
  { ours, signal, releaseFollows }: { ours: Ours; signal: AbortSignal; releaseFollows: boolean },
): Promise<Asked[]> {
  const { config, release } = ours;
  const texts: Texts = {
    config: JSON.stringify(config),
    stop: release === null ? null : JSON.stringify(release),
  };
  const nowMs = ports.clock.now();
  const shown = lostIn(sightings.flatMap(shownAt), [texts], nowMs);
  if (shown.length === 0) return [];
  const stored = await readBase(ports, signal);
  if (!("state" in stored)) return [];
  const now: Texts = { config: stored.configText, stop: stored.stopText };
  const lost = lostIn(shown, [now], nowMs);
  if (!releaseFollows) return lost;
  // What is stored is not lost, and the release looks for it itself: it knows the words.
  const { stop, config: mirror } = readEmergencies(now);
  const marks = [stop.asked?.mark, mirror.asked?.mark];
  return lost.filter(({ mark }) => !marks.includes(mark));
}

/** How a command ends that had not seen an emergency: it stands. */
export function covered<T extends { after: Snapshot }>(
  command: string,
  { by, truth, config, inForce }: PutBack,
  { data, ports }: { data: T; ports: Ports },
): Outcome<T> {
  data.after.emergency = inForce;
  if (config !== null) data.after.revision = config.revision ?? null;
  return {
    kind: "failed",
    code: "conflict",
    message: `an emergency was set after ${command} had read KV, by ${by}`,
    truth,
    next: invocation(ports.target, inForce ? "status" : "not-aus"),
    data,
  };
}

/** Writes it over `ours` unless an emergency is stored already. Never throws. */
export async function putBack(
  lost: readonly Asked[],
  ours: CanaryConfig,
  ports: Ports,
): Promise<PutBack> {
  const by = authorsOf(lost);
  const signal = ports.clock.timeout(WRITE_LIMIT_MS);
  const kept = `${share(ours.canary_percent)} is stored and takes effect after restore`;
  const now = await readBase(ports, signal);
  if ("state" in now && isEmergency(now.state)) {
    const truth = `${EMERGENCY_STORED}; ${kept}`;
    return { by, truth, config: null, inForce: true };
  }
  const nowMs = ports.clock.now();
  const author = {
    actor: ports.identity.actor,
    reason: `reinstates the emergency set by ${by}`.slice(0, MAX_REASON),
    nowMs,
    id: ports.rng.ulid(nowMs, ours.revision),
  };
  const to = { percent: ours.canary_percent, emergency: true, tag: ours.canary_tag };
  const config = nextConfig(ours, to, author, lost.map(nameOf));
  const write = await settle(ports.store.writeConfig(config, { signal, atWill: true }), () =>
    ports.clock.monotonic(),
  );
  if (write.kind === "failed" && !mayHaveWritten(write)) {
    const why = asUpstream(write.error).message;
    return {
      by,
      truth: `the emergency could not be reinstated: ${why}`,
      config: null,
      inForce: false,
    };
  }
  const truth = `the emergency was reinstated: all traffic goes to proxy (the legacy origin); ${kept}`;
  return { by, truth, config, inForce: true };
}
