/** A stage where things can be broken on purpose: the sandbox. */
import type { NativeFault, WayFault } from "../domain/drill/faults.ts";
import type { TrafficCounts } from "./visitors.ts";

export interface Page {
  text: string;
  /** Milliseconds since the epoch. */
  atMs: number;
}

export interface FaultStage {
  startVisitors(): Promise<void>;
  stopVisitors(): Promise<TrafficCounts>;
  /** From now on; what was measured and paged before is forgotten. */
  breakNative(fault: NativeFault): Promise<void>;
  /**
   * The policy judges whole minutes: makes the points that visitors' requests have written since the fault those
   * of the last minutes as well. Says what it did; null while there are too few of them.
   */
  backdate(): string | null;
  /** Breaks the way of a stop to the visitors; `clearWay` repairs it. */
  breakWay(fault: WayFault): Promise<void>;
  clearWay(): Promise<void>;
  /** Repairs native. */
  heal(): Promise<void>;
  /** One run of the guardian's cron, which is waited for. */
  tick(): Promise<void>;
  /** The newest page of the on-call since the fault. */
  page(): Page | null;
}
