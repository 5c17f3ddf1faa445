/** What the README promises a newcomer is what the program and the CI do. */
import { access, readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConfigFile } from "../../src/adapters/config-file.ts";
import { EXIT_CODES } from "../../src/cli/exit.ts";
import { blocksOf } from "./blocks.ts";
import { unknownCommands } from "./check.ts";
import { mentionsIn } from "./commands.ts";
import type { Shell } from "./stage.ts";
import { openShell } from "./stage.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, ROOT), "utf8");
const README = await read("README.md");
const COMMANDS = ["npm install && npm run drill", "npm install && npm test"];

let shell: Shell;
beforeAll(async () => {
  shell = await openShell();
});
afterAll(() => shell.close());

/** The cells of each row under a heading, without the head of the table. */
function table(heading: string): string[][] {
  const section = README.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test("the two commands stand alone in a fence each, and .ci/run runs them literally", async () => {
  const fences = blocksOf(README).map((block) => block.text);
  const ci = await read(".ci/run");
  for (const command of COMMANDS) {
    expect(fences).toContain(command);
    expect(ci.split("\n").some((line) => line.startsWith(`bash -c '${command}'`))).toBe(true);
  }
});

test("the exit codes are those of the program", () => {
  expect(table("Exit codes")).toEqual(EXIT_CODES.map(([code, meaning]) => [`${code}`, meaning]));
});

test("the command table lists every command of the program, in its order", async () => {
  const { output } = await shell.type("pixcanary --help");
  const listed = output.split("\nCommands:\n")[1]?.split("\n\n")[0] ?? "";
  const names = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map((match) => match[1]);
  const shown = table("Commands").map(
    ([command]) => /pixcanary ([a-z-]+)/.exec(command ?? "")?.[1],
  );
  // A group has a row for each of its verbs.
  expect([...new Set(shown), "help"]).toEqual(names);
});

test.each([
  "README.md",
  "CONTRIBUTING.md",
  "docs/state-and-proof.md",
  "docs/architecture.md",
  "docs/first-runbook.md",
])("%s names no command and no option that does not exist, and no file", async (name) => {
  const text = await read(name);
  expect(await unknownCommands(mentionsIn(text))).toEqual([]);
  const scripts = Object.keys(JSON.parse(await read("package.json")).scripts);
  for (const [, script] of text.matchAll(/npm run ([a-z:]+)/g)) expect(scripts).toContain(script);
  for (const [, path = ""] of text.matchAll(/\]\(([^)#:]+)[^)]*\)/g)) {
    await access(new URL(path, new URL(name, ROOT)));
  }
});

test("the example of pixcanary.json is a valid configuration", async () => {
  const [example] = blocksOf(README).filter((block) => block.flags.has("pixcanary.json"));
  const { environments } = await parseConfigFile(example?.text ?? "", "README.md");
  expect(Object.keys(environments)).toEqual(["production"]);
});
