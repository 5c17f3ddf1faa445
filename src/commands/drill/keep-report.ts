/** Puts a drill's report into its folder, compares it with those before, and says in RUNBOOK.md when it was. */
import { withLastTested } from "../../domain/drill/last-tested.ts";
import { drillMarkdown } from "../../domain/drill/markdown.ts";
import {
  comparedWith,
  type DrillReport,
  drillName,
  earlierNames,
  readDrill,
} from "../../domain/drill/report.ts";
import { escapeJson, mapStrings } from "../../domain/text/escape.ts";
import { LocalError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ReportFolder } from "../../ports/reports.ts";
import type { Outcome } from "../command.ts";
import type { DrillData } from "./data.ts";

/** Further back nothing is compared: each holds all faults of its drill. */
const MOST_READ = 50;
/** Of one day. */
const MOST_NAMES = 200;
const RUNBOOK = "RUNBOOK.md";
export const DRILL_FOLDER = "docs/DRILLS";

/** A drill that did not begin, or was interrupted, has measured nothing. What cannot be written is said, no more. */
export async function keepReport(
  outcome: Outcome<DrillData>,
  { out }: { out?: string | undefined },
  ports: Ports,
): Promise<Outcome<DrillData>> {
  const ended = outcome.kind === "done" || outcome.kind === "unhealthy";
  if (!ended || outcome.data.percent === null) return outcome;
  const { percent, traffic, file, ...measured } = outcome.data;
  const folder = ports.reports.at(out ?? DRILL_FOLDER, { named: out !== undefined });
  const found = await saying(ports, () => earlierReports(folder, measured.env, ports));
  const report = mapStrings(comparedWith(measured, found ?? []), ports.redact);
  const written = await saying(ports, () => writeBoth(folder, report));
  if (report.passed) await saying(ports, () => markRunbook(report, ports));
  const at = written === null ? null : `${folder.path}/${written}`;
  return { ...outcome, data: { ...report, percent, traffic, file: at } };
}

async function earlierReports(folder: ReportFolder, env: string, ports: Ports) {
  const found: { file: string; report: DrillReport }[] = [];
  for (const file of earlierNames(await folder.names(), env).slice(0, MOST_READ)) {
    const text = await folder.read(file);
    const report = text === null ? "unknown" : readDrill(text);
    if (report !== "unknown") found.push({ file, report });
    else ports.progress.warn(`${folder.path}/${file} is no report of this version: not compared`);
  }
  return found;
}

/** Nothing is overwritten: a further drill of the day has a name of its own. */
async function writeBoth(folder: ReportFolder, report: DrillReport): Promise<string> {
  const taken = new Set(await folder.names());
  for (let nth = 1; nth <= MOST_NAMES; nth += 1) {
    const name = drillName(report.started_at, report.env, nth);
    if (taken.has(`${name}.md`) || taken.has(`${name}.json`)) continue;
    await folder.write(`${name}.json`, `${escapeJson(JSON.stringify(report, null, 2))}\n`, null);
    await folder.write(`${name}.md`, drillMarkdown(report), null);
    return name;
  }
  throw new LocalError(`${folder.path} already has ${MOST_NAMES} drills of this day`);
}

async function markRunbook({ started_at, env, by }: DrillReport, ports: Ports): Promise<void> {
  const folder = ports.reports.at(".", { named: true });
  const before = await folder.read(RUNBOOK);
  if (before === null) return;
  const after = withLastTested(before, { day: started_at.slice(0, 10), env, by });
  if (after === null) ports.progress.note(`${RUNBOOK} here has no line "Last tested: … by …"`);
  else if (after !== before) await folder.write(RUNBOOK, after, before);
}

/** The drill has ended as it has, whatever this machine refuses. */
async function saying<T>(ports: Ports, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    ports.progress.warn(error.message);
    return null;
  }
}
