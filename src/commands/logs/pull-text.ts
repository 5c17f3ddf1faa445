/** What `logs pull` says it has fetched. */
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
    ...(outcome.kind === "done" ? [`✔ logs pull: ${data.files} files in ${data.folder}`] : []),
    `  window    ${spanText(data)}`,
    `  files     ${data.fetched} fetched, ${data.there} already there, ${bytesText(data.bytes)}`,
    ...shown,
    ...(more > 0 ? [`  ! and ${more} more: see --json`] : []),
  ].join("\n");
}

function emptyText(data: LogsPullData): string {
  return [
    `! logs pull: no files from that time in ${data.bucket}/${data.prefix}`,
    `  window    ${spanText(data)}`,
    "  check     batches arrive minutes late: try again soon, or look further back",
    "            the Logpush job: enabled? last_error? (Analytics & Logs > Logpush)",
    '            the Worker: "logpush": true in its wrangler file?',
    "            the prefix: --all lists everything below it",
  ].join("\n");
}

function spanText({ window }: LogsPullData): string {
  if (window === null) return "everything";
  return windowText({ sinceMs: Date.parse(window.since), untilMs: Date.parse(window.until) });
}
