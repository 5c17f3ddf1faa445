/**
 * Reads a stop back, and writes it again when another writer's older intention has covered it: the
 * last writer towards safety wins. Both keys count. A restore that is under way overwrites `config`
 * before it looks at `stop` for the last time; as long as one of the two is ours after its write, it
 * cannot release a stop that it has not seen. (AT-1)
 */

import { unlessAborted } from "../../domain/lib/abort.ts";
import { timeOf } from "../../domain/lib/time.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import { releases } from "../../domain/state/emergency.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { parseState } from "../../domain/state/state.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { Ports } from "../../ports/ports.ts";
import type { WriteResult } from "../lib/write-result.ts";
import { mayHaveWritten, settle, wrote } from "../lib/write-result.ts";
import type { StopRun } from "./stop-run.ts";

/** Nobody overwrites a stop more often than this by accident. */
const MAX_ROUNDS = 20;
const PATIENCE_MS = 150;

export interface Documents {
  stop: StopDocument;
  config: CanaryConfig;
}

export interface InForceCall extends CallOptions {
  elapsed: () => number;
  /** Outlives `signal`: what is stored can still be told when no write may begin any more. */
  readSignal: AbortSignal;
  stopWrite: Promise<WriteResult>;
  configWrite: Promise<WriteResult>;
  /** Settles when the stop is live, or will not be within the budget. */
  proof: Promise<unknown>;
}

export async function keepInForce(
  ports: Ports,
  documents: Documents,
  call: InForceCall,
): Promise<{ stored: StopRun["stored"]; stopWrite: WriteResult }> {
  const first = await call.stopWrite;
  const settled = await withinPatience(Promise.all([call.configWrite, call.proof]), ports);
  const { stored, stopWrite, state } = await keepStop(ports, documents.stop, first, call);
  if (stored.kind === "stored" && !(settled && isMirrored(state))) {
    await call.configWrite;
    await keepMirror(ports, documents, call);
  }
  return { stored, stopWrite };
}

/**
 * Being live matters more than being read back: the read leaves the looks the first go, and then
 * usually shows both keys at once. It does not wait long, though, when a location lags.
 */
function withinPatience(work: Promise<unknown>, ports: Ports): Promise<boolean> {
  const patience = ports.clock.timeout(PATIENCE_MS);
  return unlessAborted(
    work.then(() => true),
    patience,
    () => false,
  );
}

function isMirrored(state: ParsedState | null): boolean {
  return state?.config.kind === "valid" && state.config.value.emergency_proxy;
}

interface Kept {
  stored: StopRun["stored"];
  /** Of all its writes, the one that came furthest. */
  stopWrite: WriteResult;
  /** What was read last; null when it could not be read. */
  state: ParsedState | null;
}

async function keepStop(
  ports: Ports,
  stop: StopDocument,
  first: WriteResult,
  call: InForceCall,
): Promise<Kept> {
  let stopWrite = first;
  let state: ParsedState | null = null;
  let earlier: StopDocument | null = null;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    state = await read(ports, call);
    if (state === null) break;
    const active = state.stop.kind === "valid" && state.stop.value.active ? state.stop.value : null;
    earlier = active;
    if (active !== null && standsForOurs(active, stop, stopWrite)) {
      const elapsedMs = call.elapsed();
      ports.progress.stage({ kind: "stored", what: "stop", elapsedMs });
      return { stored: { kind: "stored", elapsedMs }, stopWrite, state };
    }
    if (releasedOnPurpose(state, stop))
      return { stored: { kind: "released", by: byOf(state) }, stopWrite, state };
    const again = await settle(ports.store.writeStop(stop, call), call.elapsed);
    stopWrite = further(stopWrite, again);
    if (!wrote(again)) break;
  }
  return { stored: { kind: "unknown", earlier }, stopWrite, state };
}

/**
 * Ours, or a later one that covers it. An earlier one may have been released before ours: a read may
 * be older than the release. As the earlier author takes the later stop, two never fight. Where ours never
 * arrived, nothing stands for it: it was not written, whatever the clocks say.
 */
function standsForOurs(found: StopDocument, ours: StopDocument, write: WriteResult): boolean {
  if (found.id === ours.id) return true;
  const arrived = wrote(write) || mayHaveWritten(write);
  return arrived && timeOf(found.at) >= timeOf(ours.at);
}

function further(one: WriteResult, other: WriteResult): WriteResult {
  if (wrote(one) || (mayHaveWritten(one) && !wrote(other))) return one;
  return wrote(other) || mayHaveWritten(other) ? other : one;
}

/** The mirror may be overwritten by a writer that read before the stop: put it back. */
async function keepMirror(ports: Ports, documents: Documents, call: InForceCall): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const state = await read(ports, call);
    if (state === null || releasedOnPurpose(state, documents.stop)) return;
    if (isMirrored(state)) return;
    const write = ports.store.writeConfig(documents.config, { ...call, atWill: true });
    if (!wrote(await settle(write, call.elapsed))) return;
  }
}

async function read(ports: Ports, call: InForceCall): Promise<ParsedState | null> {
  try {
    return parseState(await ports.store.read({ ...call, signal: call.readSignal }));
  } catch {
    return null;
  }
}

/** A release that names this very stop was somebody's decision after ours, and is left alone. */
function releasedOnPurpose({ stop }: ParsedState, ours: StopDocument): boolean {
  return stop.kind === "valid" && releases(stop.value, ours.id);
}

function byOf({ stop }: ParsedState): string {
  return stop.kind === "valid" ? (stop.value.by ?? UNKNOWN_AUTHOR) : UNKNOWN_AUTHOR;
}
