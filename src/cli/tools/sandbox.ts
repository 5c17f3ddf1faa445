/** `pixcanary sandbox`: runs the embedded Cloudflare until it is interrupted. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import * as z from "zod";
import { count, flag, oneOf, onOff, parsed, percentInput } from "../../commands/flag.ts";
import { shellWord } from "../../commands/lib/format.ts";
import type { SandboxDescription } from "../../sandbox/index.ts";
import { addFlags, type GlobalFlags, ownInput } from "../program.ts";
import { jsonForTerminal } from "../report.ts";
import { parseOwn } from "../run.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";
import { loadSandbox } from "./load-sandbox.ts";

export const input = z.object({
  locations: flag(
    "--locations <codes>",
    "edge locations (FRA,AMS,IAD)",
    parsed(locationsOf, "must be 1 to 12 different three-letter codes, e.g. FRA,AMS").default([
      "FRA",
      "AMS",
      "IAD",
    ]),
  ),
  lag: flag(
    "--lag <seconds>",
    "KV lag: 0, 3 or 0-10 (1-4)",
    parsed(lagOf, "must be seconds from 0 to 60, or a range like 0-10").default({
      min: 1_000,
      max: 4_000,
    }),
  ),
  percent: flag("--percent <n>", "share of native at the start (10)", percentInput.default(10)),
  guardian: flag(
    "--guardian <mode>",
    "mode of the Worker's cron: off, observe or enforce (observe)",
    oneOf(["off", "observe", "enforce"]).default("observe"),
  ),
  cron: flag(
    "--cron <seconds>",
    "seconds between cron runs (60)",
    count(1, 3_600, "seconds").default(60),
  ),
  empty: onOff("--empty", "an account with nothing in it, to try setup and wrangler deploy"),
  databaseUrl: flag(
    "--database-url <url>",
    "PostgreSQL to use instead of the embedded one",
    parsed(databaseUrlOf, "must be like postgres://user@host:5432/database").optional(),
  ),
});

/** Only a call that names the sandbox loads anything of it: it is no part of a stop. */
export async function addSandbox(program: Command, shell: Shell, exits: Exits): Promise<void> {
  const command = program
    .command("sandbox")
    .summary("Run an embedded Cloudflare with the real Worker, to try things")
    .description(
      "Starts the real Worker at several locations, a KV store with lag, the Cloudflare API, a legacy " +
        "origin and a database, all on loopback; runs until Ctrl-C and leaves nothing behind.",
    );
  addFlags(command, input);
  command.addHelpText(
    "before",
    "  pixcanary sandbox --lag 0\n  pixcanary sandbox --json > sandbox.json\n",
  );
  if (shell.argv.includes("sandbox")) {
    const { SANDBOX_CONTROL_HELP } = await import("../../sandbox/control/help.ts");
    command.addHelpText("after", `\n${SANDBOX_CONTROL_HELP}`);
  }
  command.action(async () => {
    const own = parseOwn({ name: "sandbox", input }, ownInput(command));
    exits(await runSandbox(own, program.opts<GlobalFlags>(), shell));
  });
}

async function runSandbox(
  { locations, lag, percent, guardian, cron, empty, databaseUrl }: z.output<typeof input>,
  flags: GlobalFlags,
  shell: Shell,
): Promise<number> {
  const options = {
    locations,
    lagMs: lag,
    percent,
    empty,
    qaMetrics: true,
    cronMs: cron * 1_000,
    vars: { GUARDIAN: guardian },
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  };
  const { startSandbox } = await loadSandbox();
  const first = empty ? "" : "the Worker, ";
  shell.console.err(`sandbox: starting ${first}the API, the origin and the database …`);
  const interrupt = shell.interrupt(shell.console.err);
  const sandbox = await startSandbox(options);
  try {
    // What ends at once is not said to be ready.
    if (!interrupt.aborted) {
      shell.console.out(await readyText(sandbox.description, empty, flags));
      await untilAborted(interrupt);
    }
  } finally {
    await sandbox.close();
  }
  shell.console.err("✔ sandbox: ended, nothing is left behind");
  return 0;
}

async function untilAborted(interrupt: AbortSignal): Promise<void> {
  if (!interrupt.aborted) await once(interrupt, "abort");
}

async function readyText(
  description: SandboxDescription,
  empty: boolean,
  { json }: GlobalFlags,
): Promise<string> {
  if (json) return jsonForTerminal(description);
  const { packageRoot } = await loadSandbox();
  const next = empty ? await setupCommands(description, packageRoot()) : commandsFor(description);
  return welcome(description, next, empty);
}

function welcome(d: SandboxDescription, next: readonly string[], empty: boolean): string {
  return [
    "✔ sandbox: ready, Ctrl-C to stop",
    `  locations ${d.locations.map((l) => `${l.colo} ${l.url}`).join(" · ")}`,
    ...(empty ? ["            none has a Worker yet"] : []),
    `  edge      ${d.edgeUrl}`,
    `  control   ${d.controlUrl}   (faults, KV lag, traffic; GET shows how)`,
    ...(empty ? [] : [`  config    ${d.configPath}`]),
    `→ next, in another terminal${empty ? ", in an empty folder" : ""}:`,
    ...next.map((command) => `    ${command}`),
  ].join("\n");
}

function commandsFor({ configPath }: SandboxDescription): string[] {
  const config = `--config ${shellWord(configPath)}`;
  return [`pixcanary status ${config}`, `pixcanary not-aus ${config}`];
}

/**
 * From the account to a `doctor` that passes. The folder gets what a clone has; secrets stay in that of the sandbox,
 * which ends with it: those of a real environment with this name are neither used nor replaced.
 */
async function setupCommands(d: SandboxDescription, root: string): Promise<string[]> {
  const folder = dirname(d.configPath);
  const variables = {
    CLOUDFLARE_API_BASE_URL: d.apiBaseUrl,
    CLOUDFLARE_ACCOUNT_ID: d.accountId,
    CLOUDFLARE_API_TOKEN: d.apiToken,
    PIXCANARY_R2_KEY: "sandbox-key:sandbox-secret-key",
    ORIGIN_URL: d.originUrl,
    QA_URLS: d.locations.map(({ url }) => `${url}/qa`).join(","),
    SECRETS: join(folder, "staging"),
    CLONE: root,
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${shellWord(value)}`);
  const file = join(folder, "env");
  await writeFile(file, `${lines.map((line) => `export ${line}\n`).join("")}`, { mode: 0o600 });
  const isClone = existsSync(join(root, "node_modules/wrangler"));
  const wrangler = `npx ${isClone ? '--prefix "$CLONE" ' : ""}wrangler`;
  return [
    `. ${shellWord(file)}`,
    "mkdir -p worker dist/worker",
    'cp "$CLONE"/worker/wrangler.jsonc "$CLONE"/worker/build.js worker',
    'cp "$CLONE"/dist/worker/index.js dist/worker',
    'pixcanary setup --env staging --qa-url $QA_URLS --secrets-dir "$SECRETS"',
    "cd worker",
    `${wrangler} deploy --env staging --var ORIGIN_URL:$ORIGIN_URL`,
    `${wrangler} secret bulk --env staging < "$SECRETS"/worker-secrets.json`,
    "cd ..",
    "pixcanary doctor",
  ];
}

function locationsOf(text: string): string[] | null {
  const codes = text.split(",").map((code) => code.trim().toUpperCase());
  const good = codes.length <= 12 && new Set(codes).size === codes.length;
  return good && codes.every((code) => /^[A-Z]{3}$/.test(code)) ? codes : null;
}

/** In milliseconds. */
function lagOf(text: string): { min: number; max: number } | null {
  const match = /^(\d{1,2}(?:\.\d+)?)(?:-(\d{1,2}(?:\.\d+)?))?$/.exec(text.trim());
  const min = Number(match?.[1]);
  const max = Number(match?.[2] ?? match?.[1]);
  return min <= max && max <= 60 ? { min: min * 1_000, max: max * 1_000 } : null;
}

function databaseUrlOf(text: string): string | null {
  const url = URL.parse(text);
  const postgres = url?.protocol === "postgres:" || url?.protocol === "postgresql:";
  return postgres && url.hostname !== "" ? text : null;
}
