/** The guardian and the second carrier: it stops by both, and knows a stop that only the beacon holds. */
import { parseStop, type StopDocument, serialiseStop } from "../../src/domain/state/documents.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import type { BeaconCarrier } from "../beacon/carrier.ts";
import { withLimit } from "../limit.ts";
import { writeStop } from "./kv.ts";
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
