/** The policy's findings in words, for people and for the journal. Shared by the CLI and the guardian. */

import { countText } from "../text/format.ts";
import type { Finding } from "./finding.ts";
import { labelOf } from "./rules.ts";

/** "error rate, critical 4.1 %: over 3 % in each of 3 min". Fits a `--reason`. */
export function sentence(finding: Finding): string {
  return `${labelOf(finding.rule)} ${amount(finding.value, finding.unit)}: ${finding.detail}`;
}

export function amount(value: number | null, unit: string): string {
  return value === null ? "–" : `${digits(value)} ${unit}`;
}

export function digits(value: number): string {
  return countText(value, Math.abs(value) >= 100 ? 0 : 1);
}
