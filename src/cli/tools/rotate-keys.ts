/** `pixcanary setup rotate-keys`: one move of a rotation of the Worker's keys. */
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Command } from "commander";
import * as z from "zod";
import { createAccountAdmin } from "../../adapters/account-admin.ts";
import { ownConfigDir } from "../../adapters/allowed-hosts.ts";
import { createCloudflareClient } from "../../adapters/cloudflare-client.ts";
import { createKeyFiles } from "../../adapters/key-files.ts";
import { createGrowingRedactor } from "../../adapters/redact.ts";
import { expandHome, loadSecret, secretsIn } from "../../adapters/secrets.ts";
import { onOff } from "../../commands/flag.ts";
import { shellWord } from "../../commands/lib/format.ts";
import { applyRotation, planRotation, renderRotation } from "../../commands/rotate-keys.ts";
import { apiBaseUrlOf } from "../../domain/config/environment.ts";
import { compose, configured } from "../compose.ts";
import { UsageError } from "../errors.ts";
import { addFlags, type GlobalFlags, ownInput } from "../program.ts";
import { reportJson } from "../report.ts";
import { decide, fitted, parseOwn, textOf, timeoutOf, withInterrupt } from "../run.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";

const BUDGET_MS = 60_000;
const NAME = "setup rotate-keys";

const input = z.object({
  qaToken: onOff("--qa-token", "a new /qa token, in place of a move of the cookie keys"),
});

export function addRotateKeys(setup: Command, program: Command, shell: Shell, exits: Exits): void {
  const command = setup
    .command("rotate-keys")
    .summary("Make the next move of a rotation of the Worker's keys")
    .description(
      "Cookie keys change in three moves, one per run: add (all know the new key), sign (it signs), retire (the old one " +
        "goes). A key is not retired within 24 h after every /qa has signed with the next one. Each move is " +
        "written to your worker-secrets.json first, then to the Worker; run it again after any failure.",
    );
  addFlags(command, input);
  command.addHelpText("before", `  pixcanary ${NAME} --env production\n`);
  command.action(async () => {
    const own = parseOwn({ name: NAME, input }, ownInput(command));
    // Of `setup`: the two write into the same folder.
    const { secretsDir } = setup.opts<{ secretsDir?: string }>();
    exits(await rotate({ ...own, secretsDir }, program.opts<GlobalFlags>(), shell));
  });
}

interface Own {
  qaToken: boolean;
  secretsDir: string | undefined;
}

async function rotate(own: Own, flags: GlobalFlags, shell: Shell): Promise<number> {
  if (flags.tokenFile === "-") {
    throw new UsageError("rotate-keys takes no API token from stdin", "--token-file <path>");
  }
  const interrupt = shell.interrupt(shell.console.err);
  const { ports, redact } = await compose(flags, shell, interrupt);
  const { account, keyFiles, hide } = await keysOf(own, flags, shell);
  const { target, qa, clock } = ports;
  const all = { target, qa, clock, interrupt, account, keyFiles };
  const again = ["pixcanary", ...shell.argv.map(shellWord)].join(" ");
  const given = { qaToken: own.qaToken, timeoutMs: timeoutOf(flags, BUDGET_MS), again };
  const question = {
    question: `${NAME} in ${target.env}`,
    asks: true,
    instead: `${again} --dry-run`,
  };
  const plan = await planRotation(given, all);
  const outcome = await decide(plan, question, flags, shell, (move) =>
    applyRotation(move, given, all),
  );
  const settled = withInterrupt(outcome, interrupt);
  const verb = { name: NAME, render: (one: typeof settled) => renderRotation(one as never) };
  const report = flags.json
    ? reportJson(NAME, target.env, settled)
    : fitted(textOf(verb, settled, { quiet: flags.quiet === true }), shell);
  shell.console.out(hide(redact(report.out)));
  shell.console.err(hide(redact(report.err)));
  return report.exitCode;
}

/** What the environment's ports do not have: its account's secrets, and the files that hold them. */
async function keysOf(own: Own, flags: GlobalFlags, shell: Shell) {
  const { name, environment, loaded } = await configured(flags, shell, false);
  const baseDir = dirname(loaded.path);
  const redactor = createGrowingRedactor(secretsIn(shell.env));
  const token = await loadSecret({
    ...shell,
    name: "CLOUDFLARE_API_TOKEN",
    option: flags.tokenFile,
    configured: environment.tokenFile,
    baseDir,
  });
  if (token === null) throw new UsageError("no API token", "export CLOUDFLARE_API_TOKEN=…");
  redactor.add(token);
  const client = createCloudflareClient({
    through: shell.through,
    apiBaseUrl: apiBaseUrlOf(environment),
    token,
    version: shell.version,
    redact: redactor.redact,
  });
  const folder = resolve(shell.cwd, own.secretsDir ?? join(ownConfigDir(shell), name));
  const qaTokenFile = expandHome(environment.qaTokenFile ?? join(folder, "qa-token"), shell.home);
  const qaTokenPath = isAbsolute(qaTokenFile) ? qaTokenFile : join(baseDir, qaTokenFile);
  return {
    account: createAccountAdmin({ client, accountId: environment.accountId, clock: shell.clock }),
    keyFiles: createKeyFiles({ folder, qaTokenPath, onSecret: redactor.add }),
    hide: redactor.redact,
  };
}
