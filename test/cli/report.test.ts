/** What a run leaves on stdout and stderr, for scripts and for people. */
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { createConsole } from "../../src/cli/console.ts";
import { createProgress } from "../../src/cli/progress.ts";
import { reportJson, reportText } from "../../src/cli/report.ts";

test("nothing that a command tells takes the place of the envelope", () => {
  const data = { schema: 9, command: "pixcanary not-aus", env: "x", outcome: "y", exit_code: 0 };
  const { out } = reportJson("assess", "production", {
    kind: "unhealthy",
    reason: "5xx",
    next: "",
    data: { ...data, verdict: "fail" },
  });
  expect(JSON.parse(out)).toEqual({
    schema: 1,
    command: "assess",
    env: "production",
    outcome: "unhealthy",
    exit_code: 20,
    reason: "5xx",
    next: "",
    verdict: "fail",
  });
});

describe("--quiet", () => {
  const quiet = { quiet: true };
  const verb = (text: string) => ({ name: "status", run: null, render: () => text });
  const done = { kind: "done", changed: false, data: {}, next: "pixcanary watch" } as const;

  test("an answer is its verdict line", () => {
    expect(reportText(verb("✖ failing: 5 %\n  share     10 %"), done, quiet).out).toBe(
      "✖ failing: 5 %",
    );
    // In full, where the text breaks it to fit a terminal.
    const headline = "✖ failing: 5 %, over 3 % in each of 3 min";
    expect(reportText(verb("✖ failing: 5 %,\n  over"), { ...done, headline }, quiet).out).toBe(
      headline,
    );
    expect(reportText(verb("  10:31Z  reduce"), done, quiet).out).toBe("✔ status: done");
    expect(reportText(verb(""), done, quiet).out).toBe("✔ status: done");
  });

  test("what failed is said in full: the reason, what is true now, the next command", () => {
    const failed = {
      kind: "failed",
      code: "conflict",
      message: "config was changed",
      truth: "theirs is in force",
      next: "pixcanary status",
    } as const;
    const { out, err, exitCode } = reportText(verb(""), failed, quiet);
    expect({ out, exitCode }).toEqual({ out: "", exitCode: 25 });
    expect(err).toBe(reportText(verb(""), failed).err);
    expect(err.split("\n")).toHaveLength(3);
  });

  test("progress is silent, and warnings are not", () => {
    const said: string[] = [];
    const shown: string[] = [];
    const progress = createProgress(
      (text) => said.push(text),
      (text) => shown.push(text),
      true,
    );
    progress.note("asking");
    progress.update("1 of 3");
    progress.stage({ kind: "written", what: "stop", elapsedMs: 1 });
    progress.warn("the journal could not be written");
    expect({ said, shown }).toEqual({ said: ["! the journal could not be written"], shown: [] });
  });
});

test("no line that is piped ends in blanks, and none that is left of another loses its own", async () => {
  const stdout = new PassThrough();
  const console = createConsole({ color: false, env: {} }, { stdout, stderr: new PassThrough() });
  console.out("  share   \nnative  10  \n  a b");
  expect(String(stdout.read())).toBe("  share\nnative  10\n  a b\n");
});
