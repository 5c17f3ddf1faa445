/** What a live tail makes of trace events, also of such as nobody sends. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isWanted,
  type LineFilter,
  type TailLine,
  tailLines,
} from "../../../src/domain/logs/tail-lines.ts";

const own = (fields: object = {}) =>
  JSON.stringify({
    timestamp: "2026-05-01T00:00:00Z",
    level: "ERROR",
    rayID: "abc",
    colo: "FRA",
    cohort: "native",
    phase: "b1a",
    method: "POST",
    route: "/api/pixcapture/upload/intent",
    status: 503,
    duration_ms: 12,
    error_msg: "no intent",
    ...fields,
  });
const event = (fields: object = {}) => ({
  outcome: "ok",
  scriptName: "pix",
  eventTimestamp: 1_000,
  exceptions: [],
  logs: [],
  event: {
    request: {
      url: "https://pix.immo/api/jobs?token=secret",
      method: "GET",
      headers: { "cf-ray": "abc-FRA" },
      cf: { colo: "FRA" },
    },
    response: { status: 200 },
  },
  ...fields,
});
const OUTCOMES = [
  ["canceled", "WARN"],
  ["responseStreamDisconnected", "WARN"],
  ["exception", "ERROR"],
  ["exceededCpu", "ERROR"],
  ["exceededMemory", "ERROR"],
  ["killSwitch", "ERROR"],
  ["unknown", "ERROR"],
] as const;
const log = (message: unknown, level = "log") => ({ message, level, timestamp: 2_000 });

describe("lines", () => {
  test("of the Worker keep their fields", () => {
    expect(tailLines(event({ logs: [log([own()])] }))).toEqual([
      {
        atMs: 2_000,
        level: "ERROR",
        cohort: "native",
        phase: "b1a",
        method: "POST",
        route: "/api/pixcapture/upload/intent",
        status: 503,
        durationMs: 12,
        colo: "FRA",
        ray: "abc",
        message: "no intent",
      },
    ]);
  });

  test("of other output carry what the request says, without its query", () => {
    const lines = tailLines(event({ logs: [log(["slow", { ms: 5 }], "warn")] }));
    expect(lines).toMatchObject([
      { level: "WARN", message: 'slow {"ms":5}', route: "/api/jobs", status: 200, ray: "abc" },
    ]);
    expect(JSON.stringify(lines)).not.toContain("secret");
  });

  test("of exceptions are errors", () => {
    const exceptions = [{ name: "TypeError", message: "x is undefined", timestamp: 3 }];
    expect(tailLines(event({ outcome: "exception", exceptions }))).toMatchObject([
      { level: "ERROR", message: "TypeError: x is undefined", atMs: 3 },
    ]);
  });

  test("tell an outcome, also where the event logged something", () => {
    expect(tailLines(event())).toEqual([]);
    const logs = [log([own()]), log(["cache warmup skipped"])];
    for (const said of [[], logs]) {
      for (const [outcome, level] of OUTCOMES) {
        expect(tailLines(event({ outcome, logs: said })).at(-1)).toMatchObject({
          level,
          message: `outcome ${outcome}`,
        });
      }
    }
  });

  test("tell every exception and what was logged, each once", () => {
    const exceptions = [
      { name: "TypeError", message: "x", timestamp: 3 },
      { name: "RangeError", message: "y", timestamp: 4 },
    ];
    const logs = [log(["before"])];
    const shown = (outcome: string) =>
      tailLines(event({ outcome, exceptions, logs })).map(({ message }) => message);
    expect(shown("exception")).toEqual(["before", "TypeError: x", "RangeError: y"]);
    expect(shown("exceededCpu")).toEqual([
      ...["before", "TypeError: x", "RangeError: y", "outcome exceededCpu"],
    ]);
  });

  test("tell an answer of 5xx that nothing else tells", () => {
    const failed = { request: event().event.request, response: { status: 503 } };
    expect(tailLines(event({ event: failed }))).toMatchObject([{ level: "ERROR", status: 503 }]);
    expect(tailLines(event({ event: failed, logs: [log([own()])] }))).toHaveLength(1);
  });

  test.each([
    [{ level: "fatal", msg: "boom" }, "ERROR", "boom"],
    [{ level: 60, msg: "boom" }, "ERROR", "boom"],
    [{ severity: "CRITICAL", message: "boom" }, "ERROR", "boom"],
    [{ level: "warning", msg: "slow" }, "WARN", "slow"],
    [{ level: "debug", msg: "x" }, "INFO", "x"],
  ])("of other writers keep their level: %j", (fields, level, message) => {
    for (const part of [fields, JSON.stringify(fields)]) {
      expect(tailLines(event({ logs: [log([part])] }))).toMatchObject([{ level, message }]);
    }
  });

  test("of anything nested, however deep, are shown", () => {
    const deep: unknown = JSON.parse(`${"[".repeat(200_000)}${"]".repeat(200_000)}`);
    const lines = tailLines(event({ logs: [log(["look", deep], "error")] }));
    expect(lines).toMatchObject([{ level: "ERROR", message: expect.stringContaining("look") }]);
  });

  test("come of broken JSON as text", () => {
    const cut = `${own().slice(0, 60)}<<<Logpush: messages truncated>>>`;
    expect(tailLines(event({ logs: [log([cut])] }))).toMatchObject([{ message: cut }]);
  });

  test("of anything at all do not fail", () => {
    const odd = fc.anything({ withNullPrototype: true, withBigInt: false });
    fc.assert(
      fc.property(odd, odd, odd, (a, b, c) => {
        for (const value of [
          a,
          event({ logs: a, event: b, exceptions: c }),
          event({ logs: [log(a)] }),
        ]) {
          for (const line of tailLines(value))
            expect(["INFO", "WARN", "ERROR"]).toContain(line.level);
        }
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });
});

describe("a filter", () => {
  const [line] = tailLines(event({ logs: [log([own()])] }));
  const all: LineFilter = { level: "INFO", route: null, cohort: null, grep: null, statuses: [] };
  const wanted = (filter: Partial<LineFilter>, changed: Partial<TailLine> = {}): boolean => {
    if (line === undefined) throw new Error("no line");
    return isWanted({ ...line, ...changed }, { ...all, ...filter });
  };

  test.each<[Partial<LineFilter>, boolean]>([
    [{}, true],
    [{ level: "ERROR" }, true],
    [{ route: "upload/intent" }, true],
    [{ route: "jobs" }, false],
    [{ cohort: "native" }, true],
    [{ cohort: "proxy" }, false],
    [{ grep: "NO INTENT" }, true],
    [{ grep: "yes" }, false],
    [{ statuses: ["503"] }, true],
    [{ statuses: ["50"] }, false],
    [{ statuses: ["4xx", "5XX"] }, true],
    [{ statuses: ["4xx"] }, false],
  ])("%j: %j", (filter, expected) => {
    expect(wanted(filter)).toBe(expected);
  });

  test("on a level lets pass what is worse", () => {
    expect(wanted({ level: "WARN" }, { level: "INFO" })).toBe(false);
    expect(wanted({ level: "WARN" }, { level: "WARN" })).toBe(true);
  });

  test("lets pass nothing that does not say", () => {
    expect(wanted({ cohort: "proxy" }, { cohort: null })).toBe(false);
    expect(wanted({ statuses: ["5xx"] }, { status: null })).toBe(false);
    expect(wanted({ route: "x" }, { route: null })).toBe(false);
  });
});
