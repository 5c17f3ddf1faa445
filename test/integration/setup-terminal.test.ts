/** `setup` on a terminal: it asks for what it does not know, and before it makes anything. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ensureCli, NODE, PROGRAM } from "../support/cli.ts";
import { QA_URL, type Stage, stageSetup, writes } from "./setup-stage.ts";

let stage: Stage;
beforeAll(() => ensureCli());
beforeEach(async () => {
  stage = await stageSetup();
});
afterEach(() => stage.close());

/** Each answer is typed when its question is there. Returns what the terminal showed, and the exit code. */
async function converse(
  words: string,
  answers: readonly (readonly [question: string, keys: string])[],
): Promise<{ shown: string; code: number | null }> {
  const env = { ...stage.env, TERM: "xterm", CI: "" };
  const command = `stty rows 50 cols 160; exec ${NODE} ${PROGRAM} setup ${words}`;
  const child = spawn("script", ["-qfec", command, "/dev/null"], {
    cwd: stage.dir,
    env,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const left = [...answers];
  let shown = "";
  let since = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    shown += stripVTControlCharacters(chunk.toString("utf8"));
    const [next] = left;
    if (next === undefined || !shown.slice(since).includes(next[0])) return;
    since = shown.length;
    left.shift();
    child.stdin.write(next[1]);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { shown, code };
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
