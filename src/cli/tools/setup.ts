/** `pixcanary setup`: makes what an environment needs, before there is one in pixcanary.json. */
import type { Command } from "commander";
import { applySetup, planSetup, renderSetup, SETUP_BUDGET_MS } from "../../commands/setup.ts";
import { escapeFields, escapeForTerminal } from "../../domain/text/escape.ts";
import { addFlags, type GlobalFlags, ownInput } from "../program.ts";
import { reportJson } from "../report.ts";
import { decide, fitted, parseOwn, textOf, timeoutOf, withInterrupt } from "../run.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";
import { addRotateKeys } from "./rotate-keys.ts";
import { input, type SetupInput } from "./setup-flags.ts";
import { prepare } from "./setup-input.ts";

export function addSetup(program: Command, shell: Shell, exits: Exits): void {
  const command = program
    .command("setup")
    .summary("Make what an environment needs, from an account and a token")
    .description(
      "Looks at the account and at your files, shows what is there and what would be made, asks, and makes it: KV " +
        "namespace with config (0 %) and stop, R2 buckets, the Logpush job, the Worker's secrets, pixcanary.json and " +
        "the bindings of wrangler's file. What is there stays as it is: run it again after any failure. " +
        "Secrets go into 0600 files and to the Worker, and are never shown.",
    );
  addFlags(command, input);
  command.addHelpText(
    "before",
    "  pixcanary setup --env production --qa-url https://api.pix.immo/qa --dry-run\n" +
      "  pixcanary setup --env production --qa-url https://api.pix.immo/qa\n",
  );
  addRotateKeys(command, program, shell, exits);
  command.action(async () => {
    const own = parseOwn({ name: "setup", input }, ownInput(command));
    exits(await setup(own, program.opts<GlobalFlags>(), shell));
  });
}

async function setup(own: SetupInput, flags: GlobalFlags, shell: Shell): Promise<number> {
  const interrupt = shell.interrupt(shell.console.err);
  const timeoutMs = timeoutOf(flags, SETUP_BUDGET_MS);
  const { wanted, files, next, ports, redact } = await prepare(own, flags, shell, interrupt);
  const given = { wanted, files, next, timeoutMs };
  const { env } = wanted;
  if (!flags.quiet) {
    const header = `setup → ${env} (worker ${wanted.worker}, account ${wanted.accountId})`;
    shell.console.err(escapeForTerminal(header));
  }
  const question = { question: `setup of ${env}`, asks: true, instead: `${next.again} --dry-run` };
  const planned = await planSetup(given, ports);
  const outcome = await decide(planned, question, flags, shell, (plan) =>
    applySetup(plan, given, ports),
  );
  const settled = withInterrupt(outcome, interrupt);
  const safe = escapeFields(given);
  const verb = { name: "setup", render: (one: typeof settled) => renderSetup(one as never, safe) };
  const report = flags.json
    ? reportJson("setup", env, settled)
    : fitted(textOf(verb, settled, { quiet: flags.quiet === true }), shell);
  shell.console.out(redact(report.out));
  shell.console.err(redact(report.err));
  return report.exitCode;
}
