/** The commander tree, from the list of verbs. Knows words and flags, nothing of what verbs do. */
import { Command, CommanderError } from "commander";
import type { CommandDef, OptionSpec } from "../commands/command.ts";
import type { Console } from "./console.ts";
import { exitCodeTable } from "./exit.ts";

/** Flags that every verb takes, before or after its name. */
export interface GlobalFlags {
  env?: string;
  config?: string;
  json?: boolean;
  yes?: boolean;
  dryRun?: boolean;
  reason?: string;
  incident?: string;
  timeout?: string;
  verify: boolean;
  color: boolean;
  tokenFile?: string;
  qaTokenFile?: string;
  allowHost?: string;
}

const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: "-e, --env <name>", description: "environment in pixcanary.json (or PIXCANARY_ENV)" },
  {
    flags: "--config <path>",
    description: "configuration file (default: pixcanary.json, upwards)",
  },
  { flags: "--json", description: "print one JSON document on stdout" },
  { flags: "-y, --yes", description: "answer the question of a command that adds exposure" },
  { flags: "--dry-run", description: "show what would change, write nothing" },
  { flags: "--reason <text>", description: "why, for the journal" },
  { flags: "--incident <id>", description: "incident that this belongs to, for the journal" },
  { flags: "--timeout <seconds>", description: "budget for the whole command" },
  { flags: "--no-verify", description: "do not wait for /qa to show the change" },
  { flags: "--no-color", description: "no colour (also NO_COLOR)" },
  { flags: "--token-file <path>", description: "API token: a 0600 file, or - for stdin" },
  { flags: "--qa-token-file <path>", description: "/qa token: a 0600 file, or - for stdin" },
  {
    flags: "--allow-host <hosts>",
    description: "may get the /qa token (or PIXCANARY_ALLOWED_HOSTS)",
  },
];

export type Action = (
  command: CommandDef,
  own: Record<string, unknown>,
  flags: GlobalFlags,
) => Promise<void>;

export function buildProgram(
  commands: readonly CommandDef[],
  { version, console, action }: { version: string; console: Console; action: Action },
): Command {
  const program = new Command("pixcanary");
  program
    .description("Steer a canary in a Cloudflare Worker, and stop it when it misbehaves.")
    .version(version)
    .exitOverride()
    // It repeats words as they were typed, or pasted: the console escapes them.
    .configureOutput({
      writeOut: (text) => console.out(withoutLastBreak(text)),
      writeErr: (text) => console.err(withoutLastBreak(text)),
    })
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText("before", "In an emergency:  pixcanary not-aus --env <name>\n")
    .addHelpText("after", `\nExit codes:\n${exitCodeTable()}`);
  addGlobalOptions(program);
  for (const command of commands) addCommand(program, command, action);
  return program;
}

/** The console ends each text with one. */
function withoutLastBreak(text: string): string {
  return text.replace(/\n$/, "");
}

function addGlobalOptions(command: Command): void {
  for (const { flags, description } of GLOBAL_OPTIONS) command.option(flags, description);
}

/** What the help page says of a group of verbs; a verb named "logs pull" belongs to `logs`. */
const GROUPS: Readonly<Record<string, string>> = {
  ramp: "Go back up step by step, and steer that",
  logs: "Fetch, read and follow the Worker's logs",
};

function addCommand(program: Command, def: CommandDef, action: Action): void {
  const { parent, name } = placeOf(program, def.name);
  const command = parent.command(name).summary(def.summary).description(def.details);
  for (const { flags, description } of def.options) command.option(flags, description);
  for (const { flags, description } of def.arguments ?? []) command.argument(flags, description);
  const examples = def.examples.map((example) => `  ${example}`).join("\n");
  command.addHelpText("before", `${examples}\n`);
  if (def.moreHelp !== undefined) command.addHelpText("after", `\n${def.moreHelp}`);
  command.action(() => action(def, ownInput(command), program.opts<GlobalFlags>()));
}

/** The group is made for its first verb; by itself it prints its help. */
function placeOf(program: Command, fullName: string): { parent: Command; name: string } {
  const [group = "", name] = fullName.split(" ");
  if (name === undefined) return { parent: program, name: group };
  const existing = program.commands.find((command) => command.name() === group);
  const summary = GROUPS[group] ?? `${group} …`;
  return { parent: existing ?? program.command(group).summary(summary).description(summary), name };
}

/** Flags and positional arguments under their own names: `[paths...]` becomes `paths`. */
function ownInput(command: Command): Record<string, unknown> {
  const words = command.registeredArguments.map((argument, index) => [
    argument.name(),
    command.processedArgs[index],
  ]);
  return { ...command.opts(), ...Object.fromEntries(words) };
}

/** Help and --version end through an exception, too: they are not errors. */
export function isPlainExit(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

export function isUsageError(error: unknown): error is CommanderError {
  return error instanceof CommanderError && error.exitCode !== 0;
}
