/** Keeps a ramp where a crash cannot take it: first the file, then, for others to see, KV. */
import type { RampDocument } from "../../domain/ramp/document.ts";
import { parseRamp, RAMP_KEY } from "../../domain/ramp/document.ts";
import type { Ports } from "../../ports/ports.ts";

const MIRROR_LIMIT_MS = 4_000;

/** Throws LocalError when the disk refuses: a ramp that nobody remembers must not go on. */
export async function keep(ramp: RampDocument, ports: Ports): Promise<void> {
  await ports.rampFile.write(JSON.stringify(ramp));
  await showInKv(ramp, ports);
}

/** Best effort: a warning when it cannot be written. */
export async function showInKv(ramp: RampDocument, ports: Ports): Promise<void> {
  try {
    const signal = ports.clock.timeout(MIRROR_LIMIT_MS);
    await ports.documents.put(RAMP_KEY, JSON.stringify(ramp), { signal });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    ports.progress.warn(`ramp state not saved in KV, so others cannot see it: ${why}`);
  }
}

export interface KnownRamp {
  ramp: RampDocument;
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
  const [file, remote, alive] = await Promise.allSettled([
    ports.rampFile.read(),
    ports.documents.get(RAMP_KEY, { signal }),
    ports.rampFile.isLocked(),
  ]);
  const warnings = [file, remote, alive].flatMap((result) =>
    result.status === "rejected" ? [wordsOf(result.reason)] : [],
  );
  const here = file.status === "fulfilled" ? parseRamp(file.value) : null;
  const inKv = remote.status === "fulfilled" ? parseRamp(remote.value) : null;
  const living = alive.status === "fulfilled" && alive.value;
  const known = newest(here, inKv);
  if (known === null) return { known: null, warnings };
  const from = known === here || known.id === here?.id ? "here" : "kv";
  return { known: { ramp: known, from, alive: from === "here" && living }, warnings };
}

/** Of the same ramp the file, which is written first; of two, the one that was started later. */
function newest(here: RampDocument | null, inKv: RampDocument | null): RampDocument | null {
  if (here === null || inKv === null) return here ?? inKv;
  if (here.id === inKv.id) return here;
  return Date.parse(inKv.started_at) > Date.parse(here.started_at) ? inKv : here;
}

function wordsOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
