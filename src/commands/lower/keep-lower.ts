/**
 * Writes a lower share until it is in force. A writer that had planned before it, such as a ramp whose write
 * is on its way, raises it again without knowing: the last writer towards safety wins, as with a stop.
 */

import { parseRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import type { Asked } from "../../domain/state/emergency.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Ports } from "../../ports/ports.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { NOT_ASKED } from "../lib/prove-live.ts";
import { proveOrFind } from "../lib/put-back.ts";
import type { Base, ConfigWrite } from "../lib/stored-state.ts";
import { authorOf, readBase, writeConfigOnce } from "../lib/stored-state.ts";

/** Nobody raises a share more often than this by accident. */
const MAX_ROUNDS = 10;
/** How often KV is read while locations are waited for. */
const CHECK_MS = 2_000;

export interface Lowered {
  config: CanaryConfig;
  write: ConfigWrite;
  proof: LiveProof;
  lost: Asked[];
}

interface Lowering {
  base: Base;
  /** The document to be written over what is stored. */
  documentOver(base: Base): CanaryConfig;
  call: CallOptions;
  startedMs: number;
  verify: boolean;
  /** Called in each round in which the share was, or may have been, written. */
  onSent(write: ConfigWrite): void;
}

/** How the last round ended. Never throws. */
export async function keepLower(ports: Ports, lowering: Lowering): Promise<Lowered> {
  let { base } = lowering;
  let by: string | null = null;
  for (let round = 1; ; round += 1) {
    const config = lowering.documentOver(base);
    const { over, ...lowered } = await lowerOnce(ports, base, config, lowering);
    if (lowered.write.kind === "failed" && by !== null) {
      return { ...lowered, write: { kind: "conflict", by, sent: true } };
    }
    if (over === null) return lowered;
    by = authorOf(over.state);
    if (round === MAX_ROUNDS) return { ...lowered, write: { kind: "conflict", by, sent: true } };
    ports.progress.warn(`${config.canary_percent} % was overwritten by ${by}; writing it again`);
    base = over;
  }
}

/** `over`: what has raised the share again. */
async function lowerOnce(
  ports: Ports,
  base: Base,
  config: CanaryConfig,
  { call, startedMs, verify, onSent }: Lowering,
): Promise<Lowered & { over: Base | null }> {
  const unproved = { config, proof: NOT_ASKED, lost: [] };
  const write = await writeConfigOnce(ports, base, config, { ...call, recheck: false });
  if (write.kind === "failed") return { ...unproved, write, over: null };
  if (write.kind === "conflict") {
    const over = await raisedOver(ports, config, call.signal, write.sent);
    return { ...unproved, write, over };
  }
  onSent(write);
  if (!verify) return { ...unproved, write, over: null };

  let over: Base | null = null;
  let nextMs = ports.clock.monotonic() + CHECK_MS;
  const isForeign = async (): Promise<boolean> => {
    const nowMs = ports.clock.monotonic();
    if (over === null && nowMs >= nextMs) {
      nextMs = nowMs + CHECK_MS;
      over = await raisedOver(ports, config, call.signal, true);
    }
    return over !== null;
  };
  const { canary_percent: percent, revision = "" } = config;
  const { proof, lost } = await proveOrFind(
    ports,
    { emergency: isEmergency(base.state), revision, percent },
    { signal: call.signal, startedMs, what: "config", ours: { config, release: null }, isForeign },
  );
  return { config, write, proof, lost, over: lost.length > 0 ? null : over };
}

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/**
 * What is stored, when it is a higher share of somebody who cannot have seen ours. Null in doubt, and for
 * whatever is as low: a person who raises it knowingly is left alone.
 */
async function raisedOver(
  ports: Ports,
  ours: CanaryConfig,
  signal: AbortSignal,
  sent: boolean,
): Promise<Base | null> {
  const now = await readBase(ports, signal);
  if (!("state" in now) || now.state.config.kind !== "valid") return null;
  const stored = now.state.config.value;
  if (stored.emergency_proxy || stored.canary_percent <= ours.canary_percent) return null;
  const unseen = !sent || isOlder(stored, ours) || (await isStepOfRamp(stored, ports, signal));
  return unseen ? now : null;
}

/** Who replaces a config that he has read gives it a greater revision, whatever his clock says. */
function isOlder({ revision: theirs = "" }: CanaryConfig, { revision: own = "" }: CanaryConfig) {
  return ULID.test(theirs) && ULID.test(own) && theirs < own;
}

/** The revisions of a ramp were fixed at its start, whenever they are written; it gives way to what it reads. */
async function isStepOfRamp(
  { lease, revision }: CanaryConfig,
  ports: Ports,
  signal: AbortSignal,
): Promise<boolean> {
  if (lease !== undefined) return true;
  const text = await ports.documents.get(RAMP_KEY, { signal }).catch(() => null);
  return parseRamp(text)?.plan.some((step) => step.revision === revision) ?? false;
}
