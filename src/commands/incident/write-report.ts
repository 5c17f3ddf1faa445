/** Puts the report of an incident and its charts into their folder. Throws LocalError. */
import { chartMarker } from "../../domain/incident/chart-marker.ts";
import type { ChartFact, IncidentFacts } from "../../domain/incident/facts.ts";
import { type Incident, reportName } from "../../domain/incident/incident.ts";
import { incidentIn, type Merged, mergeReport } from "../../domain/incident/merge.ts";
import { blanksIn, reportOf } from "../../domain/incident/report.ts";
import { LocalError } from "../../ports/errors.ts";
import type { ReportFolder } from "../../ports/reports.ts";
import type { DrawnChart } from "./gather.ts";

/** So many incidents of one day and tag. */
const MAX_NAMES = 50;

export interface Place {
  name: string;
  /** What is there; null: nothing yet. */
  before: string | null;
}

/** Of this incident's report; a document of another one, or of unknown origin, is left alone. */
export async function placeOf(
  folder: ReportFolder,
  incident: Incident,
  tag: string,
): Promise<Place> {
  for (let nth = 1; nth <= MAX_NAMES; nth += 1) {
    const name = reportName(incident, tag, nth);
    const before = await folder.read(name);
    if (before === null || incidentIn(before) === incident.id) return { name, before };
  }
  const name = reportName(incident, tag, 1);
  throw new LocalError(`${name} and ${MAX_NAMES - 1} more like it are reports of other incidents`);
}

export interface WrittenReport {
  file: string;
  existed: boolean;
  changed: boolean;
  blanks: number;
  blocks: Merged["blocks"];
}

export async function writeReport(
  folder: ReportFolder,
  place: Place,
  facts: Omit<IncidentFacts, "charts">,
  drawn: readonly DrawnChart[],
): Promise<WrittenReport> {
  const { name, before } = place;
  const charts: ChartFact[] = [];
  const svgs: { file: string; svg: string; before: string | null }[] = [];
  for (const { title, suffix, svg, because } of drawn) {
    const file = name.replace(/\.md$/, `_${suffix}.svg`);
    const present = svg === null ? null : await folder.read(file);
    const foreign = present?.includes(chartMarker(facts.incident.id)) === false;
    if (svg === null || foreign) {
      const left = `${file} is not of this incident and was left as it is`;
      charts.push({ title, file: null, because: foreign ? left : because });
      continue;
    }
    charts.push({ title, file, because: null });
    svgs.push({ file, svg, before: present });
  }
  const { text, blocks } = mergeReport(before, reportOf({ ...facts, charts }));
  // A chart that a kept block shows is not replaced by one that knows less.
  const shown = blocks.find((block) => block.name === "charts")?.fate;
  for (const { file, svg, before: present } of svgs) {
    if (svg !== present && shown !== "kept") await folder.write(file, svg, present);
  }
  const changed = text !== before;
  if (changed) await folder.write(name, text, before);
  return { file: name, existed: before !== null, changed, blanks: blanksIn(text), blocks };
}
