import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { manualWay } from "../../../src/domain/config/manual.ts";
import { foldCommand } from "../../../src/domain/text/fold-command.ts";
import { shellQuote } from "../../../src/domain/text/invocation.ts";
import { modelPorts } from "../../support/fake-ports.ts";

/** The words that a shell makes of it, but for the time. */
function readByShell(command: string): string[] {
  const script = `date() { echo now; }; show() { printf '%s\\0' "$@"; }; show ${command}`;
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0");
}

const { target } = modelPorts(undefined as never);
const CARD = [
  manualWay(target, { key: "stop", active: true }),
  manualWay(target, { key: "config", percent: 12.25, emergency: false }),
].map(({ put }) => put.replace(/^\S+=\S+ /, ""));

it.each(CARD)("%s: the same to a shell, in 78 columns", (command) => {
  const folded = foldCommand(command, 78);
  expect(Math.max(...folded.split("\n").map((line) => line.length))).toBeLessThanOrEqual(78);
  expect(readByShell(folded)).toEqual(readByShell(command));
});

it("whatever the words are, a shell reads the same", () => {
  const word = fc.oneof(
    fc.stringMatching(/^[a-z-]{1,30}$/),
    fc
      .string({
        maxLength: 90,
        unit: fc.constantFrom("a", ",", " ", "'", '"', "\\", "$(date)", "{", ":"),
      })
      .map(shellQuote),
  );
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 20, max: 90 }),
      (words, columns) => {
        const command = words.join(" ");
        expect(readByShell(foldCommand(command, columns))).toEqual(readByShell(command));
      },
    ),
    { numRuns: 40 },
  );
});
