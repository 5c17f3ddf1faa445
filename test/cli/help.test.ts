import { expect, test } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { widthOf } from "../../src/domain/text/width.ts";
import { runHere, shellFor } from "../support/here.ts";

const program = buildProgram(VERBS.commands, { ...shellFor({}), action: async () => undefined });
await VERBS.addTools?.(program, shellFor({ argv: ["sandbox"] }), () => undefined);
const names = program.commands.flatMap((one) => [
  one.name(),
  ...one.commands.map((inner) => `${one.name()} ${inner.name()}`),
]);

test.each(["", ...names])(
  "no line of the help of “pixcanary %s” is wider than 80",
  async (name) => {
    const { code, stdout } = await runHere([...name.split(" ").filter(Boolean), "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: pixcanary${name && ` ${name}`}`);
    expect(stdout.split("\n").filter((line) => widthOf(line) > 80)).toEqual([]);
  },
);
