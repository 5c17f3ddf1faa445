/** The errors of an incident's logs, for its report: how many, for whom, since when, and a ray id of each group. */
import type { GroupReport } from "../logs/analysis.ts";
import { countText, isoSeconds, percentText } from "../text/format.ts";
import { plain, tableLines } from "../text/markdown.ts";
import { cut } from "../text/width.ts";
import type { ErrorFacts } from "./facts.ts";

const MAX_GROUPS = 20;
const MAX_COLUMNS = 200;
const MAX_VALUES = 3;

export function errorLines(errors: ErrorFacts): string[] {
  if (errors.kind === "unknown") return [`Not known: ${plain(errors.because)}`];
  const { groups, others, doubts, likely, fromMs, toMs } = errors;
  const shown = groups.slice(0, MAX_GROUPS);
  const hidden = groups.slice(MAX_GROUPS).reduce((sum, { count }) => sum + count, others);
  const head = ["Errors", "Message", "Cohort", "Route", "First, last (UTC)", "Ray id"];
  return [
    `Logged at level ERROR from ${isoSeconds(fromMs)} to ${isoSeconds(toMs)}:`,
    "",
    ...(shown.length === 0 ? ["No error is in the logs."] : tableLines(head, shown.map(cells))),
    ...(hidden === 0 ? [] : ["", `And ${countText(hidden)} more in further groups.`]),
    ...(likely.length === 0 ? [] : ["", `Likely causes: ${plain(likely.join("; "))}`]),
    ...(doubts.length === 0 ? [] : ["", `There may be more: ${plain(doubts.join("; "))}`]),
  ];
}

function cells({ count, share, message, cohorts, routes, example, ...group }: GroupReport) {
  const { first_seen: first, last_seen: last } = group;
  return [
    `${countText(count)} (${percentText(share * 100)})`,
    cut(message, MAX_COLUMNS),
    values(cohorts),
    values(routes),
    first === null || last === null ? "unknown" : `${isoSeconds(first)}, ${isoSeconds(last)}`,
    example.ray_id ?? "unknown",
  ];
}

function values(counts: Readonly<Record<string, number>>): string {
  const pairs = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const shown = pairs.slice(0, MAX_VALUES).map(([value, count]) => `${value} ${countText(count)}`);
  return (pairs.length > MAX_VALUES ? [...shown, "…"] : shown).join(", ");
}
