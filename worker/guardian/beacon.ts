/** The guardian and the second carrier: it stops by both, and knows a stop that only the beacon holds. */

import { timeOf } from "../../src/domain/lib/time.ts";
import { missingInKv } from "../../src/domain/state/beacon.ts";
import { parseStop, type StopDocument, serialiseStop } from "../../src/domain/state/documents.ts";
import type { BeaconCarrier } from "../beacon/carrier.ts";
import type { KeepAlive } from "../carrier-reader.ts";
import { withLimit } from "../limit.ts";
import type { StopTexts, Tick } from "./given.ts";
import { recentEntries, writeStop } from "./kv.ts";
import { warn } from "./tell.ts";

const READ_LIMIT_MS = 3_000;

/** One that has it is enough; rejects when neither has. */
export async function stopByBoth(
  kv: KVNamespace,
  beacon: BeaconCarrier | null,
  stop: StopDocument,
): Promise<void> {
  if (beacon === null) return writeStop(kv, stop);
  const [stored, told] = await Promise.allSettled([
    writeStop(kv, stop),
    beacon.tell(serialiseStop(stop)),
  ]);
  if (told.status === "rejected") warn(`beacon: ${String(told.reason)}`);
  if (stored.status === "fulfilled") return;
  if (told.status === "rejected") throw stored.reason;
  warn(`stop: ${String(stored.reason)}; the beacon has it`);
}

/** The texts of the stops that the beacon holds; null: it cannot be read, and may hold some. */
export async function stopsAt(
  beacon: BeaconCarrier | null,
  keepAlive: KeepAlive,
): Promise<readonly string[] | null> {
  if (beacon === null) return [];
  try {
    return (await withLimit("beacon", READ_LIMIT_MS, beacon.read(keepAlive))).answer.stops;
  } catch (error) {
    warn(`beacon: ${String(error)}`);
    return null;
  }
}

/** KV's key `stop` may be late, or not written at all: a stop that the beacon holds stands in its place. */
export function stopInForce({ inKv, atBeacon }: StopTexts): string | null {
  const stored = parseStop(inKv);
  const asks = stored.kind === "invalid" || (stored.kind === "valid" && stored.value.active);
  return asks ? inKv : (atBeacon?.at(-1) ?? inKv);
}

/** KV shows a change everywhere by then, and a release has reached the beacon. */
const SETTLED_MS = 120_000;

/**
 * A stop that only the beacon has, as KV could not be written then, is copied to KV: one carrier alone is one fault
 * away from none. Not while somebody may be releasing it: only when it is old enough, the journal is known to have no
 * restore since, and the beacon itself, asked past its cache, still has it.
 */
export async function copyToKv(
  { kv, beacon, tickMs }: Pick<Tick, "kv" | "beacon" | "tickMs">,
  { inKv, atBeacon }: StopTexts,
): Promise<void> {
  const text = missingInKv(atBeacon ?? [], inKv);
  const stop = parseStop(text);
  if (beacon === null || text === null || stop.kind !== "valid") return;
  const { id = "", at } = stop.value;
  if (tickMs - timeOf(at) < SETTLED_MS) return;
  try {
    const entries = await recentEntries(kv, tickMs);
    const restored = entries.some((entry) => {
      return entry.command === "restore" && timeOf(entry.at) > timeOf(at);
    });
    const isOver = async () => (await beacon.tell(text)).told !== "held";
    if (restored || (await isOver())) return;
    await writeStop(kv, stop.value, { isOver });
    warn(`stop ${id}: only the beacon had it; copied to KV`);
  } catch (error) {
    warn(`stop ${id}: only the beacon has it; not copied to KV: ${String(error)}`);
  }
}
