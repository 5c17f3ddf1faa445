/** One command from words to exit code: input → environment → plan → confirm → apply → report. */

import type * as z from "zod";
import { ConfigError } from "../adapters/config-file.ts";
import type {
  ChangingVerb,
  CommandDef,
  CommonInput,
  Outcome,
  Planned,
} from "../commands/command.ts";
import { interruptedBy } from "../commands/command.ts";
import { flagsOf } from "../commands/flag.ts";
import { skewWarning } from "../commands/lib/clock-skew.ts";
import { invocation, shellWord } from "../commands/lib/format.ts";
import { type Target, toTarget } from "../domain/config/environment.ts";
import { manualText, manualWay } from "../domain/config/manual.ts";
import { anySignal } from "../domain/lib/abort.ts";
import { STOP_KEY } from "../domain/state/documents.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import type { Ports } from "../ports/ports.ts";
import { compose, composeWith, configured, type World } from "./compose.ts";
import { composeIfAny, NOWHERE } from "./compose-if-any.ts";
import { ask } from "./confirm.ts";
import { hintOf, UsageError } from "./errors.ts";
import { EXIT_DONE } from "./exit.ts";
import { changesText } from "./plan-text.ts";
import type { GlobalFlags } from "./program.ts";
import { type Report, reportJson, reportText } from "./report.ts";
import type { Shell } from "./shell.ts";
import { wrapLines } from "./wrap-lines.ts";

/** Returns the exit code. Throws UsageError, ConfigError and bugs; the caller renders those. */
export async function run(
  def: CommandDef,
  own: Record<string, unknown>,
  flags: GlobalFlags,
  shell: Shell,
): Promise<number> {
  const input = parseInput(def, own, flags);
  const signals = shell.interrupt(def.streams ? () => undefined : shell.console.err);
  // What streams for ever ends with its reader, as in `watch | head`; everything else goes on.
  const gone = def.streams ? shell.console.gone : undefined;
  const interrupt = gone === undefined ? signals : anySignal([signals, gone]);
  const needs = typeof def.needs === "function" ? def.needs(input) : def.needs;
  const world =
    needs === "if-any"
      ? await composeIfAny(flags, shell, interrupt)
      : await composeFor(def, flags, shell, interrupt);
  if (!flags.quiet) shell.console.err(firstLine(def, world.ports.target, flags));
  const outcome = await planAndApply(def, redacted(input, world), flags, shell, world.ports);
  const skew = changes(def) && !flags.dryRun ? skewWarning(world.ports) : null;
  if (skew !== null) world.ports.progress.warn(skew);
  if (gone?.aborted) return EXIT_DONE;
  const settled = withInterrupt(outcome, interrupt);
  const report = flags.json
    ? reportJson(def.name, world.ports.target.env || null, settled, {
        oneLine: def.streams === true,
      })
    : fitted(textOf(def, settled, { quiet: flags.quiet === true }), shell);
  shell.console.out(world.redact(report.out));
  shell.console.err(world.redact(report.err));
  const { debts } = world.ports;
  await debts.leave();
  // It would start itself for ever.
  if (def.name !== "deliver") await debts.passOn();
  return report.exitCode;
}

/** Where relief cannot even begin, the ways by hand are left. */
async function composeFor(
  def: CommandDef,
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
): Promise<World> {
  const relief = changes(def) && def.relief === true;
  const offline = "offline" in def && def.offline === true;
  const anyHost = def.anyHost === true;
  const reads = !changes(def) || def.offlineToo === true;
  const options = { relief, reads, offline, anyHost };
  if (!relief) return compose(flags, shell, interrupt, options);
  let target = { ...NOWHERE, ...PLACEHOLDERS };
  try {
    const found = await configured(flags, shell, relief);
    target = toTarget(found.name, found.environment);
    return await composeWith(found, { flags, shell, interrupt, options });
  } catch (error) {
    if (error instanceof ConfigError) target = { ...target, ...error.known };
    if (hintOf(error) !== null) shell.console.err(stopByHand(target));
    throw error;
  }
}

const PLACEHOLDERS = { accountId: "ACCOUNT_ID", namespaceId: "NAMESPACE_ID" };

function stopByHand(target: Target): string {
  const way = manualText(manualWay(target, { key: STOP_KEY, active: true }));
  const missing = Object.values(PLACEHOLDERS).filter(
    (word) => word === target.accountId || word === target.namespaceId,
  );
  const fill = missing.length === 0 ? "" : `, with your own ${missing.join(" and ")}`;
  return `nothing was written. To stop by hand${fill}:\n${way}`;
}

function changes(def: CommandDef): def is ChangingVerb {
  return "plan" in def;
}

const helpOf = ({ name }: { name: string }): string => `pixcanary ${name} --help`;

/** Of a verb, or of a tool that is none. Throws UsageError, which names the flag. */
export function parseOwn<In extends z.ZodType>(
  def: { name: string; input: In },
  own: Record<string, unknown>,
): z.output<In> {
  const parsed = def.input.safeParse(own);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const words = flagsOf(def.input).find(([key]) => key === issue?.path[0])?.[1].form;
  // As it was typed; a positional argument has no dashes, and goes by its name.
  const name = words?.startsWith("-") ? words.split(" ")[0] : String(issue?.path[0] ?? def.name);
  throw new UsageError(`${name} ${issue?.message ?? "is not valid"}`, helpOf(def));
}

/** Own flags by the verb's schema, common ones by ours. Throws UsageError. */
function parseInput(
  def: CommandDef,
  own: Record<string, unknown>,
  flags: GlobalFlags,
): CommonInput & Record<string, unknown> {
  const help = helpOf(def);
  const data = parseOwn(def, own);
  const reason = shortened(flags.reason);
  if (changes(def) && def.needsReason && !reason) {
    throw new UsageError(`${def.name} needs --reason "…": why is it safe now?`, help);
  }
  const common = { force: false, ...Object(data) };
  if (common.force && !reason) throw new UsageError('--force needs --reason "…"', help);
  return {
    ...common,
    reason,
    incident: shortened(flags.incident),
    verify: flags.verify,
    timeoutMs: timeoutOf(flags, def.timeoutFor?.(data) ?? def.timeoutMs),
  };
}

/** Documents hold so much and no more; a pasted log must not keep a stop from being written. */
const MAX_REASON_CHARS = 400;

function shortened(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  if (trimmed === undefined || trimmed.length <= MAX_REASON_CHARS) return trimmed;
  return `${[...trimmed].slice(0, MAX_REASON_CHARS - 1).join("")}…`;
}

/** What is stored, at `/qa` and in notices is read by many. */
function redacted<T extends CommonInput>(input: T, { redact }: World): T {
  const safe = (text: string | undefined) => (text === undefined ? undefined : redact(text));
  return { ...input, reason: safe(input.reason), incident: safe(input.incident) };
}

/** `--timeout` in milliseconds. Throws UsageError. */
export function timeoutOf(flags: GlobalFlags, fallbackMs: number): number {
  if (flags.timeout === undefined) return fallbackMs;
  const seconds = Number(flags.timeout);
  if (!(seconds >= 1 && seconds <= 86_400)) {
    throw new UsageError("--timeout must be a number of seconds from 1 to 86400", "--timeout 30");
  }
  return seconds * 1_000;
}

async function planAndApply(
  def: CommandDef,
  input: CommonInput,
  flags: GlobalFlags,
  shell: Shell,
  ports: Ports,
): Promise<Outcome<unknown>> {
  if (!changes(def)) return def.run(input, ports);
  const planned = await def.plan(input, ports);
  const asks =
    planned.kind === "plan" && (planned.risk === "exposure" || planned.asks !== undefined);
  const instead = invocation(ports.target, "status");
  const what = { question: `${def.name} in ${ports.target.env}`, asks, instead };
  return decide(planned, what, flags, shell, (steps) => def.apply(steps, input, ports));
}

/** A plan becomes a dry run, a question, or what `apply` makes of it; `instead` is for who says no. */
export async function decide<P, T>(
  planned: Planned<P, T>,
  what: { question: string; asks: boolean; instead: string },
  flags: GlobalFlags,
  shell: Shell,
  apply: (steps: P) => Promise<Outcome<T>>,
): Promise<Outcome<T | DryRun>> {
  if (planned.kind === "ended") return planned.outcome;
  if (flags.dryRun) return dryRun(planned);
  if (planned.unseen !== undefined && flags.yes) return planned.unseen;
  if (what.asks && !flags.yes) {
    shell.console.err(changesText(planned));
    const question = planned.asks ?? `${what.question}: continue?`;
    const answer = await ask(question, shell.env);
    if (answer === "interrupted") {
      return { kind: "interrupted", signal: "SIGINT", truth: "nothing was written", next: "" };
    }
    if (answer === "no-terminal" && planned.asks !== undefined && planned.unseen !== undefined) {
      return planned.unseen;
    }
    if (answer !== "yes") return declined(answer, shell, what.instead);
  }
  return apply(planned.steps);
}

type Plan = Pick<Extract<Planned<unknown>, { kind: "plan" }>, "risk" | "changes" | "notes">;

export interface DryRun {
  dry_run: true;
  risk: Plan["risk"];
  changes: Plan["changes"];
  notes: Plan["notes"];
}

/** Same plan, same words, no write; it works with a read-only token, too. */
function dryRun({ risk, changes, notes }: Plan): Outcome<DryRun> {
  return { kind: "done", changed: false, data: { dry_run: true, risk, changes, notes } };
}

function isDryRun(outcome: Outcome<unknown>): outcome is Outcome<DryRun> & { kind: "done" } {
  if (outcome.kind !== "done") return false;
  return typeof outcome.data === "object" && outcome.data !== null && "dry_run" in outcome.data;
}

type Rendered = Parameters<typeof reportText>[0];

/** A dry run shows its plan: the verb's own words are for what has happened. */
export function textOf(def: Rendered, outcome: Outcome<unknown>, options: { quiet: boolean }) {
  if (!isDryRun(outcome)) return reportText(def, outcome, options);
  const text = `${changesText(outcome.data)}\n  dry run: nothing was written`;
  return reportText({ name: def.name, run: null, render: () => text }, outcome);
}

/** JSON is never broken. */
export function fitted(report: Report, { console: { columns = null } }: Shell): Report {
  return { ...report, out: wrapLines(report.out, columns) };
}

function declined(answer: "no" | "no-terminal", shell: Shell, instead: string): Outcome<never> {
  if (answer === "no") {
    return { kind: "declined", by: "operator", next: instead };
  }
  const words = ["pixcanary", ...shell.argv.map(shellWord), "--yes"].join(" ");
  return { kind: "declined", by: "no-terminal", next: words };
}

/** A command that was cut short reports the signal, whatever else it noticed. */
export function withInterrupt(outcome: Outcome<unknown>, interrupt: AbortSignal): Outcome<unknown> {
  const signal = interruptedBy(interrupt);
  if (signal === null || outcome.kind === "done" || outcome.kind === "interrupted") return outcome;
  const truth =
    "truth" in outcome
      ? outcome.truth
      : outcome.kind === "pending"
        ? `waiting for ${outcome.waitingFor}`
        : "";
  return {
    kind: "interrupted",
    signal,
    truth,
    next: outcome.next,
    ...("data" in outcome ? { data: outcome.data } : {}),
  };
}

function firstLine(def: CommandDef, target: Target, { verbose }: GlobalFlags): string {
  if (target.env === "") return "";
  const ids = verbose ? `, account ${target.accountId}, KV ${target.namespaceId}` : "";
  return escapeForTerminal(`${def.name} → ${target.env} (worker ${target.worker}${ids})`);
}
