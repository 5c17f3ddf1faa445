/** One rehearsal after the other, each from the share that the drill began with and back to it. */
import type { Rehearsed } from "../../domain/drill/report.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { restore } from "../restore/restore.ts";
import type { DrillData } from "./data.ts";
import { type Drilling, detailOf, execute } from "./run.ts";
import { shareToDrill } from "./share.ts";
import { faultLine } from "./text.ts";

/** Health checks of what was just repaired may still show the fault for a while. */
const RESTORE_LIMIT_MS = 180_000;

export interface Turn extends Pick<Drilling, "input" | "ports"> {
  /** The share that the drill began with. */
  percent: number;
}

/** One that could not be restored leaves nothing to begin the next one with. */
export async function inTurn<T>(
  all: readonly T[],
  run: Turn,
  data: DrillData,
  rehearse: (one: T) => Promise<Rehearsed>,
): Promise<void> {
  for (const one of all) {
    if (run.ports.interrupt.aborted) return;
    const done = await rehearse(one);
    data.rehearsals.push(done);
    run.ports.progress.note(faultLine(done));
    const next = await shareToDrill(run.input, run.ports);
    if (next.percent === run.percent) continue;
    if (run.ports.interrupt.aborted) return;
    data.steps.push({ step: "ready again", held: false, elapsed_ms: 0, detail: next.detail });
    return;
  }
}

/**
 * By `restore`: where rungs are taken it puts them all back, and once more releases the stop. Null: native serves. What
 * it puts back a second time does not stay.
 */
export async function goBack(run: Turn): Promise<string | null> {
  const { clock, interrupt } = run.ports;
  const over = anySignal([clock.timeout(RESTORE_LIMIT_MS), interrupt]);
  for (let isDown = false; ; ) {
    const outcome = await execute(restore, run, { to: String(run.percent) });
    if (outcome.kind === "done") {
      if (!("back" in outcome.data)) return null;
      if (isDown) return "restore: what it put back was taken again";
      isDown = true;
      continue;
    }
    if (outcome.kind !== "unhealthy" || over.aborted) return `restore: ${detailOf(outcome)}`;
    await clock.sleep(1_000, over).catch(() => undefined);
  }
}
