/** Keeps a ramp where a crash cannot take it: first the file, then, for others to see, KV. */
import { anySignal } from "../../domain/lib/abort.ts";
import { jitteredMs, retry } from "../../domain/lib/retry.ts";
import { isLater, supersededBy } from "../../domain/ramp/carrier.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { isOver, parseRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import { asSeen } from "../../domain/ramp/seen-end.ts";
import type { Ports } from "../../ports/ports.ts";
import { readBase } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";

const MIRROR_LIMIT_MS = 4_000;
/** For the last word about a ramp; whichever is over first. */
const END_LIMIT_MS = 60_000;
const END_TRIES = 15;
/** KV takes one write per key and second. */
const END_PACE_MS = 1_000;
const END_BACKOFF = { firstDelayMs: 1_000, maxDelayMs: 8_000 };

/** Throws LocalError when the disk refuses: a ramp that nobody remembers must not go on. */
export async function keep(ramp: RampDocument, ports: Ports): Promise<void> {
  await ports.rampFile.write(JSON.stringify(ramp));
  await showInKv(ramp, ports);
}

/** Best effort: a warning when it cannot be written. */
async function showInKv(ramp: RampDocument, ports: Ports): Promise<void> {
  try {
    const signal = ports.clock.timeout(MIRROR_LIMIT_MS);
    await ports.documents.put(RAMP_KEY, JSON.stringify(ramp), { signal });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    ports.progress.warn(`ramp state not saved in KV, so others cannot see it: ${why}`);
  }
}

/**
 * The end of a ramp, written until a read shows it: nobody will say it later. False when that was not seen in
 * time. Never throws.
 */
export async function showEnd(over: RampDocument, ports: Ports, limitMs = END_LIMIT_MS) {
  const signal = anySignal([ports.clock.timeout(limitMs), ports.interrupt]);
  const isShown = async (): Promise<boolean> => {
    const kept = await readKept(ports, signal);
    if (kept === null) return false;
    return (kept.id === over.id && isOver(kept)) || supersededBy(over, kept) !== null;
  };
  let refused = "";
  const last = await retry(
    async (number) => {
      if (number > 1 && (await isShown())) return true;
      try {
        await ports.documents.put(RAMP_KEY, JSON.stringify(over), { signal });
      } catch (thrown) {
        const error = asUpstream(thrown);
        // Once may be a mistake of the API. Any other answer may have been lost: a look tells.
        if (error.kind === "forbidden" && number > 1) refused = `: ${error.message}`;
      }
      return isShown();
    },
    (shown, number) =>
      shown || number === END_TRIES || refused !== ""
        ? null
        : END_PACE_MS + jitteredMs(number, END_BACKOFF, ports.rng.next()),
    { sleep: (ms, stop) => ports.clock.sleep(ms, stop), signal },
  );
  if (!last) {
    ports.progress.warn(`KV does not show that the ramp has ended: others may not know${refused}`);
  }
  return last;
}

/** As KV shows it; null when it does not, or cannot be read. */
export async function readKept(ports: Ports, signal: AbortSignal): Promise<RampDocument | null> {
  try {
    return parseRamp(await ports.documents.get(RAMP_KEY, { signal }));
  } catch {
    return null;
  }
}

export interface KnownRamp {
  /** As what is stored shows it: over also where nobody has written that down. */
  ramp: RampDocument;
  kept: RampDocument;
  /** `here`: this machine has its file. */
  from: "here" | "kv";
  /** A living process of this machine carries it out. */
  alive: boolean;
}

/**
 * The ramp of this environment: the one of this machine's file unless KV shows a newer one. Null when
 * there is none. `warnings` says what could not be read; never throws.
 */
export async function findRamp(
  ports: Ports,
  signal: AbortSignal,
): Promise<{ known: KnownRamp | null; warnings: string[] }> {
  const [file, remote, alive, base] = await Promise.allSettled([
    ports.rampFile.read(),
    ports.documents.get(RAMP_KEY, { signal }),
    ports.rampFile.isLocked(),
    readBase(ports, signal),
  ]);
  const warnings = [file, remote, alive].flatMap((result) =>
    result.status === "rejected" ? [wordsOf(result.reason)] : [],
  );
  const here = file.status === "fulfilled" ? parseRamp(file.value) : null;
  const inKv = remote.status === "fulfilled" ? parseRamp(remote.value) : null;
  const living = alive.status === "fulfilled" && alive.value;
  const kept = newest(here, inKv);
  if (kept === null) return { known: null, warnings };
  const from = kept === here ? "here" : "kv";
  const state = base.status === "fulfilled" && "state" in base.value ? base.value.state : null;
  const ramp = state === null ? kept : asSeen(kept, state, ports.clock.now());
  return { known: { ramp, kept, from, alive: from === "here" && living }, warnings };
}

/** The file is written first: KV knows more only of another carrier, or of another ramp. */
function newest(here: RampDocument | null, inKv: RampDocument | null): RampDocument | null {
  if (here === null || inKv === null) return here ?? inKv;
  return isLater(inKv, here) ? inKv : here;
}

function wordsOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
