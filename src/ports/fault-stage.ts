/** A stage where things can be broken on purpose: the sandbox. */
import type { NativeFault, WayFault } from "../domain/drill/faults.ts";
import type { TrafficCounts } from "./visitors.ts";

export interface Page {
  text: string;
  /** What else it says, the next command among it. */
  details: readonly string[];
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
  /** All that was measured so far: the next `backdate` has another sample. */
  forgetMetrics(): Promise<void>;
  /** Breaks the way of a stop to the visitors; `clearWay` repairs it. */
  breakWay(fault: WayFault): Promise<void>;
  clearWay(): Promise<void>;
  /** Repairs native. */
  heal(): Promise<void>;
  /** One run of the guardian's cron, which is waited for. */
  tick(): Promise<void>;
  /** The newest page of the on-call since the fault. */
  page(): Page | null;
  /** When a stop came to be in KV since the fault, milliseconds since the epoch; null: none did. */
  stoppedAt(): number | null;
}

/** The engineer at the keyboard of an interactive drill. */
export interface Keyboard {
  say(text: string): void;
  /** Null: there will be no more, or `over` has come first. */
  line(over: AbortSignal): Promise<string | null>;
  /** What a line says, after the program's name. */
  read(line: string): Typed;
  /** Runs this program with these words, for the sandbox, until `over` at the latest. Its exit code. */
  run(words: readonly string[], over: AbortSignal): Promise<number>;
}

export interface Typed {
  words: readonly string[];
  /** The first that is no option and no option's value; empty where there is none. */
  verb: string;
  /** It must not be run here, and that was said. */
  refused: boolean;
}
