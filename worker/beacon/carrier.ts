/** The beacon as an isolate asks it. */
import type { BeaconAnswer, Told } from "../../src/domain/state/beacon.ts";
import type { KeepAlive } from "../carrier-reader.ts";

export interface BeaconRead {
  answer: BeaconAnswer;
  /** When the beacon said so, milliseconds since the epoch; the answer may have been in a cache since. */
  saidAtMs: number;
  /** `Cf-Cache-Status` of the answer; null: no Workers Cache stands before the beacon. */
  cache: string | null;
}

export interface BeaconCarrier {
  /** Rejects when the beacon cannot be read. */
  read(keepAlive: KeepAlive): Promise<BeaconRead>;
  /** A document of the key `stop`. Rejects when the beacon may not have taken it; at most 3 s. */
  tell(text: string): Promise<{ answer: BeaconAnswer; told: Told }>;
}
