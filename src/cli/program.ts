/** The commander tree, from the list of verbs. Knows words and flags, nothing of what verbs do. */
import { Command, CommanderError } from "commander";
import * as z from "zod";
import type { CommandDef } from "../commands/command.ts";
import { flag, flagsOf } from "../commands/flag.ts";
import { wrap } from "../domain/text/width.ts";
import type { Console } from "./console.ts";
import { exitCodeTable } from "./exit.ts";

const text = z.string().optional();
const yes = z.boolean().optional();

/** What every verb takes, before or after its name. */
export const globalInput = z.object({
  env: flag("-e, --env <name>", "environment in pixcanary.json (or PIXCANARY_ENV)", text),
  config: flag(
    "--config <path>",
    "configuration file (or PIXCANARY_CONFIG; default: pixcanary.json here, above or in ~/.config/pixcanary)",
    text,
  ),
  json: flag(
    "--json",
    "print JSON: one document, or one per line (NDJSON) where help says so",
    yes,
  ),
  yes: flag("-y, --yes", "do not ask before sending more traffic to native", yes),
  dryRun: flag("--dry-run", "show what would change, write nothing", yes),
  reason: flag("--reason <text>", "reason, recorded in the journal", text),
  incident: flag("--incident <id>", "incident id for the journal (default: the open one)", text),
  timeout: flag("--timeout <seconds>", "time limit for the whole command", text),
  verify: flag("--no-verify", "do not wait for /qa to show the change", z.boolean()),
  quiet: flag("-q, --quiet", "print the verdict line and errors only; does not change --json", yes),
  verbose: flag("-v, --verbose", "name the account and the namespace as well", yes),
  color: flag("--no-color", "no colour (also NO_COLOR)", z.boolean()),
  tokenFile: flag("--token-file <path>", "API token: a 0600 file, or - for stdin", text),
  qaTokenFile: flag("--qa-token-file <path>", "/qa token: a 0600 file, or - for stdin", text),
  allowHost: flag(
    "--allow-host <hosts>",
    "hosts that may get the /qa token (or PIXCANARY_ALLOWED_HOSTS)",
    text,
  ),
});
export type GlobalFlags = z.output<typeof globalInput>;

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
    .description("Control a canary in a Cloudflare Worker, and stop it when it misbehaves.")
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
  addFlags(program, globalInput);
  for (const command of commands) addCommand(program, command, action);
  return program;
}

/** The console ends each text with one. */
function withoutLastBreak(text: string): string {
  return text.replace(/\n$/, "");
}

/** In the order of the schema, which is that of the help page. */
export function addFlags(command: Command, input: z.ZodType): void {
  for (const [, { form, help }] of flagsOf(input)) {
    if (form.startsWith("-")) command.option(form, help);
    else command.argument(form, help);
  }
}

/** What the help page says of a group of verbs; a verb named "logs pull" belongs to `logs`. */
const GROUPS: Readonly<Record<string, string>> = {
  ramp: "Raise the share step by step",
  logs: "Download, group and follow the Worker's logs",
  incident: "Open, note, report and close an incident",
};

function addCommand(program: Command, def: CommandDef, action: Action): void {
  const { parent, name } = placeOf(program, def.name);
  const command = parent.command(name).summary(def.summary).description(def.details);
  addFlags(command, def.input);
  const examples = def.examples.map((example) => `  ${example}`).join("\n");
  command.addHelpText("before", `${examples}\n`);
  if (def.moreHelp !== undefined) command.addHelpText("after", `\n${paragraphs(def.moreHelp)}`);
  command.action(() => action(def, ownInput(command), program.opts<GlobalFlags>()));
}

const HELP_COLUMNS = 80;

function paragraphs(text: string): string {
  return text
    .split("\n")
    .flatMap((line) => wrap(line, HELP_COLUMNS, ""))
    .join("\n");
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
export function ownInput(command: Command): Record<string, unknown> {
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
