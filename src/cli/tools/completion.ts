/**
 * Shell completion for bash, zsh and fish. The scripts hold no knowledge of verbs and evaluate nothing:
 * they hand the line to the program as one argument, and insert what it answers.
 */
import type { Command } from "commander";
import { loadConfig } from "../../adapters/config-file.ts";
import { configSources } from "../environment.ts";
import { UsageError } from "../errors.ts";
import { EXIT_DONE } from "../exit.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";
import { candidates } from "./candidates.ts";
import { COMPLETION_SCRIPTS } from "./completion-scripts.ts";

export function addCompletion(program: Command, shell: Shell, exits: Exits): void {
  const shells = Object.keys(COMPLETION_SCRIPTS);
  program
    .command("completion")
    .summary("Print a completion script for bash, zsh or fish")
    .description("Print a completion script, e.g.:  source <(pixcanary completion bash)")
    // Without one, commander would know the word that is missing, but not the commands.
    .argument("[shell]", shells.join(", "))
    .action((name: string | undefined) => {
      const script = new Map(Object.entries(COMPLETION_SCRIPTS)).get(name ?? "");
      if (script === undefined) {
        const problem =
          name === undefined ? "needs the name of your shell" : `has no script for ${name}`;
        throw new UsageError(`completion ${problem}: ${shells.join(", ")}`, SOURCING);
      }
      shell.console.out(script);
      exits(EXIT_DONE);
    });
  program
    .command("complete", { hidden: true })
    .description("Used by the completion scripts.")
    .argument("<line>", "the command up to the cursor, as typed")
    .argument("[typed]", "the part of its last word that the shell will replace")
    .action(async (line: string, typed: string | undefined) => {
      const found = await candidates(program, { line, typed }, () => environmentNames(shell));
      // For the script, not for a terminal: what escapes text for one would take the tabs.
      process.stdout.write(found.map((one) => `${one}\n`).join(""));
      exits(EXIT_DONE);
    });
}

const SOURCING = `source <(pixcanary completion bash)
       source <(pixcanary completion zsh)
       pixcanary completion fish | source`;

/** A configuration that cannot be read completes nothing, and disturbs nobody while typing. */
async function environmentNames(shell: Shell): Promise<string[]> {
  try {
    const { config } = await loadConfig(configSources(undefined, shell));
    return Object.keys(config.environments);
  } catch {
    return [];
  }
}
