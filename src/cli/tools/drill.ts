/** `pixcanary drill`: on the embedded sandbox, or on a named environment that is not protected. */
import type { Command } from "commander";
import { DRILL_BUDGET_MS, performDrill, renderDrill } from "../../commands/drill.ts";
import type { Rehearsal, TrafficCounts } from "../../ports/visitors.ts";
import type { Sandbox, TrafficReport } from "../../sandbox/index.ts";
import { compose } from "../compose.ts";
import { UsageError } from "../errors.ts";
import type { GlobalFlags } from "../program.ts";
import { reportJson, reportText } from "../report.ts";
import { timeoutOf } from "../run.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";
import { loadSandbox } from "./load-sandbox.ts";

/** Real enough to wait for, short enough for a coffee break. */
const DRILL_LAG_MS = { min: 200, max: 2_000 };

export function addDrill(program: Command, shell: Shell, exits: Exits): void {
  const command = program
    .command("drill")
    .summary("Run the quarterly drill and measure it")
    .description(
      "Measures stop, propagation, /qa, restore, reduce to half, disable, restore. Without --env in the " +
        "embedded sandbox, with visitors and a failing native; with --env on that environment, unless it " +
        "is protected: from its share and back to it. Does not start during a ramp or an emergency, under a " +
        "cap, or at 0 %. Exit 0 only if every step passed.",
    );
  command.addHelpText("before", "  pixcanary drill\n  pixcanary drill --env staging --yes\n");
  command.action(async () => {
    exits(await drill(program.opts<GlobalFlags>(), shell));
  });
}

async function drill(flags: GlobalFlags, shell: Shell): Promise<number> {
  const named = flags.env ?? shell.env.PIXCANARY_ENV;
  const interrupt = shell.interrupt(shell.console.err);
  if (named !== undefined && named !== "") return onEnvironment(flags, shell, interrupt);
  const { startSandbox } = await loadSandbox();
  shell.console.err("drill → embedded sandbox: starting the Worker at 3 locations …");
  const sandbox = await startSandbox({ lagMs: DRILL_LAG_MS, percent: 10 });
  try {
    const config = { ...flags, config: sandbox.description.configPath, env: "sandbox" };
    // The operator's own tokens belong to other places than this one.
    const env = { ...shell.env, CLOUDFLARE_API_TOKEN: "", PIXCANARY_QA_TOKEN: "" };
    return await rehearse(config, { ...shell, env }, interrupt, rehearsalOf(sandbox));
  } finally {
    await sandbox.close();
  }
}

async function onEnvironment(
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
): Promise<number> {
  if (flags.yes !== true) {
    throw new UsageError(
      "this drill really changes the environment",
      `pixcanary drill --env ${flags.env ?? ""} --yes`,
    );
  }
  return rehearse(flags, shell, interrupt, null);
}

async function rehearse(
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
  rehearsal: Rehearsal | null,
): Promise<number> {
  const { ports, redact } = await compose(flags, shell, interrupt);
  if (ports.target.protected) {
    throw new UsageError(
      `${ports.target.env} is protected: drills are not allowed`,
      "--env staging",
    );
  }
  const input = {
    reason: flags.reason,
    incident: flags.incident,
    force: false,
    verify: true,
    timeoutMs: timeoutOf(flags, DRILL_BUDGET_MS),
  };
  const outcome = await performDrill(input, ports, rehearsal);
  const verb = { name: "drill", render: renderDrill as never };
  const report = flags.json
    ? reportJson("drill", ports.target.env, outcome)
    : reportText(verb, outcome);
  shell.console.out(redact(report.out));
  shell.console.err(redact(report.err));
  return report.exitCode;
}

function rehearsalOf({ control }: Sandbox): Rehearsal {
  return {
    startVisitors: () => control.startTraffic({ visitors: 40, ratePerS: 60 }),
    stopVisitors: async () => countsOf(await control.stopTraffic()),
    counts: () => countsOf(control.trafficReport()),
    settled: () => control.trafficSettled(),
    failNative: async (errorShare) => control.setNative({ errorShare }),
  };
}

function countsOf(report: TrafficReport): TrafficCounts {
  const { byCohort, total } = report.requests;
  const sum = (cohort: string, wanted: (status: number) => boolean) =>
    Object.entries(byCohort[cohort] ?? {})
      .filter(([status]) => wanted(Number(status)))
      .reduce((all, [, count]) => all + count, 0);
  const bad = (status: number) => status === 0 || status >= 500;
  return {
    total,
    native: sum("native", () => true),
    proxy: sum("proxy", () => true),
    errors: Object.keys(byCohort).reduce((all, cohort) => all + sum(cohort, bad), 0),
    drifts: report.flows.drifts,
    moved: report.flows.moved,
    uploads: report.flows.started,
  };
}
