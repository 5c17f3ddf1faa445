/** What the dashboard's address may ask for. */
import { describe, expect, test } from "vitest";
import {
  LAST_RANGES,
  parseRange,
  pastOfNow,
  pastOfRange,
} from "../../../src/domain/dashboard/range.ts";

const NOW_S = Date.parse("2026-11-29T14:30:20Z") / 1_000;
const iso = (s: number | undefined): string => new Date((s ?? 0) * 1_000).toISOString();

test.each(LAST_RANGES)("%s: whole buckets, the last one is that of now", (name) => {
  const range = parseRange(name, NOW_S);
  const { window, bucketS } = range ?? { window: { fromS: 0, toS: 0 }, bucketS: 1 };
  expect(window.toS).toBeGreaterThan(NOW_S);
  expect(window.toS - NOW_S).toBeLessThanOrEqual(bucketS);
  expect([window.toS % bucketS, window.fromS % bucketS]).toEqual([0, 0]);
  expect((window.toS - window.fromS) / bucketS).toBeLessThanOrEqual(200);
});

test("around a moment: from half an hour before to an hour after, and not beyond now", () => {
  const past = parseRange("around:2026-11-20T10:00:30.123Z", NOW_S);
  expect([iso(past?.window.fromS), iso(past?.window.toS)]).toEqual([
    "2026-11-20T09:30:00.000Z",
    "2026-11-20T11:00:00.000Z",
  ]);
  const recent = parseRange("around:2026-11-29T14:30:00Z", NOW_S);
  expect(iso(recent?.window.toS)).toBe("2026-11-29T14:31:00.000Z");
});

test("nothing at all is an hour", () => {
  expect(parseRange(null, NOW_S)?.key).toBe("1h");
});

test.each([
  "",
  "2h",
  "1H",
  "around:",
  "around:yesterday",
  "around:2026-11-29",
  "around:2026-13-45T99:00:00Z",
  "around:2026-11-29T14:30:00+01:00",
  "around:2027-11-29T14:30:00Z",
  "around:1970-01-01T00:00:01Z",
  "around:2026-11-29T14:30:00Z'",
  `around:${"9".repeat(5_000)}`,
])("%j is no range", (text) => {
  expect(parseRange(text, NOW_S)).toBeNull();
});

describe("what is read of the journal", () => {
  test("every range that ends now has the past of now: of two weeks, and of clocks that are ahead", () => {
    for (const name of LAST_RANGES) {
      const range = parseRange(name, NOW_S);
      expect(range && pastOfRange(range, NOW_S)).toBeNull();
    }
    const past = pastOfNow(NOW_S);
    expect(past.months).toEqual(["2026-11"]);
    expect(past.toS).toBeGreaterThan(NOW_S);
    expect(pastOfNow(Date.parse("2027-01-01T00:00:00Z") / 1_000).months).toEqual([
      "2026-12",
      "2027-01",
    ]);
  });

  test("a range around a moment has one of its own, to its end", () => {
    const range = parseRange("around:2026-03-01T00:10:00Z", NOW_S);
    expect(range && pastOfRange(range, NOW_S)).toEqual({
      key: "around:2026-03-01T00:10:00Z",
      months: ["2026-02", "2026-03"],
      toS: range?.window.toS,
    });
  });
});
