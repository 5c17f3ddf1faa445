/** Words that people type in a hurry for a verb of another name. */
import type { Command } from "commander";
import { shellWord } from "../commands/lib/format.ts";
import { UsageError } from "./errors.ts";
import type { GlobalFlags } from "./program.ts";

const MEANT: ReadonlyMap<string, string> = new Map([
  ["stop", "not-aus"],
  ["emergency-stop", "not-aus"],
  ["emergency", "not-aus"],
  ["panic", "not-aus"],
  ["halt", "not-aus"],
  ["kill", "not-aus"],
  ["off", "not-aus"],
  ["aus", "not-aus"],
  ["rollback", "not-aus"],
  ["roll-back", "not-aus"],
  ["revert", "not-aus"],
  ["undo", "not-aus"],
  ["back", "not-aus"],
  ["release", "restore"],
  ["lower", "reduce"],
  ["health", "status"],
  ["check", "verify"],
]);

/** Throws UsageError with the verb that is meant; a near miss of a verb is left to commander. */
export function refuseOtherNames(program: Command, argv: readonly string[]): void {
  const [word = ""] = program.parseOptions([...argv]).operands;
  if (program.commands.some((command) => command.name() === word)) return;
  // `pause` for `ramp pause`.
  const group = program.commands.find((command) =>
    command.commands.some((inner) => inner.name() === word),
  );
  const meant = group === undefined ? MEANT.get(word.toLowerCase()) : `${group.name()} ${word}`;
  if (meant === undefined) return;
  const { env } = program.opts<GlobalFlags>();
  const where = env === undefined ? "" : ` --env ${shellWord(env)}`;
  throw new UsageError(`there is no command ${word}`, `pixcanary ${meant}${where}`);
}
