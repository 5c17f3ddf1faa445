/** What must be true of the runbook, as lists of problems: empty means that it holds. */
import type { Block } from "./blocks.ts";
import { blocksOf } from "./blocks.ts";
import type { Mention } from "./commands.ts";
import { pixcanaryOptions } from "./pixcanary-commands.ts";
import type { Stage } from "./stage.ts";
import { firstUnsaid } from "./transcript.ts";

/** A runnable block and the output that the runbook shows for it. */
export interface Step {
  block: Block;
  seen: Block | null;
}

const PROMISES = new Set(["start", "metrics", "until", "exit", "qa", "expect"]);
/** Each needs its pixcanary command and its way by hand. */
const PROCEDURES = ["A) NOT-AUS", "B) Reduce", "C) Disable", "4. Return to normal"];

/** Commands that change nothing, alone in their block. */
const LOOKS = /^pixcanary (status|assess|verify|validate|doctor)\b.*$/;
const LOOK_TRIES = 10;

/** What each of these sections is about must be run in it. */
const COMMANDS: readonly (readonly [string, string])[] = [
  ["1. Incident detection", "pixcanary assess"],
  ["1. Incident detection", "pixcanary watch"],
  ["2. Decision tree", "pixcanary status"],
  ["2. Decision tree", "pixcanary verify --env production --fleet"],
  ["5. Investigation", "pixcanary logs pull"],
  ["5. Investigation", "pixcanary logs errors"],
  ["5. Investigation", "pixcanary logs tail"],
  ["5. Investigation", "pixcanary verify --env production --smoke"],
  ["6. Post-incident report", "pixcanary incident open"],
  ["6. Post-incident report", "pixcanary incident note"],
  ["6. Post-incident report", "pixcanary incident close"],
  ["7. Messages", "pixcanary incident message"],
];

export function stepsOf(markdown: string): Step[] {
  const blocks = blocksOf(markdown);
  return blocks.flatMap((block, index) => {
    if (!block.flags.has("run")) return [];
    const next = blocks[index + 1];
    return [{ block, seen: next?.flags.has("seen") === true ? next : null }];
  });
}

/** Blocks that nobody would run or compare, and procedures without one that proves them. */
export function gapsIn(markdown: string): string[] {
  const blocks = blocksOf(markdown);
  const steps = stepsOf(markdown);
  const compared = new Set(steps.map((step) => step.seen?.line));
  const unknown = blocks.flatMap((block) =>
    [...block.promises.keys()]
      .filter((name) => !PROMISES.has(name))
      .map((name) => `line ${block.line}: unknown promise ${name}`),
  );
  const idle = blocks
    .filter((block) => block.flags.has("seen") && !compared.has(block.line))
    .map((block) => `line ${block.line}: shows the output of no runnable block`);
  const missing = PROCEDURES.flatMap((procedure) =>
    ["pixcanary", "npx wrangler"]
      .filter((program) => !steps.some((step) => proves(step.block, procedure, program)))
      .map((program) => `${procedure}: no runnable ${program} block that says what /qa shows`),
  );
  const unused = COMMANDS.filter(
    ([section, command]) =>
      !steps.some(({ block }) => isWithin(block, section) && block.text.includes(command)),
  ).map(([section, command]) => `${section}: no runnable block with ${command}`);
  return [...unknown, ...idle, ...missing, ...unused];
}

function proves(block: Block, procedure: string, program: string): boolean {
  return (
    isWithin(block, procedure) && block.text.includes(`${program} `) && block.promises.has("qa")
  );
}

function isWithin(block: Block, section: string): boolean {
  return block.headings.some((heading) => heading.startsWith(section));
}

/**
 * Runs one block, and holds it to what its info string and the runbook promise. What only looks is asked
 * again: on a busy machine an answer may come too late for a look, which says so.
 */
export async function problemsOf(step: Step, stage: Stage): Promise<string[]> {
  if (!LOOKS.test(step.block.text)) return problemsOnce(step, stage);
  let problems: string[] = [];
  for (let tries = 0; tries < LOOK_TRIES; tries += 1) {
    problems = await problemsOnce(step, stage);
    if (problems.length === 0) break;
  }
  return problems;
}

export async function problemsOnce({ block, seen }: Step, stage: Stage): Promise<string[]> {
  const { promises } = block;
  const start = promises.get("start");
  if (start !== undefined) await stage.put(start);
  const metrics = promises.get("metrics");
  if (metrics !== undefined) await stage.measured(metrics);
  const { exitCode, output } = await stage.type(block.text, promises.get("until"));
  const problems: string[] = [];
  const wantedExit = Number(promises.get("exit") ?? 0);
  if (exitCode !== wantedExit) problems.push(`exit ${exitCode}, not ${wantedExit}`);
  const wanted = promises.get("expect");
  if (wanted !== undefined && !output.includes(wanted)) problems.push(`does not say: ${wanted}`);
  const unsaid = seen === null ? null : firstUnsaid(seen.text, output);
  if (unsaid !== null) problems.push(`line ${seen?.line}: shown, but not said: ${unsaid}`);
  const qa = promises.get("qa");
  if (qa !== undefined) {
    const shown = await stage.shown();
    if (!shown.every((one) => one === qa))
      problems.push(`/qa shows ${shown.join(", ")}, not ${qa}`);
  }
  return problems.map((problem) => `line ${block.line}: ${problem}\n${output}`);
}

/** Commands and options that do not exist, according to the programs' own definitions. */
export async function unknownCommands(mentions: readonly Mention[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { line, program, words, options } of mentions) {
    const command = [program, ...words].join(" ");
    const found = await optionsOf(program, words);
    if (found === null) problems.push(`line ${line}: there is no command: ${command}`);
    const missing = options.filter((option) => found !== null && !found.has(option));
    problems.push(...missing.map((option) => `line ${line}: ${command} has no option ${option}`));
  }
  return problems;
}

/** Null when there is no such command. Loading wrangler costs a second: only who mentions it pays. */
async function optionsOf(
  program: string,
  words: readonly string[],
): Promise<ReadonlySet<string> | null> {
  return program === "wrangler"
    ? (await import("./wrangler-commands.ts")).wranglerOptions(words)
    : pixcanaryOptions(words);
}
