/** `drill --interactive` on a terminal: a page, typed commands, a score; Ctrl-C ends it cleanly. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ensureCli, NODE, PLAIN_ENV, PROGRAM } from "../support/cli.ts";
import { type Answer, converse } from "../support/pty.ts";
import { ensureBundle } from "../worker/bundle.ts";

let folder: string;
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcanary-drill-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function drill(words: string, answers: readonly Answer[]) {
  const env = {
    ...PLAIN_ENV,
    LANG: "C.UTF-8",
    HOME: folder,
    CLOUDFLARE_API_TOKEN: "OPERATORS-OWN",
  };
  const command = `${NODE} ${PROGRAM} drill --interactive ${words}`;
  return converse(command, answers, { cwd: folder, env });
}

test("a page, a stop, a look, a restore with its question: scored, and a report", async () => {
  const { shown, code } = await drill("--fault errors", [
    // As the page says, and a reason.
    ["drill> ", "pixcanary not-aus --env sandbox --reason 'drill: it is 5xx'\r"],
    ["fixed: go back to normal", ""],
    ["drill> ", "watch\r"],
    // Ctrl-C ends the command and not the drill.
    ["Ctrl-C to stop", "\u0003"],
    ["drill> ", "restore --to 50 --reason fixed\r"],
    ["continue?", "y"],
  ]);
  expect(shown).toContain("next: pixcanary not-aus --env sandbox");
  expect(shown).toMatch(/✔ verified what was live +watch/);
  expect(shown).toMatch(/✔ native serves again/);
  expect(shown).toMatch(/✔ no wrong or refused command/);
  // 20 where this machine is slower than a target.
  expect([0, 20]).toContain(code);
  expect(await readdir(join(folder, "docs/DRILLS"))).toHaveLength(2);
});

test("Ctrl-C at the prompt ends it with 130 and what is true; no report is written", async () => {
  const { shown, code } = await drill("", [["drill> ", "\u0003"]]);
  expect([code, shown]).toEqual([130, expect.stringContaining("the sandbox is gone")]);
  expect(await readdir(folder)).not.toContain("docs");
});
