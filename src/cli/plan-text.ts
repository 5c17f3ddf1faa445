/** A plan as a before → after table. */
import type { Change } from "../commands/command.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";

export function changesText(plan: {
  changes: readonly Change[];
  notes: readonly string[];
}): string {
  const width = Math.max(0, ...plan.changes.map((change) => change.what.length));
  const rows = plan.changes.map(
    (change) => `  ${change.what.padEnd(width)}  ${change.before} → ${change.after}`,
  );
  return [...rows, ...plan.notes.map((note) => `  ${note}`)].map(escapeForTerminal).join("\n");
}
