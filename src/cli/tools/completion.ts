/** Shell completion for bash, zsh and fish, generated from the commander tree. */
import type { Command } from "commander";

const NAME = "completion";

/** The library is loaded only when a shell asks: it is no part of a stop. */
export async function addCompletion(program: Command, asked: string | undefined): Promise<void> {
  if (asked === NAME || asked === "complete") {
    const { default: tab } = await import("@bomb.sh/tab/commander");
    tab(program, { completionCommandName: NAME });
    return;
  }
  program
    .command(NAME)
    .summary("Print a completion script for bash, zsh or fish")
    .description("Print a completion script, e.g.:  source <(pixcanary completion bash)")
    .argument("<shell>", "bash, zsh, fish or powershell");
}
