/** The drill: its flags, and the kinds of it that they ask for. `src/cli/tools/drill.ts` gives it a stage. */
import * as z from "zod";
import { FAULT_NAMES, type Fault, faultsOf } from "../domain/drill/faults.ts";
import { RUNG_NAMES, rungsOf } from "../domain/drill/rungs.ts";
import type { FaultStage, Keyboard } from "../ports/fault-stage.ts";
import type { Ports } from "../ports/ports.ts";
import type { Rehearsal } from "../ports/visitors.ts";
import type { CommonInput, Outcome } from "./command.ts";
import { performChecklist } from "./drill/checklist.ts";
import type { DrillData } from "./drill/data.ts";
import { performFaults } from "./drill/faults.ts";
import { performInteractive } from "./drill/interactive.ts";
import { DRILL_FOLDER, keepReport } from "./drill/keep-report.ts";
import { performRungs } from "./drill/rungs.ts";
import { flag, onOff, textUpTo } from "./flag.ts";

export { DRILL_BUDGET_MS } from "./drill/run.ts";
export { renderDrill } from "./drill/text.ts";

/** Commas or several words; `read` returns null where a name is none. */
function namesOf<T>(known: readonly string[], read: (names: readonly string[]) => T[] | null) {
  return z.union([z.string(), z.array(z.string())]).transform((given, context): readonly T[] => {
    const names = [given].flat().flatMap((text) => text.split(",").map((name) => name.trim()));
    const found = read(names);
    if (found !== null) return found;
    context.addIssue({ code: "custom", message: `must be of ${known.join(", ")} or all` });
    return z.NEVER;
  });
}

export const drillInput = z.object({
  fault: flag(
    "--fault <names...>",
    "inject these, one after the other (sandbox only)",
    namesOf(FAULT_NAMES, faultsOf).optional(),
  ),
  rung: flag(
    "--rung <names...>",
    "take and put back these rungs of the ladder (route: sandbox only)",
    namesOf(RUNG_NAMES, rungsOf).optional(),
  ),
  interactive: onOff("--interactive", "you are paged and type the commands (sandbox only)"),
  out: flag("--out <dir>", `folder of the report (${DRILL_FOLDER})`, textUpTo(1_000).optional()),
  report: flag(
    "--no-report",
    "write no report, and no date into RUNBOOK.md",
    z.boolean().default(true),
  ),
});
export type DrillFlags = z.output<typeof drillInput>;

/** What the sandbox brings. */
export interface DrillStage {
  rehearsal: Rehearsal;
  faults: FaultStage;
  /** Of an interactive drill. */
  keyboard: Keyboard | null;
}

/** Without a stage: on the environment as it is. */
export async function performDrill(
  own: DrillFlags,
  input: CommonInput,
  ports: Ports,
  stage: DrillStage | null,
): Promise<Outcome<DrillData>> {
  const ended = await perform(own, input, ports, stage);
  return own.report ? keepReport(ended, own, ports) : ended;
}

function perform(
  { fault, rung }: DrillFlags,
  input: CommonInput,
  ports: Ports,
  stage: DrillStage | null,
): Promise<Outcome<DrillData>> {
  if (rung !== undefined)
    return performRungs(input, ports, stage?.rehearsal ?? null, { rungs: rung });
  if (stage === null) return performChecklist(input, ports, null);
  const { rehearsal, faults, keyboard } = stage;
  if (keyboard !== null) {
    const [drawn] = fault ?? faultsForPeople(ports);
    if (drawn === undefined) throw new Error("there is no fault to draw");
    return performInteractive(input, ports, { stage: faults, keyboard }, { fault: drawn });
  }
  return fault === undefined
    ? performChecklist(input, ports, rehearsal)
    : performFaults(input, ports, faults, { faults: fault });
}

/** Those of native, one of them drawn. */
function faultsForPeople({ rng }: Ports): Fault[] {
  const native = (faultsOf(["all"]) ?? []).filter(isForPeople);
  return native.slice(Math.floor(rng.next() * native.length)).slice(0, 1);
}

/** A fault of the way is for the proof, and the guardian leaves nothing to do. */
export function isForPeople({ way, stop }: Fault): boolean {
  return way === null && stop === "manual";
}
