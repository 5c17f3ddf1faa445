import type { Finding } from "../../domain/policy/finding.ts";
import { amount, digits, sentence } from "../../domain/policy/finding-text.ts";
import { labelOf } from "../../domain/policy/rules.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { clockTime, countText } from "../../domain/text/format.ts";
import { wrap } from "../../domain/text/width.ts";
import { VERDICT_MARKS } from "./format.ts";

const COLUMNS = 80;
const INDENT = " ".repeat(15);
const HEAD = cells(" ", "verdict", "finding", "value / limit", "window, UTC", "sample");

/**
 * A table in 80 columns: mark, verdict, what, value and limit, window, sample (requests, or intents);
 * below a row why, unless it plainly passed. What several rows cannot see is said once. Escaped.
 */
export function findingLines(findings: readonly Finding[]): string[] {
  const said = new Set<string>();
  const rows = findings.flatMap((finding) => {
    const { verdict, detail, because } = finding;
    const line = rowOf(finding);
    const why = because === null ? detail : `${detail}; caused by: ${labelOf(because)}`;
    const plain = verdict === "pass" && (finding.value ?? 0) <= finding.limit;
    if (plain || (verdict === "no_data" && said.has(why))) return [line];
    said.add(why);
    return [line, ...wrap(`${INDENT}${escapeForTerminal(why)}`, COLUMNS, INDENT)];
  });
  return rows.length === 0 ? [] : [HEAD, ...rows];
}

function rowOf(finding: Finding): string {
  const { verdict, rule, value, limit, unit, samples, minimum } = finding;
  const shown = value === null ? "–" : digits(value);
  return cells(
    VERDICT_MARKS[verdict],
    verdict,
    labelOf(rule),
    `${shown} / ${digits(limit)} ${unit}`,
    windowText(finding),
    minimum === 0 ? "" : countText(samples),
  );
}

function cells(mark: string, verdict: string, ...rest: [string, string, string, string]): string {
  const [label, value, window, sample] = rest;
  const left = `${mark.padEnd(1)} ${verdict.padEnd(12)} ${label.padEnd(24)} ${value.padEnd(16)}`;
  const upToSample = `${left} ${window} `;
  return `${upToSample}${sample.padStart(78 - upToSample.length)}`.trimEnd();
}

/** Seconds only in a rehearsal, whose buckets need them. */
function windowText({ window: { fromS, toS } }: Finding): string {
  const short = fromS % 60 === 0 && toS % 60 === 0;
  const clock = (s: number) => clockTime(s * 1_000).slice(0, short ? 5 : 8);
  return fromS === toS ? "" : `${clock(fromS)}–${clock(toS)}`;
}

export { amount, labelOf, sentence };
