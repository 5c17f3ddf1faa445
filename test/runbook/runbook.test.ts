/** The runbook is executed, block by block, so that it cannot rot. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gapsIn, problemsOf, problemsOnce, stepsOf, unknownCommands } from "./check.ts";
import { mentionsIn } from "./commands.ts";
import type { Stage } from "./stage.ts";
import { openStage } from "./stage.ts";

const RUNBOOK = await readFile(new URL("../../RUNBOOK.md", import.meta.url), "utf8");

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

describe("the runbook", () => {
  test("has a runnable command and a runnable way by hand for every procedure", () => {
    expect(gapsIn(RUNBOOK)).toEqual([]);
  });

  test("links to headings that exist", () => {
    const headings = [...RUNBOOK.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ""));
    const links = [...RUNBOOK.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1]);
    expect(links.length).toBeGreaterThan(10);
    expect(headings).toEqual(expect.arrayContaining(links));
  });

  for (const step of stepsOf(RUNBOOK)) {
    const { block } = step;
    const title = block.text.split("\n")[0];
    test(`line ${block.line} works: ${title}`, async () => {
      expect(await problemsOf(step, stage)).toEqual([]);
    });
  }

  test("names no command and no option that does not exist", async () => {
    const mentions = mentionsIn(RUNBOOK);
    expect(mentions.length).toBeGreaterThan(20);
    expect(await unknownCommands(mentions)).toEqual([]);
  });
});

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}

/** The one broken step: the block that holds the changed text. */
function brokenStep(from: string, to: string) {
  const changed = RUNBOOK.replace(from, to);
  expect(changed).not.toBe(RUNBOOK);
  const intact = new Set(stepsOf(RUNBOOK).map(fingerprint));
  const [step] = stepsOf(changed).filter((one) => !intact.has(fingerprint(one)));
  if (step === undefined) throw new Error("the change is in no runnable block");
  return step;
}

function fingerprint({ block, seen }: ReturnType<typeof stepsOf>[number]): string {
  return JSON.stringify([block.text, [...block.promises], seen?.text]);
}

describe("a runbook that has rotted is noticed:", () => {
  test.each([
    [
      "a misspelt verb",
      'pixcanary not-aus --env production --reason "5xx',
      'pixcanary notaus --env production --reason "5xx',
    ],
    [
      "an environment that does not exist",
      "pixcanary verify --env production --timeout",
      "pixcanary verify --env prod --timeout",
    ],
    ["another exit code", "exit=25", "exit=24"],
    ["an output that nobody prints", "✔ reduce: done", "✔ reduce: finished"],
    ["a promise about /qa that does not hold", 'start="10 %" qa="5 %"', 'start="10 %" qa="4 %"'],
  ])("%s", async (_what, from, to) => {
    expect(await problemsOnce(brokenStep(from, to), stage)).not.toEqual([]);
  });

  test.each([
    ["A", '```bash run start="10 %" qa="emergency"\nnpx'],
    ["B", '```bash run start="10 %" qa="5 %"\npixcanary'],
    ["C", '```bash run start="5 %" qa="0 %"\nnpx'],
  ])("procedure %s with a block that is not runnable any more", (_name, opening) => {
    const program = opening.split("\n")[1] ?? "";
    expect(gapsIn(RUNBOOK.replaceAll(opening, `\`\`\`bash\n${program}`))).not.toEqual([]);
  });

  test.each([
    ["assess", "pixcanary assess --env", "pixcanary status --env"],
    ["logs tail", "bash run until", "bash until"],
  ])("%s that is not run where it belongs", (name, from, to) => {
    const gaps = gapsIn(RUNBOOK.replaceAll(from, to));
    expect(gaps).toContainEqual(
      expect.stringContaining(`no runnable block with pixcanary ${name}`),
    );
  });

  test("a return to normal without its section", () => {
    expect(gapsIn(RUNBOOK.replace("## 4. Return to normal", "## 4. Later"))).not.toEqual([]);
  });

  test.each([
    ["`pixcanary halt --env production`", "there is no command: pixcanary halt"],
    ["`pixcanary reduce --by 5`", "has no option --by"],
    [
      "`npx wrangler r2 object list logs-canary --prefix b2a/`",
      "there is no command: wrangler r2 object list",
    ],
  ])("a mention of %s", async (text, problem) => {
    expect(await unknownCommands(mentionsIn(text))).toEqual([expect.stringContaining(problem)]);
  });
});
