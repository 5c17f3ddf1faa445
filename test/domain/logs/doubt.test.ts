/** "No errors" is only said where errors would have been seen. */
import { describe, expect, it } from "vitest";
import { doubtsOf } from "../../../src/domain/logs/doubt.ts";

const SOUND = {
  ...{ lines: 1_000, broken: 0, unclear: 0, quiet: 0, records: 1_000, matched: 0, undecided: 0 },
};
const READ = { files: 1, partial: false };

describe("what was read tells", () => {
  it.each([
    ["sound lines", {}],
    ["a trifle that was not understood", { broken: 5, unclear: 5 }],
    ["events that logged nothing", { records: 0, quiet: 1_000 }],
  ])("all there is: %s", (_what, given) => {
    expect(doubtsOf({ ...SOUND, ...given }, READ)).toEqual([]);
  });

  it.each([
    ["no line", { lines: 0, records: 0 }, "no log lines"],
    ["one broken line of one", { lines: 1, broken: 1, records: 0 }, "1 of 1 line could"],
    ["more than a trifle", { broken: 6, unclear: 5 }, "11 of 1,000 lines"],
    ["more than a trifle, next to errors", { broken: 11, matched: 4 }, "11 of 1,000 lines"],
    ["none of the time asked for", { records: 0 }, "1,000 lines read, but none is of the time"],
    ["errors of no known cohort", { undecided: 2 }, "2 errors do not say"],
    ["an error of no known cohort", { undecided: 1 }, "1 error does not say"],
  ])("too little: %s", (_what, given, words) => {
    expect(doubtsOf({ ...SOUND, ...given }, READ)).toEqual([expect.stringContaining(words)]);
  });

  it("too little when a file was not read to its end", () => {
    expect(doubtsOf(SOUND, { files: 2, partial: true })).toHaveLength(1);
  });
});
