/** GO or NO-GO for the release ticket: Markdown whose tables GitHub renders. */

import type { Reason } from "../../domain/policy/go-no-go.ts";
import type { RuleOverWindow } from "../../domain/policy/window-rule.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { countText, isoSeconds } from "../../domain/text/format.ts";
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
    ...table(["Reason", "Verdict", "Figures", "Detail"], data.reasons.map(reasonCells)),
    "",
    "### The policy over the window",
    "",
    ...table(
      ["Rule", "Verdict", "Limit", "Failed", "First", "Last", "Passed", "No data"],
      data.policy.map(ruleCells),
    ),
    "",
    `**Verdict: ${data.verdict}**`,
    "",
    "Next:",
    "",
    ...fenced(next),
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

function table(head: readonly string[], rows: readonly string[][]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(" | ")} |`;
  return [line(head), `| ${head.map(() => "---").join(" | ")} |`, ...rows.map(line)];
}

/** One line: a row ends with its line. */
function cellText(text: string): string {
  return text.split("\n").map(plain).join("<br>");
}

/** Foreign text must not become markup, another cell, or a message to somebody. */
function plain(text: string): string {
  return escapeForTerminal(text)
    .replace(/[\\`*_{}[\]<>#|~&]/g, (char) => ENTITIES[char] ?? `\\${char}`)
    .replace(/(^|\W)@(?=\w)/g, "$1@<!-- -->");
}

/** A backslash before a pipe is read differently from place to place. */
const ENTITIES: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  "|": "&#124;",
  "\\": "&#92;",
};

/** The fence is longer than any in the text. */
function fenced(text: string): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}sh`, escapeForTerminal(text), fence];
}
