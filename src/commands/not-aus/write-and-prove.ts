/** The stop itself: both writes at once, kept in force against other writers, and looked at. */

import { anySignal, unlessAborted } from "../../domain/lib/abort.ts";
import { once } from "../../domain/lib/lazy.ts";
import { timeOf } from "../../domain/lib/time.ts";
import type { Expectation } from "../../domain/proof/expectation.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import { parseState } from "../../domain/state/state.ts";
import { stopNow } from "../../domain/state/transitions.ts";
import type { CallOptions } from "../../ports/api.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { isLive, NOT_ASKED, proveLive } from "../lib/prove-live.ts";
import { askAfterProxy, PROXY_NOT_ASKED } from "../lib/proxy-health.ts";
import { type SignedWrite, sendSigned } from "../lib/signed.ts";
import type { WriteResult } from "../lib/write-result.ts";
import { mayHaveWritten, settle, wrote } from "../lib/write-result.ts";
import { type Documents, keepInForce } from "./keep-in-force.ts";
import type { StopRun } from "./stop-run.ts";

const EMERGENCY = { emergency: true } as const;

/** The writes end a little before the budget, so that a last look can still tell what is true. */
export const WRITE_SHARE = 0.85;
/** Once the stop is written, its mirror in `config` is worth this much more waiting. */
const MIRROR_GRACE_MS = 2_500;
/** Once the API has it and all is proved, the Worker's answer is worth this much. */
const SIGNED_GRACE_MS = 300;
/** At the end, so long for those Workers that have not answered: the first did long ago. */
const SETTLE_MS = 1_000;

/** KV promises "60 s or more"; nobody has seen copies live as long as this. */
const STALE_STOP_MS = 10 * 60_000;

export interface Timing {
  signal: AbortSignal;
  writeSignal: AbortSignal;
  startedMs: number;
}

/** Told while the run goes on: the network is waited for anyway. */
export interface Listener {
  /** A write has arrived. */
  arrived(stop: StopDocument): void;
  /** The stop is written, and live everywhere. Waited for at the end. */
  live(run: Omit<StopRun, "stored">): Promise<void>;
}

export async function writeAndProve(
  input: CommonInput,
  ports: Ports,
  timing: Timing,
  listener: Listener,
): Promise<StopRun> {
  const { clock, rng, target, identity } = ports;
  const nowMs = clock.now();
  const author = { actor: identity.actor, reason: input.reason, nowMs, id: rng.ulid(nowMs) };
  const documents = stopNow(target.canaryTag, author);
  const elapsed = () => clock.monotonic() - timing.startedMs;
  // Once the stop is in force by the Worker, the API is not waited for to the end.
  const enough = new AbortController();
  const bounded = (signal: AbortSignal) => anySignal([signal, enough.signal]);
  const call: CallOptions = { signal: bounded(timing.writeSignal), onRetry: complainOnce(ports) };
  // Nothing waits for this read: it may still catch what the mirror is about to overwrite.
  let known: CanaryConfig | null = null;
  const {
    stopWrite,
    configWrite,
    signed: sending,
  } = sendAll(ports, documents, call, elapsed, () => {
    void readBefore(ports, documents.config, timing.signal).then((config) => {
      known = config;
    });
  });

  const signedWrite = sending.first;

  // Whichever arrives first already is an emergency: no reason to wait for the others before looking.
  const sent = await anyMayHaveArrived([stopWrite, configWrite, signedWrite]);
  if (sent) listener.arrived(documents.stop);
  const mirrored = stopWrite.then(() => withinGrace(configWrite, ports));
  const expected = () => proofOf(documents.stop, known, nowMs);
  const sought = { expected, stopId: documents.stop.id };
  const proxyHealth = sent && input.verify ? askAfterProxy(ports) : PROXY_NOT_ASKED;
  const proving = input.verify ? look(ports, sent, timing, sought) : Promise.resolve(NOT_ASKED);
  void endedBy(signedWrite, proving, ports, () => enough.abort());
  const signed = Promise.all([stopWrite, proving]).then(([stop]) =>
    wrote(stop) ? withinSignedGrace(signedWrite, ports) : signedWrite,
  );
  const facts = async (): Promise<Omit<StopRun, "stored">> => ({
    stop: documents.stop,
    writes: { stop: await stopWrite, config: await mirrored, signed: await signed },
    proof: await proving,
    proxyHealth,
    before: known,
    verify: input.verify,
    interrupted: interruptedBy(ports.interrupt),
  });
  // What a location writes later than we go on could overwrite what is written next: stop and journal.
  const heard = once(() => {
    return unlessAborted(sending.all, clock.timeout(SETTLE_MS), () => null);
  });
  const telling = facts().then(async (run) => {
    if (!isInForce(run)) return;
    await heard();

    await listener.live(run);
  });
  const writes = { stopWrite, configWrite: mirrored, proof: proving };
  const reading = { ...call, elapsed, readSignal: bounded(timing.signal), ...writes };
  const { stored, stopWrite: stop } = await keepInForce(ports, documents, reading);
  await telling;
  const run = await facts();
  const all = await heard();
  enough.abort();
  const worker = all?.kind === "written" ? all : run.writes.signed;
  return withRelease({ ...run, writes: { ...run.writes, stop, signed: worker }, stored });
}

/** All carriers at once; `sentStop` is called between the stop's write and those of the rest. None rejects. */
function sendAll(
  ports: Ports,
  { stop, config }: Documents,
  call: CallOptions,
  elapsed: () => number,
  sentStop: () => void,
) {
  const { store, progress } = ports;
  const answered = progress.waiting("waiting for the API to take the stop");
  const stopWrite = settle(
    store.writeStop(stop, { ...call, onRetry: tellAttempts(ports) }),
    elapsed,
  );
  sentStop();
  const configWrite = settle(store.writeConfig(config, { ...call, atWill: true }), elapsed);
  const signed = sendSigned(ports, stop, { signal: call.signal, elapsed });
  void stopWrite.then((result) => {
    answered();
    announce(ports, "stop", result);
  });
  void configWrite.then((result) => announce(ports, "config", result));
  void signed.first.then((result) => {
    if (result.kind === "written") answered();
    announceSigned(ports, result);
  });
  return { stopWrite, configWrite, signed };
}

function isInForce({ writes, proof, interrupted }: Omit<StopRun, "stored">): boolean {
  const { stop, signed } = writes;
  return (wrote(stop) || wrote(signed)) && isLive(proof) && interrupted === null;
}

/** In force by the Worker: the API gets a little longer. */
async function endedBy(
  signedWrite: Promise<SignedWrite>,
  proving: Promise<LiveProof>,
  { clock }: Ports,
  end: () => void,
): Promise<void> {
  const [signed, proof] = await Promise.all([signedWrite, proving]);
  if (!wrote(signed) || !isLive(proof)) return;
  clock.timeout(MIRROR_GRACE_MS).addEventListener("abort", end, { once: true });
}

function announce(ports: Ports, what: "stop" | "config", result: WriteResult): void {
  if (result.kind === "written") {
    ports.progress.stage({ kind: "written", what, elapsedMs: result.elapsedMs });
  }
}

function announceSigned({ progress }: Ports, result: SignedWrite): void {
  if (result.kind === "written") {
    const { carriers, elapsedMs } = result;
    progress.stage({ kind: "written", what: "worker", carriers, elapsedMs });
  } else if (result.kind === "failed") progress.warn(`signed stop: ${result.error.message}`);
}

/** Reads count for more: only where there were none is the Worker's word all that is known. */
function withRelease(run: StopRun): StopRun {
  const isUnknown = run.stored.kind === "unknown" && run.writes.signed.kind === "released";
  return isUnknown ? { ...run, stored: { kind: "released", by: UNKNOWN_AUTHOR } } : run;
}

/** Waits until one write has arrived; false when all have failed for certain. */
async function anyMayHaveArrived(
  writes: readonly Promise<WriteResult | SignedWrite>[],
): Promise<boolean> {
  const arrived = writes.map(async (write) => {
    if (!wrote(await write)) throw new Error("not this one");
  });
  try {
    await Promise.any(arrived);
    return true;
  } catch {
    return (await Promise.all(writes)).some(mayHaveWritten);
  }
}

/** Waits for the proof when there is something to prove; else looks once, to say what is true. */
async function look(
  ports: Ports,
  sent: boolean,
  timing: Timing,
  { expected, stopId }: { expected: () => Expectation; stopId: string | undefined },
): Promise<LiveProof> {
  if (sent) return proveLive(ports, expected, { ...timing, what: "stop", stopId });
  return { live: [], missing: [], sightings: await lookEverywhere(ports, "cached", timing.signal) };
}

/**
 * As strict as what is known by then: before the read has answered, only this very stop will do.
 * When an emergency was on before, any emergency seen is one that nobody has released. Otherwise it
 * must be ours: what shows may be a stop that was released a moment ago.
 */
function proofOf(stop: StopDocument, before: CanaryConfig | null, nowMs: number): Expectation {
  if (before?.emergency_proxy === true) return EMERGENCY;
  const lastMs = before === null ? Number.NaN : timeOf(before.last_updated);
  // A time that cannot be read says nothing about how long ago it was.
  const quietMs = Number.isFinite(lastMs) ? nowMs - lastMs : 0;
  return { emergency: true, stop: { id: stop.id ?? "", headerSuffices: quietMs > STALE_STOP_MS } };
}

/** The mirror is worth waiting for, but only so long: KV takes one write per key and second. */
function withinGrace(write: Promise<WriteResult>, ports: Ports): Promise<WriteResult> {
  const late = (): WriteResult => {
    const message = "the API has not acknowledged config yet";
    return { kind: "failed", error: new UpstreamError("ambiguous", message) };
  };
  const grace = anySignal([ports.clock.timeout(MIRROR_GRACE_MS), ports.interrupt]);
  return unlessAborted(write, grace, late);
}

/** The API has the stop: what the Worker says of it is worth no more waiting than this. */
function withinSignedGrace(write: Promise<SignedWrite>, { clock }: Ports): Promise<SignedWrite> {
  const late = (): SignedWrite => {
    return { kind: "failed", error: new UpstreamError("ambiguous", "no answer yet") };
  };
  return unlessAborted(write, clock.timeout(SIGNED_GRACE_MS), late);
}

/** `config` from before this stop: the share to go back to, and since when an emergency is on. */
async function readBefore(
  ports: Ports,
  mirror: CanaryConfig,
  signal: AbortSignal,
): Promise<CanaryConfig | null> {
  try {
    const { config } = parseState(await ports.store.read({ signal, configAlone: true }));
    const ours = config.kind === "valid" && config.value.revision === mirror.revision;
    return config.kind === "valid" && !ours ? config.value : null;
  } catch {
    return null;
  }
}

function tellAttempts(ports: Ports): (problem: string) => void {
  let attempt = 1;
  return (problem) => {
    attempt += 1;
    ports.progress.warn(`stop: ${problem}; attempt ${attempt}`);
  };
}

function complainOnce(ports: Ports): (problem: string) => void {
  let told = false;
  return (problem) => {
    if (told) return;
    told = true;
    ports.progress.warn(`${problem}; trying again until the time limit`);
  };
}
