/** GO or NO-GO as a table of 80 columns, and in one sentence. */

import type { Reason } from "../../domain/policy/go-no-go.ts";
import { obstaclesTo } from "../../domain/policy/go-no-go.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { wrap } from "../../domain/text/width.ts";
import { VERDICT_MARKS } from "../lib/format.ts";
import type { ValidateData } from "./data.ts";
import { uploadText, windowLine } from "./format.ts";

const COLUMNS = 80;
const VERDICT = 13;
const NAME = 16;
/** Under the figures. */
const INDENT = " ".repeat(4 + VERDICT + NAME);

export function tableText(data: ValidateData): string {
  const { share, tag } = data;
  const lines = [
    ...(data.verdict === "GO" ? ["✔ GO for the next step"] : []),
    `  share   ${share === null ? "unknown" : `${share} % of new visitors to native, tag ${tag}`}`,
    `  window  ${windowLine(data.window)}`,
    "",
    ...data.reasons.flatMap(reasonLines),
    ...(data.smoke === null ? [] : ["", `  smoke upload: ${uploadText(data.smoke)}`]),
  ];
  return lines.map(escapeForTerminal).join("\n");
}

function reasonLines({ name, verdict, required, figures, details }: Reason): string[] {
  const mark = !required && verdict !== "fail" ? " " : VERDICT_MARKS[verdict];
  const head = `  ${mark} ${verdict.padEnd(VERDICT)}${name.padEnd(NAME)}${figures}`;
  return [
    ...wrap(escapeForTerminal(head), COLUMNS, INDENT),
    ...details.flatMap((detail) => wrapped(escapeForTerminal(detail))),
  ];
}

/** Details are longer than figures: they begin further left. */
function wrapped(detail: string): string[] {
  const indent = " ".repeat(4 + VERDICT);
  return wrap(`${indent}${detail}`, COLUMNS, `${indent}  `);
}

/** "NO-GO for the next stage: policy, smoke checks: fail; coverage: no_data". */
export function noGoText(reasons: readonly Reason[]): string {
  const obstacles = obstaclesTo(reasons);
  const groups = (["fail", "inconclusive", "no_data"] as const).flatMap((verdict) => {
    const names = obstacles.filter((r) => r.verdict === verdict).map(({ name }) => name);
    return names.length === 0 ? [] : [`${names.join(", ")}: ${verdict}`];
  });
  return `NO-GO for the next step: ${groups.join("; ")}`;
}
