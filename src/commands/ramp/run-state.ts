/** What a ramp's run knows, and what it tells when it ends. */
import type { Assessment } from "../../domain/policy/finding.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import type { Base } from "../lib/stored-state.ts";

export interface RunState {
  ramp: RampDocument;
  base: Base | null;
  assessment: Assessment | null;
  /** What did not work at the last try. */
  problem: string | null;
  keptAtMs: number;
  /** What others see in KV is not what this process has kept there. */
  unseen: boolean;
  /** Somebody else's ramp by now: what KV shows of it. */
  leftTo: RampDocument | null;
  /** Writes in a row that somebody else's value forbade. */
  refusals: number;
}

export interface RampData {
  ramp: RampDocument;
  at_ms: number;
}
