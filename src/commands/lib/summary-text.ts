/** What is going on, in the words that status and watch share. Not yet escaped. */

import { unmeasured } from "../../domain/policy/evaluate.ts";
import type { Finding } from "../../domain/policy/finding.ts";
import type { Family, Rule } from "../../domain/policy/rule.ts";
import type { Verdict } from "../../domain/policy/verdict.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { counted, percentText } from "../../domain/text/format.ts";
import { labelOf, sentence } from "./findings-text.ts";
import { share, timeWithAge } from "./format.ts";

interface Origin {
  at?: string | undefined;
  by?: string | undefined;
  reason?: string | undefined;
}

/** What is known where the stored state alone was read. */
export const EMERGENCY_STORED =
  "an emergency is stored: where it is live, all traffic is on proxy (the legacy origin)";

/**
 * Null when no emergency is on. Unknown parts are left out. `live`: for each `/qa`, whether it shows an
 * emergency; what traffic does is said only where all do.
 */
export function emergencyLine(
  stored: { emergency: boolean; config: CanaryConfig | null; stop: StopDocument | null },
  live: readonly boolean[],
  nowMs: number,
): string | null {
  if (!stored.emergency) return null;
  const { at, by = UNKNOWN_AUTHOR, reason } = originOf(stored);
  const since = at === undefined ? "" : ` since ${timeWithAge(at, nowMs)}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `! ${emergencyText(live)}${since}, set by ${by}${why}`;
}

function emergencyText(live: readonly boolean[]): string {
  if (live.length === 0) return "EMERGENCY";
  const on = live.filter((shown) => shown).length;
  return on === live.length
    ? "EMERGENCY: all traffic is on proxy (the legacy origin)"
    : `EMERGENCY, live at ${on} of ${live.length} /qa`;
}

/** Of the document that says so; an unreadable one tells nothing, and `config` then speaks only for itself. */
function originOf({
  stop,
  config,
}: Pick<Parameters<typeof emergencyLine>[0], "stop" | "config">): Origin {
  if (stop?.active === true) return stop;
  if (config?.emergency_proxy !== true) return {};
  return { at: config.last_updated, by: config.updated_by, reason: config.reason };
}

/** Null when the guardian has set no limit that is in force. */
export function capLine(capped: ParsedState["capped"], nowMs: number): string | null {
  if (capped === undefined) return null;
  const { cap, asked } = capped;
  const held = asked > cap.percent ? `; config says ${asked} %` : "";
  const why = cap.reason === "" ? "" : `: ${cap.reason}`;
  return `! CAPPED at ${cap.percent} % since ${timeWithAge(cap.at, nowMs)} by ${cap.by}${why}${held}`;
}

export interface HealthSummary {
  verdict: Verdict;
  problems: readonly Finding[];
  findings: readonly Finding[];
}

/** Is anything wrong, by the policy. */
export function healthLine({ verdict, problems, findings }: HealthSummary): string {
  switch (verdict) {
    case "fail": {
      const [first, ...others] = problems;
      const worst = first === undefined ? "the policy fails" : sentence(first);
      const more = others.length === 0 ? "" : `; also ${labels(others.map(({ rule }) => rule))}`;
      return `✖ failing: ${worst}${more}`;
    }
    case "inconclusive": {
      const open = findings.filter((finding) => finding.verdict === "inconclusive");
      return `! inconclusive: ${open.map(sentence).join("; ")}`;
    }
    case "no_data":
      return `? no data on native's ${missingPart(findings)}: ${whyNoData(findings)}`;
    case "pass":
      return `✔ healthy: no finding fails${unjudged(findings)}`;
    default:
      return verdict satisfies never;
  }
}

function labels(rules: readonly Rule[]): string {
  return rules.map(labelOf).join(", ");
}

const PARTS: Readonly<Partial<Record<Family, string>>> = {
  latency: "latency",
  r2: "R2 failures",
  database: "database failures",
};

/** "health" when not even its errors are known, else the first part that is not. */
export function missingPart(findings: readonly Finding[]): string {
  const [first = "errors"] = unmeasured(findings);
  return PARTS[first] ?? "health";
}

/** Of the row that needs least of those that would tell. */
export function whyNoData(findings: readonly Finding[]): string {
  const [first = "errors"] = unmeasured(findings);
  const rows = findings.filter(({ family }) => family === first);
  return (first === "errors" ? rows[0] : rows.at(-1))?.detail ?? "not measured yet";
}

/** A row that says nothing is not one that passes. */
export function unjudged(findings: readonly Finding[]): string {
  const silent = findings.filter(({ verdict }) => verdict === "no_data").length;
  return silent === 0 ? "" : `, no data for ${silent} of ${findings.length}`;
}

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
