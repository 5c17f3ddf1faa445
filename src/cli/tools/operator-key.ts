/** `pixcanary operator-key`: makes the key of one operator, and says where its public part goes. Asks nobody. */
import { lstat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import * as z from "zod";
import { ownConfigDir } from "../../adapters/allowed-hosts.ts";
import { keyInFile, makeKeyFile } from "../../adapters/operator-key.ts";
import { expandHome } from "../../adapters/secrets.ts";
import type { Outcome } from "../../commands/command.ts";
import { flag, onOff } from "../../commands/flag.ts";
import { shellWord } from "../../commands/lib/format.ts";
import {
  base64Of,
  isOperatorName,
  OPERATOR_NAME_FORM,
} from "../../domain/signed-stop/operators.ts";
import { LocalError } from "../../ports/errors.ts";
import { UsageError } from "../errors.ts";
import { addFlags, type GlobalFlags, ownInput } from "../program.ts";
import { reportJson } from "../report.ts";
import { type DryRun, fitted, parseOwn, textOf } from "../run.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";

const NAME = "operator-key";

const input = z.object({
  name: flag(
    "--name <name>",
    "the operator: becomes the author of the stops that the key signs",
    z.string().refine(isOperatorName, `must be ${OPERATOR_NAME_FORM}`),
  ),
  file: flag(
    "--file <path>",
    "where the private key is kept (~/.config/pixcanary/operator-key)",
    z.string().min(1).optional(),
  ),
  show: onOff("--show", "make nothing: print the public part of the file that is there"),
});

interface Data {
  name: string;
  file: string;
  /** In base64. */
  public_key: string;
  /** Of the Worker's vars: with this operator alone. */
  operator_keys: string;
}

export function addOperatorKey(program: Command, shell: Shell, exits: Exits): void {
  const command = program
    .command(NAME)
    .summary("Make an operator's key, by which not-aus stops without the API")
    .description(
      "Makes an Ed25519 key in a 0600 file, never in place of one that is there, and prints its public part for the " +
        "Worker's var OPERATOR_KEYS. With the key configured, not-aus also sends a signed stop to the Worker itself, " +
        "which works while Cloudflare's API is down. The key can stop and nothing else: it cannot release a stop, or raise the share.",
    );
  addFlags(command, input);
  command.addHelpText("before", `  pixcanary ${NAME} --name anna\n`);
  command.action(async () => {
    const typed = ownInput(command);
    if (typed.name === undefined)
      throw new UsageError(`${NAME} needs --name`, `pixcanary ${NAME} --name anna`);
    const own = parseOwn({ name: NAME, input }, typed);
    exits(await operatorKey(own, program.opts<GlobalFlags>(), shell));
  });
}

async function operatorKey(
  { name, file, show }: z.output<typeof input>,
  flags: GlobalFlags,
  shell: Shell,
): Promise<number> {
  const path =
    file === undefined
      ? join(ownConfigDir(shell), NAME)
      : resolve(shell.cwd, expandHome(file, shell.home));
  const given = file === undefined ? "" : ` --file ${shellWord(file)}`;
  const wanted = { path, name, again: `pixcanary ${NAME} --name ${name}${given}` };
  const outcome = show
    ? await shown(wanted)
    : flags.dryRun === true
      ? await planned(wanted)
      : await made(wanted);
  const report = flags.json
    ? reportJson(NAME, null, outcome)
    : fitted(textOf({ name: NAME, render }, outcome, { quiet: flags.quiet === true }), shell);
  shell.console.out(report.out);
  shell.console.err(report.err);
  return report.exitCode;
}

interface Wanted {
  path: string;
  name: string;
  /** What was typed, without --show and --dry-run. */
  again: string;
}

async function made(wanted: Wanted): Promise<Outcome<Data>> {
  const { path } = wanted;
  if (await isThere(path)) return thereAlready(wanted);
  try {
    await makeKeyFile(path);
    return { kind: "done", changed: true, headline: "made", ...(await publicPart(wanted)) };
  } catch (error) {
    return refused(error, wanted, wanted.again);
  }
}

/** The same refusals, and nothing is made. */
async function planned(wanted: Wanted): Promise<Outcome<DryRun>> {
  const { path } = wanted;
  if (await isThere(path)) return thereAlready(wanted);
  const changes = [{ what: path, before: "not there", after: "a new Ed25519 key, mode 0600" }];
  return {
    kind: "done",
    changed: false,
    data: { dry_run: true, risk: "none", changes, notes: [] },
  };
}

async function shown(wanted: Wanted): Promise<Outcome<Data>> {
  const { path, again } = wanted;
  if (!(await isThere(path))) {
    return failure(`${path} is not there`, again);
  }
  try {
    const found = await publicPart(wanted);
    return { kind: "done", changed: false, headline: "the key is there", ...found };
  } catch (error) {
    return refused(error, wanted, `${again} --show`);
  }
}

/** Of whatever kind: what cannot be looked at is not for us to replace. */
function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}

function thereAlready({ path, again }: Wanted): Outcome<never> {
  return failure(`${path} is there already, and is not replaced`, `${again} --show`);
}

async function publicPart({ path: file, name }: Wanted): Promise<{ data: Data; next: string }> {
  const public_key = base64Of((await keyInFile(file)).publicKey);
  const operator_keys = JSON.stringify({ [name]: public_key });
  return { data: { name, file, public_key, operator_keys }, next: "pixcanary doctor" };
}

/** Where nothing is known to help, another file does. */
function refused(error: unknown, { name }: Wanted, again: string): Outcome<never> {
  if (!(error instanceof LocalError)) throw error;
  const another = `pixcanary ${NAME} --name ${name} --file ANOTHER_FILE`;
  return failure(error.message, error.fix === null ? another : `${error.fix} && ${again}`);
}

function failure(message: string, next: string): Outcome<never> {
  return { kind: "failed", code: "usage", message, truth: "no key was made", next };
}

function render(outcome: Outcome<unknown>): string {
  if (outcome.kind !== "done") return "";
  const { name, file, public_key, operator_keys } = outcome.data as Data;
  return [
    `  file      ${file}`,
    `  public    ${public_key}`,
    "  1. in wrangler's file, under vars of the environment (one name and key per operator); then deploy:",
    `       "OPERATOR_KEYS": ${JSON.stringify(operator_keys)}`,
    "  2. in pixcanary.json, under the environment:",
    `       "operator": ${JSON.stringify({ name, keyFile: file })}`,
  ].join("\n");
}
