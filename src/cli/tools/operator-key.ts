/** `pixcanary operator-key`: makes the key of one operator, and says where its public part goes. Asks nobody. */
import { join, resolve } from "node:path";
import type { Command } from "commander";
import * as z from "zod";
import { ownConfigDir } from "../../adapters/allowed-hosts.ts";
import { keyInFile, makeKeyFile } from "../../adapters/operator-key.ts";
import { expandHome } from "../../adapters/secrets.ts";
import type { Outcome } from "../../commands/command.ts";
import { flag, onOff } from "../../commands/flag.ts";
import {
  base64Of,
  isOperatorName,
  OPERATOR_NAME_FORM,
} from "../../domain/signed-stop/operators.ts";
import { LocalError } from "../../ports/errors.ts";
import { UsageError } from "../errors.ts";
import { addFlags, type GlobalFlags, ownInput } from "../program.ts";
import { reportJson } from "../report.ts";
import { fitted, parseOwn, textOf } from "../run.ts";
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
  const outcome = await keyAt(path, { name, show: show || flags.dryRun === true });
  const report = flags.json
    ? reportJson(NAME, null, outcome)
    : fitted(textOf({ name: NAME, render }, outcome, { quiet: flags.quiet === true }), shell);
  shell.console.out(report.out);
  shell.console.err(report.err);
  return report.exitCode;
}

async function keyAt(
  path: string,
  { name, show }: { name: string; show: boolean },
): Promise<Outcome<Data>> {
  try {
    if (!show) await makeKeyFile(path);
    const publicKey = base64Of((await keyInFile(path)).publicKey);
    const data = {
      name,
      file: path,
      public_key: publicKey,
      operator_keys: JSON.stringify({ [name]: publicKey }),
    };
    const headline = show ? "the key is there" : "made";
    return { kind: "done", changed: !show, headline, data, next: "pixcanary doctor" };
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    const next = `pixcanary ${NAME} --name ${name} --show`;
    const truth = "no key was made";
    return { kind: "failed", code: "usage", message: error.message, truth, next };
  }
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
