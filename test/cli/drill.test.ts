/** What `drill` refuses before it starts anything, and what a typed line comes to. */
import { describe, expect, test } from "vitest";
import { secretsIn } from "../../src/adapters/secrets.ts";
import { sandboxEnv } from "../../src/cli/tools/drill.ts";
import { meaningOf, wordsIn } from "../../src/cli/tools/keyboard.ts";
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
    ["an unknown rung", ["--rung", "dns"], "--rung must be of stop, version, route or all"],
    [
      "the route of an environment",
      ["--rung", "route", "--env", "staging", "--yes"],
      "--rung route deletes the route, and with it /qa, metrics and guardian: it is for the sandbox alone",
    ],
    [
      "all rungs of an environment",
      ["--rung", "all", "--env", "staging", "--yes"],
      "pixcanary drill --env staging --rung stop,version",
    ],
    ["rungs with faults", ["--rung", "stop", "--fault", "r2"], "--rung and --fault are two drills"],
    ["rungs with a person", ["--rung", "stop", "--interactive"], "--rung and --interactive are"],
    ["a person without a terminal", ["--interactive"], "--interactive needs a terminal"],
    ["a dry run", ["--env", "staging", "--yes", "--dry-run"], "a drill is no dry run"],
  ])("%s", async (_, words, why) => {
    const { code, stdout, stderr } = await runHere(["drill", ...words]);
    expect([code, stdout, stderr]).toEqual([2, "", expect.stringContaining(why)]);
  });
});

test("the sandbox gets none of the operator's secrets: its notifications reach no real channel", () => {
  const secret = {
    PIXCANARY_SLACK_WEBHOOK: "https://hooks.slack.com/x",
    DATABASE_URL: "postgres://",
  };
  const own = { ...secret, PIXCANARY_ENV: "production", PATH: "/bin" };
  expect(secretsIn(own)).toHaveLength(2);
  const env = sandboxEnv(own, "/tmp/sandbox.json");
  expect(secretsIn(env)).toEqual([]);
  expect(env).toMatchObject({ PATH: "/bin", PIXCANARY_ENV: "sandbox" });
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

  test.each([
    ["--config x status", "--config"],
    ["status --config=x", "--config"],
    ["setup", "setup"],
    ["--env sandbox drill", "drill"],
    ["-e x sandbox", "sandbox"],
  ])("%s would leave the sandbox", (line, outside) => {
    expect(meaningOf(wordsIn(line))).toMatchObject({ outside });
  });

  test.each([
    // What a page of the sandbox says.
    ["pixcanary not-aus --env sandbox", "not-aus"],
    ["--env sandbox not-aus", "not-aus"],
    ["restore --to 50 --reason drill", "restore"],
    ["--reason --config status", "status"],
    ["ramp pause --env sandbox", "ramp"],
    ["status --reason", ""],
    ["", ""],
  ])("%s stays in it", (line, verb) => {
    expect(meaningOf(wordsIn(line))).toEqual({ verb, outside: null });
  });
});
