/** GO or NO-GO for the release ticket: Markdown whose tables GitHub renders. */

import type { Reason } from "../../domain/policy/go-no-go.ts";
import type { RuleOverWindow } from "../../domain/policy/window-rule.ts";
import { countText, isoSeconds } from "../../domain/text/format.ts";
import { fenced, plain, tableLines } from "../../domain/text/markdown.ts";
import { amount, labelOf } from "../lib/findings-text.ts";
import { VERDICT_MARKS } from "../lib/format.ts";
import type { ValidateData } from "./data.ts";
import { uploadText, windowLine } from "./format.ts";

/** `next`: ready to paste. */
export function markdownText(data: ValidateData, next: string): string {
  return [
    `## ${data.verdict} for the next step of ${plain(data.environment)}`,
    "",
    ...facts(data).map(([name, value]) => `- **${name}:** ${plain(value)}`),
    "",
    ...tableLines(["Reason", "Verdict", "Figures", "Detail"], data.reasons.map(reasonCells)),
    "",
    "### The policy over the window",
    "",
    ...tableLines(
      ["Rule", "Verdict", "Limit", "Failed", "First", "Last", "Passed", "No data"],
      data.policy.map(ruleCells),
    ),
    "",
    `**Verdict: ${data.verdict}**`,
    "",
    "Next:",
    "",
    ...fenced(next, "sh"),
  ].join("\n");
}

function facts(data: ValidateData): [string, string][] {
  const share = data.share === null ? "unknown" : `${data.share} %, tag ${data.tag ?? "unknown"}`;
  return [
    ["Environment", `${data.environment} (Worker ${data.worker})`],
    ["Time", `${isoSeconds(data.at)}, by ${data.actor}`],
    ["Tool", data.tool],
    ["Share of new visitors", share],
    ["Revision", data.revision ?? "none"],
    ["Window", windowLine(data.window)],
    ["Smoke upload", uploadText(data.smoke)],
  ];
}

function reasonCells({ name, verdict, required, figures, details }: Reason): string[] {
  const needed = required ? "" : " (not required)";
  return [name, `${VERDICT_MARKS[verdict]} ${verdict}${needed}`, figures, details.join("\n")];
}

function ruleCells(rule: RuleOverWindow): string[] {
  const { fail, pass, no_data: noData } = rule.evaluations;
  const at = (s: number | null): string => (s === null ? "–" : isoSeconds(s * 1_000));
  return [
    labelOf(rule.rule),
    `${VERDICT_MARKS[rule.verdict]} ${rule.verdict}`,
    amount(rule.limit, rule.unit),
    `${countText(fail)} ×`,
    at(rule.first_failed_s),
    at(rule.last_failed_s),
    `${countText(pass)} ×`,
    `${countText(noData)} ×`,
  ];
}
