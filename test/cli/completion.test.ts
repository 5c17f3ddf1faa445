import { describe, expect, it } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";
import { candidates } from "../../src/cli/tools/candidates.ts";
import { lastWords } from "../../src/cli/tools/line-words.ts";
import { commands } from "../../src/commands/index.ts";
import { runCli } from "../support/cli.ts";
import { shellFor } from "../support/here.ts";

const program = buildProgram(commands, { ...shellFor({}), action: async () => undefined });
const offered = async (line: string, typed?: string) =>
  (await candidates(program, { line, typed }, async () => ["staging", "prod"])).map(
    (one) => one.split("\t")[0],
  );

describe("completion offers", () => {
  it.each([
    ["verbs", "pixcanary no", ["not-aus"]],
    ["a group's verbs", "pixcanary logs ", ["pull", "errors", "tail", "help"]],
    ["verbs after flags and their values", "pixcanary -y --reason 'a b' re", ["reduce", "restore"]],
    ["a verb's own flags", "pixcanary ramp start --le", ["--lease"]],
    ["flags of every verb", "pixcanary reduce --en", ["--env"]],
    ["environments", "pixcanary status --env ", ["staging", "prod"]],
    ["environments after the short flag", "pixcanary status -e p", ["prod"]],
    ["environments after =", "pixcanary status --env=s", ["--env=staging"]],
    ["choices", "pixcanary explain --cohort n", ["native"]],
    ["files for a path", "pixcanary --config ./pix", [":files"]],
    ["files for a path after =", "pixcanary --config=./pix", [":files"]],
    ["files for arguments", "pixcanary logs errors inci", [":files"]],
    ["no files for what a shell could expand", "pixcanary --config $(touch x)/", []],
    ["nothing for free text", "pixcanary --reason not", []],
    ["no flags after --", "pixcanary status -- --e", []],
    ["nothing of another command's flag", "pixcanary card --lea", []],
    ["nothing for a line that nobody types", `pixcanary ${"(".repeat(9_000)}`, []],
    ["nothing for names of objects", "pixcanary --constructor=", []],
  ])("%s", async (_what, line, words) => {
    expect((await offered(line)).toSorted()).toEqual(words.toSorted());
  });

  it("the rest of the word, where a shell replaces a part of it", async () => {
    expect(await offered("pixcanary status --env=s", "s")).toEqual(["staging"]);
    expect(await offered('pixcanary status --env "s', "s")).toEqual(["staging"]);
  });
});

describe("a line is split as a shell does it, and nothing is expanded", () => {
  it.each([
    ["pixcanary a  b ", ["a", "b"], ""],
    ["A=1 B='x y' pixcanary a", [], "a"],
    [`p "a 'b' c" 'd "e' f\\ g "h i`, ["a 'b' c", 'd "e', "f g"], "h i"],
    ['p "$(a "b c")" x', ["$(a b c)"], "x"],
    ["p $(a (b) c) `d e` <(f g) x", ["$(a (b) c)", "`d e`", "<(f g)"], "x"],
    ["p 'a\nb' \\\n c", ["a\nb", ""], "c"],
    ["p $(a b", [], "$(a b"],
    ["p a\\", [], "a\\"],
  ])("%j", (line, before, current) => {
    expect(lastWords(line)).toMatchObject({ before, current });
  });
});

describe("pixcanary completion", () => {
  it("does not show what only its scripts call", async () => {
    const { stdout } = await runCli(["--help"]);
    expect(stdout).toMatch(/^ {2}completion /m);
    expect(stdout).not.toMatch(/^ {2}complete /m);
  });
});
