/** Which commands and options pixcanary has, from the tree that it parses its command line with. */
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { shellFor } from "../support/here.ts";

const shell = shellFor({});
const action = async (): Promise<void> => undefined;
const program = buildProgram(VERBS.commands, { ...shell, action });
await VERBS.addTools?.(program, shell, () => undefined);

/**
 * The options of `pixcanary <words>` that its help shows, dashes included; null when there is no such
 * command. Words left over after a command's name are values for it, if it takes that many.
 */
export function pixcanaryOptions(words: readonly string[]): ReadonlySet<string> | null {
  let command: Command = program;
  let named = 0;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
    named += 1;
  }
  const { registeredArguments } = command;
  const many = registeredArguments.some(({ variadic }) => variadic);
  if (!many && words.length - named > registeredArguments.length) return null;
  const help = command.createHelp();
  const shown = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const names = shown.flatMap(({ short, long }) => [short, long]);
  return new Set(names.filter((name) => name !== undefined));
}
