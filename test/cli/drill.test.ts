/** What `drill` refuses before it starts anything, and what a typed line comes to. */
import { describe, expect, test } from "vitest";
import { leavesSandbox, wordsIn } from "../../src/cli/tools/keyboard.ts";
import { runHere } from "../support/here.ts";

describe("refused before anything is started", () => {
  test.each([
    ["an unknown fault", ["--fault", "erors"], "--fault must be of errors, latency, r2"],
    ["no fault", ["--fault", ""], "--fault must be of"],
    [
      "a fault in an environment",
      ["--fault", "r2", "--env", "staging", "--yes"],
      "for the sandbox alone",
    ],
    [
      "a person in an environment",
      ["--interactive", "--env", "staging", "--yes"],
      "for the sandbox alone",
    ],
    ["a person without a terminal", ["--interactive"], "--interactive needs a terminal"],
    ["a dry run", ["--env", "staging", "--yes", "--dry-run"], "a drill is no dry run"],
  ])("%s", async (_, words, why) => {
    const { code, stdout, stderr } = await runHere(["drill", ...words]);
    expect([code, stdout, stderr]).toEqual([2, "", expect.stringContaining(why)]);
  });
});

describe("a typed line", () => {
  test.each([
    ["status", ["status"]],
    ["  pixcanary   not-aus ", ["not-aus"]],
    ["pixcanary", []],
    [
      `not-aus --reason "5xx; rm -rf $HOME" --incident 'a b'`,
      ["not-aus", "--reason", "5xx; rm -rf $HOME", "--incident", "a b"],
    ],
    ["assess | head", ["assess", "|", "head"]],
  ])("%s is split into words, and no shell sees it", (line, words) => {
    expect(wordsIn(line)).toEqual(words);
  });

  test.each(["--config x status", "status --config=x", "setup", "drill", "sandbox"])(
    "%s would leave the sandbox",
    (line) => {
      expect(leavesSandbox(wordsIn(line))).toBeDefined();
    },
  );

  test("anything else stays in it", () => {
    expect(leavesSandbox(wordsIn("restore --to 50 --reason fixed"))).toBeUndefined();
  });
});
