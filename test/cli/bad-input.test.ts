/** What a person may type wrong: each is refused with what is wrong and what to type, and is no bug. */
import { describe, expect, test } from "vitest";
import type * as z from "zod";
import { UsageError } from "../../src/cli/errors.ts";
import { parseOwn } from "../../src/cli/run.ts";
import { input as sandboxInput } from "../../src/cli/tools/sandbox.ts";
import { flagsOf } from "../../src/commands/flag.ts";
import { commands } from "../../src/commands/index.ts";
import { planOf } from "../../src/commands/ramp/plan-input.ts";
import { runHere } from "../support/here.ts";

const TYPED = ["", " ", "nosuch", "-1", "1x", "1e999", "9".repeat(20), "%", "(", "0", "1s,1s"];
const tools: { name: string; input: z.ZodType }[] = [{ name: "sandbox", input: sandboxInput }];

describe("whatever is typed for an option", () => {
  test.each([...commands, ...tools])("$name takes it, or says what it must be", (def) => {
    for (const [key, { form }] of flagsOf(def.input)) {
      if (!/[<[]/.test(form)) continue;
      for (const typed of [...TYPED, "x".repeat(5_000)]) {
        const others = { plan: "5", title: ["x"], text: ["x"] };
        const own = { ...others, [key]: form.includes("...") ? [typed] : typed };
        expect(refusal(def, own), `${def.name} ${form}: ${typed.slice(0, 20)}`).toMatch(
          /^(?:taken|(?:--[a-z-]+|paths|title|text|kind) must (?:be|have) .+)$/,
        );
      }
    }
  });

  test("is not left out: a plan", () => {
    const start = commands.find(({ name }) => name === "ramp start");
    expect(start && refusal(start, {})).toMatch(/^--plan is missing, e\.g\. --plan 5:2h,/);
  });
});

function refusal(def: { name: string; input: z.ZodType }, own: Record<string, unknown>): string {
  try {
    parseOwn(def, own);
    return "taken";
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

describe("an option with a fixed list of values names the list", () => {
  test.each([
    ["logs errors --level NOSUCH x", "--level must be one or more of TRACE, DEBUG"],
    ["logs errors --level ERROR,oops x", "--level must be one or more of TRACE, DEBUG"],
    ["logs errors --cohort nativ x", "--cohort must be native or proxy"],
    ["logs tail --level debug", "--level must be INFO, WARN or ERROR"],
    ["logs tail --cohort x", "--cohort must be native or proxy"],
    ["explain --cohort x", "--cohort must be native or proxy"],
    ["verify --smoke --cohort proxy", "--cohort must be native"],
    ["validate --cohort proxy", "--cohort must be native"],
    ["sandbox --guardian on", "--guardian must be off, observe or enforce"],
    ["ramp start --plan 5 --min-requests=", "--min-requests must be a number of requests from 0"],
  ])("%s", async (words, message) => {
    const { code, stderr } = await runHere(words.split(" "));
    const [verb] = words.split(" --");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`✖ ${message}`) });
    expect(stderr).toContain(`→ try: pixcanary ${verb} --help`);
  });
});

test.each([
  ["incident note", "incident note", "missing required argument"],
  ["--env x incident note", "incident note", "missing required argument"],
  ["restore --nope", "restore", "unknown option"],
])("what is missing in %s is on the page of its verb", async (words, verb, message) => {
  const { code, stderr } = await runHere(words.split(" "));
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  expect(stderr).toContain(`→ try: pixcanary ${verb} --help`);
});

test("a word that is no verb is on the page of all of them", async () => {
  expect((await runHere(["nonsense"])).stderr).toContain("→ try: pixcanary --help");
});

describe("pixcanary sandbox", () => {
  test.each([
    ["--locations=FRA,FRA", "--locations must be 1 to 12 different three-letter codes"],
    ["--lag=3-1", "--lag must be seconds from 0 to 60"],
    ["--percent=101", "--percent must be a percentage from 0 to 100"],
    ["--cron=", "--cron must be a number of seconds from 1 to 3600"],
    ["--database-url=nosuch", "--database-url must be like postgres://"],
    ["--database-url=http://127.0.0.1/x", "--database-url must be like postgres://"],
    ["--database-url=postgres:///x", "--database-url must be like postgres://"],
  ])("refuses %s", async (words, message) => {
    const { code, stderr } = await runHere(["sandbox", words]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`✖ ${message}`) });
    expect(stderr).toContain("→ try: pixcanary sandbox --help");
  });

  test("says that a database does not answer, and keeps its password", async () => {
    const url = "postgres://me:hunter2@127.0.0.1:1/x";
    const { code, stdout, stderr } = await runHere(["sandbox", "--database-url", url]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(
        /✖ the database at 127\.0\.0\.1:1 .*ECONNREFUSED[\s\S]*→ try: /,
      ),
    });
    expect(stdout + stderr).not.toMatch(/hunter2|this is a bug|\n {4}at /);
  });
});

describe("pixcanary completion", () => {
  test.each([
    [[], "completion needs the name of your shell: bash, zsh, fish"],
    [["tcsh"], "completion has no script for tcsh: bash, zsh, fish"],
  ])("%j names what to type for each shell", async (words, message) => {
    const { code, stderr } = await runHere(["completion", ...words]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`✖ ${message}`) });
    for (const shell of ["bash", "zsh", "fish"]) expect(stderr).toContain(`completion ${shell}`);
  });
});

test("a plan that is none is answered with a sentence", () => {
  const answer = (text: string) => planOf(text, { ramps: {} });
  expect(answer("1x")).toMatch(/^--plan: "1x" is not a step: write steps of <percent>:<time>/);
  expect(answer("nosuch")).toMatch(/^--plan: there is no "nosuch" under "ramps".*; or write steps/);
  expect(answer("5,10")).toBe("--plan: step 5 % needs a hold time, e.g. 5:2h");
});
