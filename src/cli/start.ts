/** From words to an exit code, for the verbs given. The code starts as "bug" until an outcome is known. */

import { homedir } from "node:os";
import type { Command } from "commander";
import { createClock } from "../adapters/clock.ts";
import { ConfigError } from "../adapters/config-file.ts";
import { createRedactor } from "../adapters/redact.ts";
import { loadedSecrets } from "../adapters/secrets.ts";
import type { CommandDef } from "../commands/command.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import { createConsole, isClosedPipe } from "./console.ts";
import { hintOf, InterruptedError, UsageError } from "./errors.ts";
import { EXIT_BUG, EXIT_DONE, EXIT_UNWRITTEN, EXIT_USAGE, signalExitCode } from "./exit.ts";
import { watchInterrupt } from "./interrupt.ts";
import { refuseOtherNames } from "./meant.ts";
import { type Action, buildProgram, isPlainExit, isUsageError } from "./program.ts";
import { jsonForTerminal } from "./report.ts";
import { run } from "./run.ts";
import type { Shell } from "./shell.ts";

declare const PIXCANARY_VERSION: string;

/** What an action ends with: its exit code. */
export type Exits = (code: number) => void;

export interface Verbs {
  commands: readonly CommandDef[];
  /** Further ones, which are no verbs of an environment. */
  addTools?(program: Command, shell: Shell, exits: Exits): Promise<void>;
  through?: Shell["through"];
}

/** The program: the process's own terminal and surroundings, and its exit code. */
export async function start(argv: readonly string[], verbs: Verbs): Promise<void> {
  process.exitCode = EXIT_BUG;
  const shell = shellOfProcess(argv);
  const relief = verbs.commands.some((def) => "relief" in def && argv.includes(def.name));
  // The error of a write may come after all else.
  process.once("exit", () => {
    const { gone } = shell.console;
    const lost = gone?.aborted === true && !isClosedPipe(gone.reason);
    if (lost && !relief && process.exitCode === EXIT_DONE) process.exitCode = EXIT_UNWRITTEN;
  });
  process.exitCode = await startIn(shell, verbs);
}

/** Returns the exit code; never throws. */
export async function startIn(given: Shell, verbs: Verbs): Promise<number> {
  const shell: Shell = { ...given, through: verbs.through };
  let code = EXIT_BUG;
  const exits: Exits = (given) => {
    code = given;
  };
  const { argv, console, version } = shell;
  const action: Action = async (def, own, flags) => exits(await run(def, own, flags, shell));
  const program = buildProgram(verbs.commands, { version, console, action });
  try {
    await verbs.addTools?.(program, shell, exits);
    if (argv.length === 0) program.help();
    refuseOtherNames(program, argv);
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return explainFailure(error, helpOf(program, argv), shell);
  }
}

/** The help page of the verb that was typed, as far as it is one. */
function helpOf(program: Command, argv: readonly string[]): string {
  const words: string[] = [];
  let at = program;
  // Not by the program: to parse them again would do again what they ask for.
  for (const word of argv) {
    const inner = at.commands.find((command) => command.name() === word);
    if (inner === undefined) continue;
    words.push(word);
    at = inner;
  }
  return ["pixcanary", ...words, "--help"].join(" ");
}

function shellOfProcess(argv: readonly string[]): Shell {
  const { env } = process;
  return {
    console: createConsole({ color: !argv.includes("--no-color"), env }),
    // It opens when it is first asked for.
    get stdin() {
      return process.stdin;
    },
    env,
    cwd: workingDirectory(),
    clock: createClock(),
    home: homeFolder(),
    version: typeof PIXCANARY_VERSION === "string" ? PIXCANARY_VERSION : "0.0.0-dev",
    argv,
    interrupt: watchInterrupt,
    // For a container or a job that must leave nothing running.
    ...(env.PIXCANARY_BACKGROUND === "off" ? {} : { background: runInBackground }),
  };
}

function runInBackground(words: readonly string[]): void {
  const [, program] = process.argv;
  if (program === undefined) return;
  const { spawn } = process.getBuiltinModule("node:child_process");
  const options = { detached: true, stdio: "ignore", windowsHide: true } as const;
  spawn(process.execPath, [program, ...words], options)
    .on("error", () => undefined)
    .unref();
}

/** A user without an entry in the password file has none, and no files there; that is no bug. */
function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return "/";
  }
}

/** A stop must work from a folder that somebody has deleted; only relative paths need one. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return "/";
  }
}

/** `help`: what to type where an error says nothing itself. */
function explainFailure(error: unknown, help: string, { argv, console, version }: Shell): number {
  if (isPlainExit(error)) return EXIT_DONE;
  const json = argv.includes("--json");
  const redact = createRedactor(loadedSecrets());
  const message = redact(error instanceof Error ? error.message : String(error));
  const fails = (code: string, next: string, exitCode: number): number => {
    if (json) console.out(failureJson(code, message, next, exitCode));
    return exitCode;
  };
  if (error instanceof InterruptedError) {
    console.err(`✖ interrupted: ${message}`);
    return fails("interrupted", help, signalExitCode("SIGINT"));
  }
  const hint = hintOf(error);
  if (isUsageError(error) || error instanceof UsageError || hint !== null) {
    const next = hint ?? help;
    // Commander has already written its own message.
    // Of a file it has a line for each mistake, made safe one by one.
    const told = error instanceof ConfigError ? message : escapeForTerminal(message);
    const said = isUsageError(error) ? "" : `✖ ${told}\n`;
    console.err(`${said}→ try: ${escapeForTerminal(next)}`);
    return fails("usage", next, EXIT_USAGE);
  }
  const stack = error instanceof Error ? redact(error.stack ?? message) : message;
  console.err(`✖ this is a bug in pixcanary ${version}\n${stack}`);
  return fails("bug", "pixcanary --help", EXIT_BUG);
}

function failureJson(code: string, message: string, next: string, exitCode: number): string {
  return jsonForTerminal({
    schema: 1,
    outcome: "failed",
    exit_code: exitCode,
    code,
    message,
    next,
  });
}
