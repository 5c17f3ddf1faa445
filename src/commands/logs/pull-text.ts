/** What `logs pull` says it has fetched. */
import { counted, countText } from "../../domain/text/format.ts";
import type { Outcome } from "../command.ts";
import { bytesText, windowText } from "../lib/time-window.ts";
import type { LogsPullData } from "./pull-data.ts";

export function pullText(outcome: Outcome<LogsPullData>): string {
  const data = "data" in outcome ? outcome.data : undefined;
  if (data === undefined) return "";
  if (data.files === 0) return emptyText(data);
  const shown = data.problems.slice(0, 10).map(({ file, problem }) => `  ! ${file}: ${problem}`);
  const more = data.problems.length - shown.length;
  return [
    ...(outcome.kind === "done"
      ? [`✔ logs pull: ${counted(data.files, "file")} in ${data.folder}`]
      : []),
    `  window    ${spanText(data)}`,
    `  files     ${countText(data.fetched)} fetched, ${countText(data.there)} already there, ${bytesText(data.bytes)}`,
    ...shown,
    ...(more > 0 ? [`  ! and ${more} more: see --json`] : []),
  ].join("\n");
}

/** In words that `logs errors` also has. */
export function nothingFound({ bucket, prefix, window }: LogsPullData): string {
  const time = window === null ? "" : `, ${spanText({ window })}`;
  return `no file found below ${prefix}/ in R2 bucket ${bucket}${time}`;
}

function emptyText(data: LogsPullData): string {
  return [
    `! logs pull: ${nothingFound(data)}`,
    "  check     batches arrive minutes late: try again soon, or look further back",
    "            the Logpush job: enabled? last_error? (Analytics & Logs > Logpush)",
    '            the Worker: "logpush": true in its wrangler file?',
    ...(data.window === null ? [] : ["            the prefix: --all lists everything below it"]),
  ].join("\n");
}

function spanText({ window }: Pick<LogsPullData, "window">): string {
  if (window === null) return "everything";
  return windowText({ sinceMs: Date.parse(window.since), untilMs: Date.parse(window.until) });
}
