/** Why logs that were read do not tell whether there are errors. */
import { counted, countText } from "../text/format.ts";
import type { AnalysisReport } from "./analysis.ts";

/** Not understood of all lines: above this part, errors may be among them. One line in a hundred is a cut or two. */
const TRIFLE = 0.01;

/** What became of the files. */
export interface FilesRead {
  files: number;
  /** Something of them was not read. */
  partial: boolean;
}

type Judged = Pick<
  AnalysisReport,
  "lines" | "broken" | "unclear" | "quiet" | "records" | "matched" | "undecided"
>;

/** In words, the worst first; empty when what was found is all there is. */
export function doubtsOf(report: Judged, reading: FilesRead): string[] {
  const { lines, broken, unclear, quiet, records, matched, undecided } = report;
  if (lines === 0) return [emptyText(reading.files)];
  const lost = broken + unclear;
  const doubts: string[] = [];
  if (lost > lines * TRIFLE)
    doubts.push(`${countText(lost)} of ${counted(lines, "line")} could not be understood`);
  if (reading.partial) doubts.push("not all of it could be read");
  if (doubts.length > 0) return doubts;
  if (records + quiet === 0 && undecided === 0) {
    return [`${counted(lines, "line")} read, but none is of the time, route or cohort asked for`];
  }
  if (matched === 0 && undecided > 0) {
    return [
      `${counted(undecided, "error does", "errors do")} not say the route or cohort asked for`,
    ];
  }
  return [];
}

function emptyText(files: number): string {
  return `${counted(files, "file holds", "files hold")} no log lines`;
}
