/** The part of `pixcanary sandbox --help` about the control API. */
import { wrap } from "../../domain/text/width.ts";
import { faultSummary } from "../api/faults.ts";
import { CONTROLS } from "./controls.ts";
import { fieldsOf } from "./fields.ts";

const COLUMNS = 80;
const FIELDS_INDENT = " ".repeat(6);

export const SANDBOX_CONTROL_HELP: string = [
  "Control API (JSON over HTTP at controlUrl; fields with ? can be left out):",
  ...controlLines(),
  "",
  "Faults of the Cloudflare API (each takes match, times and after as well):",
  ...table(Object.entries(faultSummary())),
  "",
  "Example:",
  `  curl "$controlUrl/faults" -d '{"kind":"lost-answer","times":1}'`,
].join("\n");

function controlLines(): string[] {
  const heads = table(CONTROLS.map(({ path, help }) => [path, help]));
  return CONTROLS.flatMap(({ schema }, index) => [
    heads[index] ?? "",
    ...(schema === undefined
      ? []
      : wrap(`${FIELDS_INDENT}${fieldsOf(schema)}`, COLUMNS, `${FIELDS_INDENT} `)),
  ]);
}

function table(rows: readonly [string, string][]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
}
