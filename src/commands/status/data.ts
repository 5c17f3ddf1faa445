/** What status shows. */

import type { Finding } from "../../domain/policy/finding.ts";
import type { Verdict } from "../../domain/policy/verdict.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import type { Situation } from "../../domain/situation/known.ts";
import type { Carrier } from "../../domain/state/carriers.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";

export interface LiveView {
  url: string;
  location: string;
  status: number | null;
  emergency: boolean | null;
  /** The rung of the ladder that answers there, whatever is stored; null: none. */
  rung: "version" | "route" | null;
  /** Who carries it there; null: none is on, or that is not shown. */
  carriers: readonly Carrier[] | null;
  percent: number | null;
  revision: string | null;
  cohort: string | null;
  reason: string | null;
  source: string | null;
  native: string | null;
  proxy: string | null;
  /** Whether this location shows what is stored; null when nobody knows what that is. */
  current: boolean | null;
  problem: string | null;
}

export interface StatusData {
  /** What all the rest comes to. */
  situation: Situation;
  /** Stored, or in force at some `/qa`. */
  emergency: boolean;
  /** With the share in force; null when absent or unreadable. */
  config: CanaryConfig | null;
  /** The guardian's upper limit, where it is in force, and the share that config asks for. */
  capped: ParsedState["capped"] | null;
  stop: StopDocument | null;
  problems: string[];
  live: LiveView[];
  last: JournalEntry | null;
  /** Of the ladder, beyond a plain stop: a line for each rung that is taken. */
  rungs: readonly string[];
  /** Under way, as KV shows it; null: none, or not known. */
  ramp: RampDocument | null;
  /** This machine knows that its process is gone. */
  ramp_died: boolean;
  /** The configured and the achieved share. */
  share: AchievedShare;
  health: {
    verdict: Verdict;
    recommendation: string;
    /** Ready to paste; null when no finding asks for anything. */
    command: string | null;
    problems: Finding[];
    findings: Finding[];
  };
  at_ms: number;
  /** The same moment by the API's clock; null when that is not known. */
  api_ms: number | null;
}
