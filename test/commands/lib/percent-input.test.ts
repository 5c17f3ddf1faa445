import { expect, test } from "vitest";
import { percentInput } from "../../../src/commands/lib/percent-input.ts";

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
