/**
 * An emergency that a change of `config` has covered without having seen it. Isolates that saw it hold
 * it, as the change does not name it; one that starts now would know nothing of it. So it is put back.
 */
import type { Asked } from "../../domain/emergency.ts";
import { nameOf } from "../../domain/emergency.ts";
import type { Sighting } from "../../domain/expectation.ts";
import type { CanaryConfig } from "../../domain/state.ts";
import { isEmergency } from "../../domain/state.ts";
import { nextConfig } from "../../domain/transition.ts";
import type { Ports } from "../../ports.ts";
import { readBase } from "./change-config.ts";
import { authorsOf, lostIn, shownAt } from "./emergencies.ts";
import type { LiveProof, LookOptions } from "./prove-live.ts";
import { proveLive } from "./prove-live.ts";
import { asUpstream, mayHaveWritten, settle } from "./settle.ts";
import { share } from "./words.ts";

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

/** As `proveLive`; ends at the first location that holds an emergency which nobody has released. */
export async function proveOrFind(
  ports: Ports,
  expected: { emergency: boolean; revision: string; percent?: number },
  options: LookOptions & { what: string },
): Promise<{ proof: LiveProof; lost: Asked[] }> {
  const found = new AbortController();
  let lost: Asked[] = [];
  const isForeign = async (sighting: Sighting): Promise<boolean> => {
    const shown = expected.emergency ? [] : shownAt(sighting);
    if (shown.length === 0) return false;
    const stored = await readBase(ports, options.signal);
    if (!("state" in stored)) return false;
    const here = lostIn(shown, stored, ports.clock.now());
    if (here.length > 0) {
      lost = here;
      found.abort();
    }
    return here.length > 0;
  };
  const signal = AbortSignal.any([options.signal, found.signal]);
  const proof = await proveLive(ports, expected, { ...options, signal, isForeign });
  return { proof, lost };
}

/** Writes it over `ours` unless an emergency is stored already. Never throws. */
export async function putBack(
  lost: readonly Asked[],
  ours: CanaryConfig,
  ports: Ports,
): Promise<PutBack> {
  const by = authorsOf(lost);
  const signal = ports.clock.timeout(WRITE_LIMIT_MS);
  const kept = `${share(ours.canary_percent)} is stored for when it is released`;
  const now = await readBase(ports, signal);
  if ("state" in now && isEmergency(now.state)) {
    const truth = `an emergency is stored, everybody is sent to proxy; ${kept}`;
    return { by, truth, config: null, inForce: true };
  }
  const nowMs = ports.clock.now();
  const author = {
    actor: ports.identity.actor,
    reason: `puts back the emergency by ${by}`.slice(0, MAX_REASON),
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
    return { by, truth: `it could not be put back: ${why}`, config: null, inForce: false };
  }
  const truth = `it was put back in force, everybody is sent to proxy; ${kept}`;
  return { by, truth, config, inForce: true };
}
