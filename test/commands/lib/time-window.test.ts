/** What `--since` and `--until` take. */
import { describe, expect, test } from "vitest";
import { parseTimePoint, windowOf } from "../../../src/commands/lib/time-window.ts";

const ms = (text: string): number => Date.parse(text);

describe("times of flags", () => {
  test.each([
    ["90m", { agoMs: 5_400_000 }],
    ["1d", { agoMs: 86_400_000 }],
    ["30s", { agoMs: 30_000 }],
    ["2026-05-01T00:49:01Z", { atMs: ms("2026-05-01T00:49:01Z") }],
    ["2026-05-01T02:49:01+02:00", { atMs: ms("2026-05-01T00:49:01Z") }],
    ["2026-05-01", { atMs: ms("2026-05-01T00:00:00Z") }],
  ])("%s", (text, point) => {
    expect(parseTimePoint(text)).toEqual(point);
  });

  // Without a zone it is anybody's time.
  test.each([
    "",
    "90",
    "m",
    "-5m",
    "1w",
    "yesterday",
    "2026-05-01T00:49:01",
    "2026-13-01",
    "2026-02-30T00:00:00Z x",
  ])("not %j", (text) => {
    expect(parseTimePoint(text)).toBeNull();
  });

  test("make a window of the last hour, or none", () => {
    expect(windowOf({}, 7_200_000)).toEqual({ sinceMs: 3_600_000, untilMs: 7_200_000 });
    expect(windowOf({ until: { atMs: 3_600_000 } }, 9e9)).toEqual({
      sinceMs: 0,
      untilMs: 3_600_000,
    });
    expect(windowOf({ since: { agoMs: 5 }, until: { agoMs: 5 } }, 100)).toBeNull();
  });
});
