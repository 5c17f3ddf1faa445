/** `pixcanary drill`: on the embedded sandbox, or on a named environment that is not protected. */
import type { Command } from "commander";
import * as z from "zod";
import type { CommonInput, Outcome } from "../../commands/command.ts";
import { performChecklist } from "../../commands/drill/checklist.ts";
import type { DrillData } from "../../commands/drill/data.ts";
import { performFaults } from "../../commands/drill/faults.ts";
import { keepReport } from "../../commands/drill/keep-report.ts";
import { DRILL_BUDGET_MS } from "../../commands/drill/run.ts";
import { renderDrill } from "../../commands/drill/text.ts";
import { flag, textUpTo } from "../../commands/flag.ts";
import { FAULT_NAMES, FAULTS, type Fault, faultsOf } from "../../domain/drill/faults.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Sandbox } from "../../sandbox/index.ts";
import { compose } from "../compose.ts";
import { UsageError } from "../errors.ts";
import { addFlags, type GlobalFlags, ownInput } from "../program.ts";
import { reportJson, reportText } from "../report.ts";
import { fitted, parseOwn, timeoutOf } from "../run.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";
import { DRILL_LAG_MS, faultStageOf, rehearsalOf } from "./drill-stage.ts";
import { loadSandbox } from "./load-sandbox.ts";

const faultNames = z
  .union([z.string(), z.array(z.string())])
  .transform((given, context): readonly Fault[] => {
    const names = [given].flat().flatMap((text) => text.split(",").map((name) => name.trim()));
    const faults = faultsOf(names);
    if (faults !== null) return faults;
    context.addIssue({ code: "custom", message: `must be of ${FAULT_NAMES.join(", ")} or all` });
    return z.NEVER;
  });

const input = z.object({
  fault: flag(
    "--fault <names...>",
    "inject these, one after the other (sandbox)",
    faultNames.optional(),
  ),
  out: flag(
    "--out <dir>",
    "folder of the report (docs/DRILLS)",
    textUpTo(1_000).default("docs/DRILLS"),
  ),
  report: flag(
    "--no-report",
    "write no report and no date into RUNBOOK.md",
    z.boolean().default(true),
  ),
});
type Own = z.output<typeof input>;

export function addDrill(program: Command, shell: Shell, exits: Exits): void {
  const command = program
    .command("drill")
    .summary("Run the quarterly drill and measure it")
    .description(
      "Measures stop, propagation, /qa, restore, reduce to half, disable, restore. Without --env in the " +
        "embedded sandbox, with visitors and a failing native; with --env on that environment, unless it " +
        "is protected: from its share and back to it. Does not start during a ramp or an emergency, under a " +
        "cap, or at 0 %. With --fault it breaks the sandbox, and measures detect, decide, written, stored, live " +
        "and restored for each fault. Writes a report, compares it with the one before, and dates the line " +
        '"Last tested" of RUNBOOK.md here. Exit 0 only if every step passed, each within its time.',
    );
  addFlags(command, input);
  command.addHelpText(
    "before",
    "  pixcanary drill\n  pixcanary drill --fault all\n  pixcanary drill --env staging --yes\n",
  );
  const faults = FAULTS.map(({ name, what }) => `  ${name.padEnd(17)}${what}`).join("\n");
  command.addHelpText("after", `\nFaults (all: every one but the last):\n${faults}`);
  command.action(async () => {
    const own = parseOwn({ name: "drill", input }, ownInput(command));
    exits(await drill(own, program.opts<GlobalFlags>(), shell));
  });
}

async function drill(own: Own, flags: GlobalFlags, shell: Shell): Promise<number> {
  const named = flags.env ?? shell.env.PIXCANARY_ENV;
  const interrupt = shell.interrupt(shell.console.err);
  if (named !== undefined && named !== "") return onEnvironment(own, flags, shell, interrupt);
  const { startSandbox } = await loadSandbox();
  shell.console.err("drill → embedded sandbox: starting the Worker at 3 locations …");
  const { fault } = own;
  const sandbox = await startSandbox(optionsFor(fault));
  try {
    const inside = withinSandbox(sandbox, flags, shell);
    return await rehearse(own, inside.flags, inside.shell, interrupt, (given, ports) =>
      fault === undefined
        ? performChecklist(given, ports, rehearsalOf(sandbox))
        : performFaults(given, ports, faultStageOf(sandbox), { faults: fault }),
    );
  } finally {
    await sandbox.close();
  }
}

/** More of them on native where the fault has to be detected. */
function optionsFor(faults: Own["fault"]) {
  if (faults === undefined) return { lagMs: DRILL_LAG_MS, percent: 10 };
  return { lagMs: DRILL_LAG_MS, percent: 50, qaMetrics: true, vars: { GUARDIAN: "enforce" } };
}

function withinSandbox({ description }: Sandbox, flags: GlobalFlags, shell: Shell) {
  // The operator's own tokens belong to other places than this one.
  const env = { ...shell.env, CLOUDFLARE_API_TOKEN: "", PIXCANARY_QA_TOKEN: "" };
  return {
    flags: { ...flags, config: description.configPath, env: "sandbox" },
    shell: { ...shell, env },
  };
}

async function onEnvironment(
  own: Own,
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
): Promise<number> {
  if (own.fault !== undefined) {
    throw new UsageError(
      "--fault breaks things: it is for the sandbox alone",
      "pixcanary drill --fault all   # without --env",
    );
  }
  if (flags.yes !== true) {
    throw new UsageError(
      "this drill really changes the environment",
      `pixcanary drill --env ${flags.env ?? ""} --yes`,
    );
  }
  return rehearse(own, flags, shell, interrupt, (given, ports) =>
    performChecklist(given, ports, null),
  );
}

async function rehearse(
  own: Own,
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
  perform: (input: CommonInput, ports: Ports) => Promise<Outcome<DrillData>>,
): Promise<number> {
  const { ports, redact } = await compose(flags, shell, interrupt);
  if (ports.target.protected) {
    throw new UsageError(
      `${ports.target.env} is protected: drills are not allowed`,
      "--env staging",
    );
  }
  const given = {
    reason: flags.reason,
    incident: flags.incident,
    force: false,
    verify: true,
    timeoutMs: timeoutOf(flags, DRILL_BUDGET_MS),
  };
  const ended = await perform(given, ports);
  const outcome = own.report ? await keepReport(ended, own, ports) : ended;
  const verb = { name: "drill", render: renderDrill as never };
  const report = flags.json
    ? reportJson("drill", ports.target.env, outcome)
    : fitted(reportText(verb, outcome), shell);
  shell.console.out(redact(report.out));
  shell.console.err(redact(report.err));
  return report.exitCode;
}
