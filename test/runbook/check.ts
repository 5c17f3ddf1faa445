/** What must be true of the runbook, as lists of problems: empty means that it holds. */
import type { Block } from "./blocks.ts";
import { blocksOf } from "./blocks.ts";
import type { Mention } from "./commands.ts";
import type { Shell, Stage } from "./stage.ts";
import { firstUnsaid } from "./transcript.ts";

/** A runnable block and the output that the runbook shows for it. */
export interface Step {
  block: Block;
  seen: Block | null;
}

const PROMISES = new Set(["start", "exit", "qa", "expect"]);
/** Each needs its pixcanary command and its way by hand. */
const PROCEDURES = ["A) NOT-AUS", "B) Reduce", "C) Disable", "4. Return to normal"];

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
  return [...unknown, ...idle, ...missing];
}

function proves(block: Block, procedure: string, program: string): boolean {
  const within = block.headings.some((heading) => heading.startsWith(procedure));
  return within && block.text.includes(`${program} `) && block.promises.has("qa");
}

/** Runs one block, and holds it to what its info string and the runbook promise. */
export async function problemsOf({ block, seen }: Step, stage: Stage): Promise<string[]> {
  const { promises } = block;
  const start = promises.get("start");
  if (start !== undefined) await stage.put(start);
  const { exitCode, output } = await stage.type(block.text);
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

/** Commands and options that do not exist, according to the programs' own help. */
export async function unknownCommands(
  mentions: readonly Mention[],
  shell: Pick<Shell, "type">,
): Promise<string[]> {
  const problems: string[] = [];
  const pages = new Map<string, string>();
  for (const { line, program, words, options } of mentions) {
    const command = [program, ...words].join(" ");
    const page = pages.get(command) ?? (await helpOf(program, words, shell));
    pages.set(command, page);
    if (page === "") problems.push(`line ${line}: there is no command: ${command}`);
    for (const option of page === "" ? [] : options) {
      if (!new RegExp(`(^|[\\s,])${option}(?![\\w-])`, "m").test(page)) {
        problems.push(`line ${line}: ${command} has no option ${option}`);
      }
    }
  }
  return problems;
}

/** Empty when the page is another command's: both programs answer so to words they do not know. */
async function helpOf(
  program: string,
  words: readonly string[],
  shell: Pick<Shell, "type">,
): Promise<string> {
  const { exitCode, output } = await shell.type([program, ...words, "--help"].join(" "));
  const usage = program === "wrangler" ? /^wrangler.*$/m : /(?<=^Usage: )pixcanary.*$/m;
  const line = usage.exec(output)?.[0].replace(/\[(options|command)\]/g, "") ?? "";
  const parts = line.split(" ").filter((part) => part !== "");
  const path = parts.filter((part) => !/^[[<]/.test(part));
  const asked = [program, ...words];
  const isSame = path.every((part, index) => asked[index] === part) && asked.length <= parts.length;
  return exitCode === 0 && isSame ? output : "";
}
