import { Argument, Option } from "commander";
import { expect, test } from "vitest";
import * as z from "zod";
import { globalInput } from "../../src/cli/program.ts";
import { flagsOf, percentInput } from "../../src/commands/flag.ts";
import { commands } from "../../src/commands/index.ts";

test.each([
  ["0", 0],
  ["100", 100],
  ["2.5", 2.5],
  ["5.12", 5.12],
  [" 7 % ", 7],
])("%j is the share %d", (text, share) => {
  expect(percentInput.parse(text)).toBe(share);
});

test.each(["", "abc", "-1", "101", "100.01", "5.123", "1e1", "NaN", "0x5", "5,5"])(
  "%j is none",
  (text) => {
    const { error } = percentInput.safeParse(text);
    expect(error?.issues[0]?.message).toContain("percentage from 0 to 100");
  },
);

test.each([...commands, { name: "every verb", input: globalInput }])(
  "the flags of $name go by the keys under which commander gives them",
  ({ input }) => {
    for (const [key, { form }] of flagsOf(input)) {
      const name = form.startsWith("-")
        ? new Option(form).attributeName()
        : new Argument(form).name();
      expect(name).toBe(key);
    }
    const keys = input instanceof z.ZodObject ? Object.keys(input.shape) : [];
    expect(flagsOf(input).map(([key]) => key)).toEqual(keys);
  },
);
