/** `pixcanary drill`: on the embedded sandbox, or on a named environment that is not protected. */
import type { Command } from "commander";
import { SECRET_NAMES } from "../../adapters/secrets.ts";
import {
  DRILL_BUDGET_MS,
  type DrillFlags,
  type DrillStage,
  drillInput,
  isForPeople,
  performDrill,
  renderDrill,
} from "../../commands/drill.ts";
import { invocation, shellWord } from "../../commands/lib/format.ts";
import { FAULTS } from "../../domain/drill/faults.ts";
import { DRILL_RUNGS, rungsText } from "../../domain/drill/rungs.ts";
import type { Sandbox } from "../../sandbox/index.ts";
import { compose } from "../compose.ts";
import { canAsk } from "../confirm.ts";
import { UsageError } from "../errors.ts";
import { addFlags, type GlobalFlags, ownInput } from "../program.ts";
import { reportJson } from "../report.ts";
import { decide, fitted, parseOwn, textOf, timeoutOf } from "../run.ts";
import type { Shell } from "../shell.ts";
import type { Exits } from "../start.ts";
import { DRILL_LAG_MS, faultStageOf, rehearsalOf } from "./drill-stage.ts";
import { openKeyboard } from "./keyboard.ts";
import { loadSandbox } from "./load-sandbox.ts";

interface Given {
  shell: Shell;
  /** The program itself, for who types its commands. */
  run(shell: Shell): Promise<number>;
}

export function addDrill(program: Command, given: Given, exits: Exits): void {
  const command = program
    .command("drill")
    .summary("Run the quarterly drill and measure it")
    .description(
      "Measures stop, propagation, /qa, restore, reduce to half, disable, restore. Without --env in the " +
        "embedded sandbox, with visitors and a failing native; with --env on that environment, unless it " +
        "is protected: from its share and back to it. Does not start during a ramp or an emergency, under a " +
        "cap, or at 0 %. With --fault it breaks the sandbox, and measures detect, decide, written, stored, live " +
        "and restored for each fault. With --rung it takes rungs of the ladder and puts them back, in the sandbox or, " +
        "but for the route, in an environment. Writes a report, compares it with the one before, and dates the line " +
        '"Last tested" of RUNBOOK.md here. Exit 0 only if every step passed, each within its time.',
    );
  addFlags(command, drillInput);
  command.addHelpText(
    "before",
    "  pixcanary drill\n  pixcanary drill --fault all\n  pixcanary drill --interactive\n  pixcanary drill --rung all\n" +
      "  pixcanary drill --env staging --yes\n  pixcanary drill --env staging --rung stop,version --yes\n",
  );
  const table = (rows: readonly { name: string; what: string }[]) =>
    rows.map(({ name, what }) => `  ${name.padEnd(17)}${what}`).join("\n");
  command.addHelpText("after", `\nFaults (all: every one but the last):\n${table(FAULTS)}`);
  command.addHelpText("after", `\nRungs:\n${table(DRILL_RUNGS)}`);
  command.action(async () => {
    const own = parseOwn({ name: "drill", input: drillInput }, ownInput(command));
    exits(await drill(own, program.opts<GlobalFlags>(), given));
  });
}

async function drill(own: DrillFlags, flags: GlobalFlags, given: Given): Promise<number> {
  const { shell } = given;
  if (flags.dryRun) {
    throw new UsageError("a drill is no dry run: it really stops and restores", "pixcanary drill");
  }
  refuseMixed(own);
  const named = flags.env ?? shell.env.PIXCANARY_ENV;
  if (named !== undefined && named !== "") return onEnvironment(own, flags, shell);
  refuseUnsuited(own, shell);
  const { startSandbox } = await loadSandbox();
  const interrupt = shell.interrupt(shell.console.err);
  if (!flags.quiet)
    shell.console.err("drill → embedded sandbox: starting the Worker at 3 locations …");
  const sandbox = await startSandbox(optionsFor(own));
  const inside = withinSandbox(sandbox, flags, shell);
  const keyboard = own.interactive ? openKeyboard(inside.shell, given.run) : null;
  try {
    const parts = { rehearsal: rehearsalOf(sandbox), faults: faultStageOf(sandbox), keyboard };
    return await rehearse(own, inside, interrupt, parts);
  } finally {
    keyboard?.close();
    await sandbox.close();
  }
}

/** Each is a drill of its own. */
function refuseMixed({ rung, fault, interactive }: DrillFlags): void {
  if (rung === undefined || (fault === undefined && !interactive)) return;
  const other = interactive ? "--interactive" : "--fault";
  throw new UsageError(
    `--rung and ${other} are two drills: give one`,
    "pixcanary drill --rung all",
  );
}

/** Before anything is started. */
function refuseUnsuited({ interactive, fault = [] }: DrillFlags, { env }: Shell): void {
  if (!interactive) return;
  if (!canAsk(env)) {
    throw new UsageError("--interactive needs a terminal", "pixcanary drill --fault all");
  }
  if (fault.length > 1 || !fault.every(isForPeople)) {
    const names = FAULTS.filter(isForPeople).map(({ name }) => name);
    throw new UsageError(
      `--interactive takes one fault, of ${names.join(", ")}`,
      "pixcanary drill --interactive",
    );
  }
}

/** More visitors on native where the fault has to be detected. People decide for themselves. */
function optionsFor({ fault, interactive }: DrillFlags) {
  if (fault === undefined && !interactive) return { lagMs: DRILL_LAG_MS, percent: 10 };
  const vars = { GUARDIAN: interactive ? "observe" : "enforce" };
  return { lagMs: DRILL_LAG_MS, percent: 50, qaMetrics: true, vars };
}

interface Inside {
  flags: GlobalFlags;
  shell: Shell;
}

function withinSandbox({ description }: Sandbox, flags: GlobalFlags, shell: Shell): Inside {
  const { configPath } = description;
  return {
    flags: { ...flags, config: configPath, env: "sandbox" },
    shell: { ...shell, env: sandboxEnv(shell.env, configPath) },
  };
}

/**
 * The operator's own secrets belong to other places than this one: they go before those of a configuration, and
 * a Slack webhook is the address itself.
 */
export function sandboxEnv(env: NodeJS.ProcessEnv, configPath: string): NodeJS.ProcessEnv {
  const none = Object.fromEntries(SECRET_NAMES.map((name) => [name, ""]));
  return { ...env, ...none, PIXCANARY_CONFIG: configPath, PIXCANARY_ENV: "sandbox" };
}

async function onEnvironment(own: DrillFlags, flags: GlobalFlags, shell: Shell): Promise<number> {
  if (own.fault !== undefined || own.interactive) {
    throw new UsageError(
      "--fault and --interactive break things: they are for the sandbox alone",
      "pixcanary drill --fault all   # without --env and PIXCANARY_ENV",
    );
  }
  refuseRoute(own, flags);
  return rehearse(own, { flags, shell }, shell.interrupt(shell.console.err), null);
}

/** What must be seen while it is taken could not be: `/qa`, metrics and guardian go with the route. */
function refuseRoute({ rung = [] }: DrillFlags, { env = "staging" }: GlobalFlags): void {
  if (!rung.some(({ sandboxOnly }) => sandboxOnly)) return;
  const others = rung.length === 1 ? "version" : rungsText(rung.filter((one) => !one.sandboxOnly));
  throw new UsageError(
    "--rung route deletes the route, and with it /qa, metrics and guardian: it is for the sandbox alone",
    `pixcanary drill --env ${shellWord(env)} --rung ${others}`,
  );
}

/** It ends where it began, if every step holds: in an environment it is asked for all the same. */
function planOf({ rung }: DrillFlags) {
  const share = { what: "share", before: "in force" };
  const stopped = { ...share, after: "stop, and back" };
  const version = {
    what: "version",
    before: "as deployed",
    after: "the proxy-only version, and back",
  };
  const whole = { ...share, after: "stop, back, half, 0 %, and back" };
  const switched = rung?.some(({ name }) => name !== "stop") === true;
  const changes = rung === undefined ? [whole] : [stopped, ...(switched ? [version] : [])];
  return { kind: "plan", risk: "exposure", changes, notes: [], steps: null } as const;
}

async function rehearse(
  own: DrillFlags,
  { flags, shell }: Inside,
  interrupt: AbortSignal,
  stage: DrillStage | null,
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
  const { env } = ports.target;
  const question = {
    question: `drill in ${env}`,
    asks: stage === null,
    instead: invocation(ports.target, "status"),
  };
  const outcome = await decide(planOf(own), question, flags, shell, () =>
    performDrill(own, given, ports, stage),
  );
  const verb = { name: "drill", render: renderDrill as never };
  const report = flags.json
    ? reportJson("drill", env, outcome)
    : fitted(textOf(verb, outcome, { quiet: flags.quiet === true }), shell);
  shell.console.out(redact(report.out));
  shell.console.err(redact(report.err));
  return report.exitCode;
}
