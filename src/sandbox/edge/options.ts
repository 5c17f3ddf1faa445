/** What the edge is put together from. */

import type { BeaconFaults } from "../beacon/faults.ts";
import type { NativeFaults } from "../native-faults.ts";
import type { Sessions } from "../sessions.ts";
import type { KvService } from "./kv-service.ts";
import type { CaughtPoint, MailSink } from "./services.ts";
import type { RunningDeployment } from "./worker.ts";

export interface EdgesOptions {
  locations: readonly string[];
  /** What they run at first. */
  deployment: RunningDeployment;
  /** The legacy origin, which visitors reach where no route leads to the Worker. */
  originUrl: string;
  databaseUrl: string;
  /** Of the account; those that come later can be used from the next `run` on. */
  buckets: () => Iterable<string>;
  kv: KvService;
  /** Workers Cache, and the way to the Durable Objects. */
  beacon: Pick<BeaconFaults, "copies" | "road">;
  /** Ends what hangs on purpose. */
  closing: AbortSignal;
  native: NativeFaults;
  /** By this the Worker's time limits are multiplied, and how often a token may ask `/qa`. */
  patience: number;
  sessions: Sessions;
  onPoint: (point: CaughtPoint, dataset: string) => void;
  /** The Worker's trace events, as a tail Worker gets them; null: none are made. */
  onTraces: ((json: unknown) => void) | null;
  /** What the Worker's e-mail binding sends; null: there is no such binding. */
  onMail: MailSink | null;
  /** A line that a Worker or the runtime printed. */
  onLog: (line: string) => void;
}
