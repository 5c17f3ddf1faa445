/** Shell completion for bash, zsh and fish, generated from the commander tree. */
import type { Command } from "commander";
import { loadConfig } from "../../adapters/config-file.ts";
import { addGlobalOptions } from "../program.ts";
import type { Shell } from "../run.ts";

const NAME = "completion";

/** Whether this call only serves a shell's completion. */
export function isCompletion(argv: readonly string[]): boolean {
  return argv[0] === NAME || argv[0] === "complete";
}

/** The library is loaded only when a shell asks: it is no part of a stop. */
export async function addCompletion(
  program: Command,
  shell: Shell,
  argv: readonly string[],
): Promise<void> {
  if (!isCompletion(argv)) {
    program
      .command(NAME)
      .summary("Print a completion script for bash, zsh or fish")
      .description("Print a completion script, e.g.:  source <(pixcanary completion bash)")
      .argument("<shell>", "bash, zsh, fish or powershell");
    return;
  }
  // The library offers a verb's own options only; ours may stand behind any verb.
  for (const command of verbsOf(program)) addGlobalOptions(command);
  const { default: tab } = await import("@bomb.sh/tab/commander");
  const completions = tab(program, { completionCommandName: NAME });
  const names = await environmentNames(shell.cwd);
  for (const command of completions.commands.values()) {
    const env = command.options.get("env");
    if (env !== undefined) {
      env.handler = (complete) => {
        for (const name of names) complete(name, "environment");
      };
    }
  }
}

/** Groups have no flags of their own: their verbs do. */
function verbsOf(command: Command): Command[] {
  return command.commands.flatMap((one) => (one.commands.length === 0 ? [one] : verbsOf(one)));
}

/** A configuration that cannot be read completes nothing, and disturbs nobody while typing. */
async function environmentNames(cwd: string): Promise<string[]> {
  try {
    const { config } = await loadConfig({ cwd, explicitPath: undefined });
    return Object.keys(config.environments);
  } catch {
    return [];
  }
}
