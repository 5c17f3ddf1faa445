/** Whoever types another word for a verb at 3 am is told the verb. */
import { expect, it } from "vitest";
import { runHere } from "../support/here.ts";

it.each([
  ["stop", "pixcanary not-aus"],
  ["Rollback", "pixcanary not-aus"],
  ["emergency --env production", "pixcanary not-aus --env production"],
  ["--env production kill", "pixcanary not-aus --env production"],
  ["pause", "pixcanary ramp pause"],
  ["errors", "pixcanary logs errors"],
])("%s: nothing runs, and the way is shown", async (words, way) => {
  const { code, stdout, stderr } = await runHere(words.split(" "));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr.split("\n")).toContain(`→ try: ${way}`);
});

it("a verb that exists is never taken for another, whatever stands around it", async () => {
  const { stderr } = await runHere(["verify", "stop", "--env", "production"]);
  expect(stderr).not.toContain("not-aus");
});
