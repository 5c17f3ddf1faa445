/** `setup` on a terminal: it asks for what it does not know, and before it makes anything. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ensureCli, NODE, PROGRAM } from "../support/cli.ts";
import { type Answer, converse as converseWith } from "../support/pty.ts";
import { QA_URL, type Stage, stageSetup, writes } from "./setup-stage.ts";

let stage: Stage;
beforeAll(() => ensureCli());
beforeEach(async () => {
  stage = await stageSetup();
});
afterEach(() => stage.close());

/** Returns what the terminal showed, and the exit code. */
function converse(words: string, answers: readonly Answer[]) {
  const { env, dir: cwd } = stage;
  return converseWith(`${NODE} ${PROGRAM} setup ${words}`, answers, { cwd, env });
}

test("it asks for the environment and /qa, shows the plan, and makes it after a yes", async () => {
  const { shown, code } = await converse("", [
    ["name of the environment", "\r"],
    ["address of /qa", `${QA_URL}\r`],
    ["continue?", "y"],
  ]);
  expect([code, shown]).toEqual([0, expect.stringContaining("none → pix-sandbox-canary-config")]);
  const file = JSON.parse(await readFile(join(stage.dir, "pixcanary.json"), "utf8"));
  expect(file.environments.production.qaUrls).toEqual([QA_URL]);
});

test("a wrong answer is refused where it is typed", async () => {
  const { shown, code } = await converse("--env production", [
    ["address of /qa", "http://api.pix.immo/qa\r"],
    ["must be an https:// URL", "\u0003"],
  ]);
  // Ctrl-C at a question ends it like everywhere else.
  expect([code, shown]).toEqual([130, expect.stringContaining("interrupted: nothing was made")]);
});

test("after a no nothing is made", async () => {
  const { shown, code } = await converse(`--env production --qa-url ${QA_URL}`, [
    ["continue?", "n"],
  ]);
  expect([code, shown]).toEqual([22, expect.stringContaining("declined, nothing was written")]);
  expect(writes(stage)).toEqual([]);
});
