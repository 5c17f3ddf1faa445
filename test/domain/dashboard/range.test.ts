/** What the dashboard's address may ask for. */
import { describe, expect, test } from "vitest";
import { LAST_RANGES, months, parseRange } from "../../../src/domain/dashboard/range.ts";

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

describe("the months whose journal is read", () => {
  test("are those of the week before the window, of its end and of now, each once", () => {
    const window = { fromS: NOW_S - 3_600, toS: NOW_S };
    expect(months(window, NOW_S * 1_000)).toEqual(["2026-11"]);
    const old = Date.parse("2026-03-02T00:00:00Z") / 1_000;
    const around = { fromS: old - 1_800, toS: old + 3_600 };
    expect(months(around, NOW_S * 1_000)).toEqual(["2026-02", "2026-03", "2026-11"]);
  });
});
