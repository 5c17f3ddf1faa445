/** The same moment, in every way that logs write it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventTimeOf } from "../../../src/domain/logs/event-time.ts";
import { analysed, errorLine, ndjson } from "../../support/log-lines.ts";

const AT = Date.UTC(2025, 10, 28, 8, 0, 1);

describe("a time", () => {
  it.each([
    1764316801,
    1764316801000,
    1764316801000000,
    1764316801000000000,
    "1764316801",
    "1764316801000",
    "1764316801.000",
    "1764316801000000000",
    "2025-11-28T08:00:01Z",
    "2025-11-28T08:00:01.000000000Z",
    "2025-11-28T08:00:01",
    "2025-11-28 08:00:01",
    "2025-11-28 08:00:01,000",
    "2025/11/28 08:00:01",
    "2025-11-28 08:00:01 UTC",
    "2025-11-28T09:00:01+01:00",
    "2025-11-28T03:00:01-0500",
    "2025-11-28 09:00:01+01",
    "Fri, 28 Nov 2025 08:00:01 GMT",
    "28 Nov 2025 08:00:01",
  ])("%j is 08:00:01 on that day", (value) => {
    expect(eventTimeOf(value)).toBe(AT);
  });

  it("keeps milliseconds, and drops what is finer", () => {
    for (const text of ["2025-11-28T08:00:01.123456789Z", "2025-11-28 08:00:01.123456789"]) {
      expect(eventTimeOf(text)).toBe(AT + 123);
    }
    expect(eventTimeOf(1764316801.5)).toBe(AT + 500);
  });

  it.each([0, 5, -1, 12.5, NaN, Infinity, 1e300, "", "x", "hello 1", "2025", "20251128"])(
    "%j is none",
    (value) => {
      expect(eventTimeOf(value)).toBeNull();
    },
  );
  it.each([
    "2025-13-01",
    "2025-02-30",
    "2025-11-28 25:00:00",
    "0001-01-01T00:00:00Z",
    null,
    {},
    [],
  ])("%j is none, either", (value) => {
    expect(eventTimeOf(value)).toBeNull();
  });

  it("is the same in every unit, by number and as text", () => {
    const ms = fc.integer({ min: Date.UTC(2001, 0, 1), max: Date.UTC(2099, 0, 1) });
    fc.assert(
      fc.property(
        ms.map((one) => one - (one % 1_000)),
        (at) => {
          const units = [at / 1_000, at, at * 1_000, at * 1_000_000];
          const texts = [new Date(at).toISOString(), new Date(at).toISOString().slice(0, 19)];
          for (const value of [...units, ...units.map(String), ...texts]) {
            expect(Math.abs((eventTimeOf(value) ?? 0) - at)).toBeLessThan(2);
          }
        },
      ),
    );
  });
});

describe("a window", () => {
  const window = { sinceMs: AT - 60_000, untilMs: AT + 60_000 };
  const units = [1764316801, "1764316801000000000", "2025-11-28 08:00:01"];

  it("holds what is of its time, however that is written", () => {
    const lines = units.map((timestamp) => errorLine("boom", { timestamp }));
    const others = [1764310000, "2025-11-28 09:00:01"].map((timestamp) =>
      errorLine("boom", { timestamp }),
    );
    expect(analysed(ndjson([...lines, ...others]), { filter: window })).toMatchObject({
      lines: 5,
      matched: 3,
      without_time: 0,
    });
    for (const key of ["time", "ts"]) {
      const line = { level: "ERROR", [key]: 1764310000 };
      expect(analysed(ndjson([line]), { filter: window }).matched).toBe(0);
    }
  });

  it("loses nothing that has no readable time, and counts that", () => {
    const lines = ["yesterday", null, 5].map((timestamp) => errorLine("boom", { timestamp }));
    expect(analysed(ndjson(lines), { filter: window })).toMatchObject({
      matched: 3,
      without_time: 3,
    });
  });

  it("counts what does not say the cohort that is asked for, next to what does", () => {
    const lines = [errorLine("a"), errorLine("b", { cohort: null })];
    expect(analysed(ndjson(lines), { filter: { cohort: "native" } })).toMatchObject({
      matched: 1,
      undecided: 1,
    });
  });
});
