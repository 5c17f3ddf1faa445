/** What is going on, in the words that status and watch share. Not yet escaped. */

import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import { counted, percentText } from "../../domain/text/format.ts";
import { share, timeWithAge } from "./format.ts";

/** What is known where the stored state alone was read. */
export const EMERGENCY_STORED =
  "an emergency is stored: where it is live, all traffic is on proxy (the legacy origin)";

/** "9.8 % of 4,213 new visitors (as configured, within chance)". */
export function achievedText(achieved: AchievedShare): string {
  if (achieved.achieved === null) return `no data (${achieved.detail})`;
  const drawn = counted(achieved.sampled, "new visitor");
  const mark = achieved.verdict === "fail" ? "NOT as configured: " : "";
  return `${percentText(achieved.achieved)} of ${drawn} (${mark}${achieved.detail})`;
}

/** Who is affected: old draws live on in cookies, so this differs from the share of new visitors. */
export function affectedText(achieved: AchievedShare): string | null {
  if (achieved.of_requests === null) return null;
  return `${percentText(achieved.of_requests)} of ${counted(achieved.requests, "request is", "requests are")} served by native`;
}

export function configuredText(config: CanaryConfig | null): string {
  if (config === null) return "unknown";
  return `${share(config.canary_percent)} of new visitors to native, tag ${config.canary_tag}`;
}

/** When, by whom and why. */
export function changedText(config: CanaryConfig, nowMs: number): string {
  const why = config.reason === undefined ? "" : `, "${config.reason}"`;
  return `${timeWithAge(config.last_updated, nowMs)}, by ${config.updated_by ?? UNKNOWN_AUTHOR}${why}`;
}
