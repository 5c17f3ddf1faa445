/** Words that people type in a hurry for a verb of another name. */
import type { Command } from "commander";
import { shellWord } from "../commands/lib/format.ts";
import { UsageError } from "./errors.ts";
import type { GlobalFlags } from "./program.ts";

const FOR_NOT_AUS =
  "stop|halt|kill|off|aus|panic|emergency|rollback|roll-back|revert|undo|back|emergency-stop";
const MEANT: ReadonlyMap<string, string> = new Map([
  ...FOR_NOT_AUS.split("|").map((word) => [word, "not-aus"] as const),
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
