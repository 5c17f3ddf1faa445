/** `pixcanary sandbox`: runs the embedded Cloudflare until it is interrupted. */
import { once } from "node:events";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { GlobalFlags } from "../program.ts";
import { jsonForTerminal } from "../report.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";

interface SandboxFlags {
  locations: string;
  lag: string;
  percent: string;
  guardian: string;
  cron: string;
  databaseUrl?: string;
}

/** Only a call that names the sandbox loads anything of it: it is no part of a stop. */
export async function addSandbox(program: Command, shell: Shell, exits: Exits): Promise<void> {
  const command = program
    .command("sandbox")
    .summary("Run an embedded Cloudflare with the real Worker, to try things")
    .description(
      "Starts the real Worker at several locations, a KV store with lag, the Cloudflare API, a legacy " +
        "origin and a database, all on loopback; runs until Ctrl-C and leaves nothing behind.",
    )
    .option("--locations <codes>", "edge locations", "FRA,AMS,IAD")
    .option("--lag <seconds>", "KV lag, e.g. 0, 3 or 0-10", "1-4")
    .option("--percent <n>", "share of native at the start", "10")
    .option(
      "--guardian <mode>",
      "guardian mode of the Worker's cron: off, observe or enforce",
      "observe",
    )
    .option("--cron <seconds>", "seconds between cron runs", "60")
    .option("--database-url <url>", "PostgreSQL to use instead of the embedded one");
  command.addHelpText(
    "before",
    "  pixcanary sandbox --lag 0\n  pixcanary sandbox --json > sandbox.json\n",
  );
  if (shell.argv.includes("sandbox")) {
    const { SANDBOX_CONTROL_HELP } = await import("../../sandbox/control/help.ts");
    command.addHelpText("after", `\n${SANDBOX_CONTROL_HELP}`);
  }
  command.action(async (own: SandboxFlags) => {
    exits(await runSandbox(own, program.opts<GlobalFlags>(), shell));
  });
}

async function runSandbox(own: SandboxFlags, flags: GlobalFlags, shell: Shell): Promise<number> {
  const options = {
    locations: locationsOf(own.locations),
    lagMs: lagOf(own.lag),
    percent: percentOf(own.percent),
    qaMetrics: true,
    cronMs: cronOf(own.cron),
    vars: { GUARDIAN: guardianOf(own.guardian) },
    ...(own.databaseUrl === undefined ? {} : { databaseUrl: own.databaseUrl }),
  };
  shell.console.err("sandbox: starting the Worker, the API, the origin and the database …");
  const interrupt = shell.interrupt(shell.console.err);
  const { startSandbox } = await import("../../sandbox/index.ts");
  const sandbox = await startSandbox(options);
  try {
    if (flags.json) shell.console.out(jsonForTerminal(sandbox.description));
    else shell.console.out(welcome(sandbox.description));
    if (!interrupt.aborted) await once(interrupt, "abort");
  } finally {
    await sandbox.close();
  }
  return 0;
}

function welcome(d: {
  configPath: string;
  edgeUrl: string;
  controlUrl: string;
  locations: { colo: string; url: string }[];
}): string {
  return [
    "✔ sandbox: ready, Ctrl-C to stop",
    `  locations ${d.locations.map((l) => `${l.colo} ${l.url}`).join(" · ")}`,
    `  edge      ${d.edgeUrl}`,
    `  control   ${d.controlUrl}   (faults, KV lag, traffic; GET shows how)`,
    `  config    ${d.configPath}`,
    "→ next, in another terminal:",
    `    pixcanary status --config ${d.configPath}`,
    `    pixcanary not-aus --config ${d.configPath}`,
  ].join("\n");
}

function locationsOf(text: string): string[] {
  const codes = text.split(",").map((code) => code.trim().toUpperCase());
  const good = codes.length <= 12 && new Set(codes).size === codes.length;
  if (good && codes.every((code) => /^[A-Z]{3}$/.test(code))) return codes;
  throw new UsageError(
    "--locations must be different three-letter codes",
    "--locations FRA,AMS,IAD",
  );
}

function lagOf(text: string): { min: number; max: number } {
  const match = /^(\d{1,2}(?:\.\d+)?)(?:-(\d{1,2}(?:\.\d+)?))?$/.exec(text.trim());
  const min = Number(match?.[1]);
  const max = Number(match?.[2] ?? match?.[1]);
  if (match !== null && min <= max && max <= 60) return { min: min * 1_000, max: max * 1_000 };
  throw new UsageError("--lag must be seconds from 0 to 60, or a range", "--lag 0-10");
}

function cronOf(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds >= 1 && seconds <= 3_600) return seconds * 1_000;
  throw new UsageError("--cron must be seconds from 1 to 3600", "--cron 60");
}

function guardianOf(mode: string): string {
  if (["off", "observe", "enforce"].includes(mode)) return mode;
  throw new UsageError("--guardian must be off, observe or enforce", "--guardian enforce");
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (text.trim() !== "" && percent >= 0 && percent <= 100) return percent;
  throw new UsageError("--percent must be from 0 to 100", "--percent 10");
}
