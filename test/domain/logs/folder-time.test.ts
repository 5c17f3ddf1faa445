/** What folders of the logs bucket say of their time. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { folderTime, overlaps, pathTime } from "../../../src/domain/logs/folder-time.ts";

const at = (text: string): number => Date.parse(text);
const DAY = ["2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"] as const;
const HOUR = ["2026-05-01T13:00:00Z", "2026-05-01T14:00:00Z"] as const;

describe("the time of a folder", () => {
  test.each<[string, string, string]>([
    ["20260501", ...DAY],
    ["2026-05-01", ...DAY],
    ["2026_05_01", ...DAY],
    ["date=2026-05-01", ...DAY],
    ["date=20260501", ...DAY],
    ["dt=2026-05-01", ...DAY],
    ["2026/05/01", ...DAY],
    ["2026/5/1", ...DAY],
    ["year=2026/month=05/day=01", ...DAY],
    ["2026-05/01", ...DAY],
    ["20260501/13", ...HOUR],
    ["2026/05/01/13", ...HOUR],
    ["dt=2026-05-01/hour=13", ...HOUR],
    ["date=2026-05-01/hour=13/part=7", ...HOUR],
    ["2026-05-01T13", ...HOUR],
    ["2026-05-01-13", ...HOUR],
    ["2026050113", ...HOUR],
    ["2026-05-01T13:30:00Z", ...HOUR],
    ["prod/http/20260501/13", ...HOUR],
    ["2026/12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["year=2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["20260228", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"],
  ])("%s", (path, from, to) => {
    expect(pathTime(path)).toMatchObject({ fromMs: at(from), toMs: at(to) });
  });

  test.each([
    "",
    "b2a",
    "{DATE}",
    "05",
    "20260230",
    "2026-13-01",
    "1999",
    "2100",
    "20260501x",
    "v2026",
  ])("is none: %j", (name) => {
    expect(folderTime(name, null)).toBeNull();
  });

  test("is that of the folder above where its own name says none", () => {
    expect(pathTime("20260501/part-3")).toEqual(pathTime("20260501"));
  });

  test("overlaps a window that it shares a moment with", () => {
    const day = pathTime("20260501");
    if (day === null) throw new Error("no time");
    const [from, to] = [day.fromMs, day.toMs];
    expect(overlaps(day, { sinceMs: to, untilMs: to + 1 })).toBe(false);
    expect(overlaps(day, { sinceMs: to - 1, untilMs: to + 1 })).toBe(true);
    expect(overlaps(day, { sinceMs: from - 1, untilMs: from })).toBe(false);
    expect(overlaps(day, { sinceMs: from - 1, untilMs: from + 1 })).toBe(true);
  });

  test("of any name and above any other never fails, and is never empty", () => {
    const name = fc.oneof(fc.string(), fc.stringMatching(/^[0-9T_.:=-]{0,40}$/));
    fc.assert(
      fc.property(name, name, (above, below) => {
        const time = folderTime(below, folderTime(above, null));
        expect(time === null || time.toMs > time.fromMs).toBe(true);
      }),
    );
  });
});
