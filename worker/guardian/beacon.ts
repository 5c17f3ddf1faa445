/** The guardian and the second carrier: it stops by both, and knows a stop that only the beacon holds. */

import { timeOf } from "../../src/domain/lib/time.ts";
import { missingInKv } from "../../src/domain/state/beacon.ts";
import { parseStop, type StopDocument, serialiseStop } from "../../src/domain/state/documents.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import type { BeaconCarrier } from "../beacon/carrier.ts";
import { withLimit } from "../limit.ts";
import { readState, recentEntries, writeStop } from "./kv.ts";
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

/** KV shows a change everywhere by then, and a release has reached the beacon. */
const SETTLED_MS = 120_000;

/**
 * A stop that only the beacon has, as KV could not be written then, is copied to KV: one carrier alone is one fault
 * away from none. Not while somebody may be releasing it: only when it is old enough, and no restore came since.
 */
export async function copyToKv(
  kv: KVNamespace,
  beacon: BeaconCarrier | null,
  tickMs: number,
): Promise<void> {
  if (beacon === null) return;
  try {
    const { answer } = await withLimit("beacon", READ_LIMIT_MS, beacon.read());
    if (answer.stops.length === 0) return;
    const text = missingInKv(answer.stops, (await readState(kv)).stop);
    const stop = parseStop(text);
    if (stop.kind !== "valid" || tickMs - timeOf(stop.value.at) < SETTLED_MS) return;
    const entries = await recentEntries(kv, tickMs);
    const restored = entries.some(({ command, at }) => {
      return command === "restore" && timeOf(at) > timeOf(stop.value.at);
    });
    if (restored) return;
    await writeStop(kv, stop.value);
    warn(`stop ${stop.value.id ?? ""}: only the beacon had it; copied to KV`);
  } catch (error) {
    warn(`stop of the beacon: ${String(error)}`);
  }
}

/** KV's key `stop` may be late, or not written at all: a stop that the beacon holds stands in its place. */
export async function withBeaconStop(
  raw: RawState,
  beacon: BeaconCarrier | null,
): Promise<RawState> {
  const stored = parseStop(raw.stop);
  const isStopped = stored.kind === "invalid" || (stored.kind === "valid" && stored.value.active);
  if (beacon === null || isStopped) return raw;
  try {
    const { answer } = await withLimit("beacon", READ_LIMIT_MS, beacon.read());
    return { ...raw, stop: answer.stops.at(-1) ?? raw.stop };
  } catch (error) {
    warn(`beacon: ${String(error)}`);
    return raw;
  }
}
