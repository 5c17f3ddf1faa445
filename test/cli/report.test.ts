/** The document of a run: what every script reads is the same for every command. */
import { expect, test } from "vitest";
import { reportJson } from "../../src/cli/report.ts";

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
