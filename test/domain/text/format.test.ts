import { describe, expect, it } from "vitest";
import {
  clockTime,
  counted,
  countText,
  isoSeconds,
  percentText,
  roughDuration,
} from "../../../src/domain/text/format.ts";

describe("as people read it", () => {
  it("a count has separators, and the noun its number", () => {
    expect([0, 1, 2, 1_324].map((n) => counted(n, "file"))).toEqual([
      "0 files",
      "1 file",
      "2 files",
      "1,324 files",
    ]);
    expect(counted(1, "request carries", "requests carry")).toBe("1 request carries");
    expect(counted(0.98, "request")).toBe("1 request");
    expect([countText(1_234_567.4), countText(19.64, 1)]).toEqual(["1,234,567", "19.6"]);
  });

  it("a percentage has the digits that say something", () => {
    expect([0, 0.254, 9.999, 12.34, 100].map(percentText)).toEqual([
      "0 %",
      "0.25 %",
      "10 %",
      "12.3 %",
      "100 %",
    ]);
  });

  it("a duration is rounded up, to what it takes to plan by it", () => {
    expect([-1, 0.2, 119, 120, 7_199, 7_200, 9_100, 86_400].map(roughDuration)).toEqual([
      ...["0 s", "1 s", "119 s", "2 min", "120 min", "2 h", "2.5 h", "24 h"],
    ]);
  });

  it("a time is to the second, and what is none stays", () => {
    const ms = Date.UTC(2026, 4, 1, 0, 49, 0, 987);
    expect([isoSeconds(ms), isoSeconds("2026-05-01T02:49:00.987+02:00"), clockTime(ms)]).toEqual([
      "2026-05-01T00:49:00Z",
      "2026-05-01T00:49:00Z",
      "00:49:00Z",
    ]);
    for (const none of ["an unknown time", "1", "yesterday 12:00", "2026-05-01T99:00:00Z"]) {
      expect(isoSeconds(none)).toBe(none);
    }
    expect(isoSeconds(Number.NaN)).toBe("NaN");
  });
});
