/** Every exception and every outcome of an event is told, and its request fails once. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { unwrapLine } from "../../../src/domain/logs/unwrap.ts";
import {
  analysed,
  errorLine,
  type Feeding,
  type Line,
  logLine,
  ndjson,
  START_MS,
  traceEvent,
} from "../../support/log-lines.ts";

const of = (events: readonly Line[], given: Feeding = {}) => analysed(ndjson(events), given);
const messages = (event: Line): string[] =>
  of([event])
    .groups.map(({ message }) => message)
    .sort();
const failed = (event: Line): number =>
  of([event]).rates.reduce((sum, { errors }) => sum + errors, 0);
const thrown = (Name: string, Message: string, more: Line = {}): Line => ({
  ...{ Name, Message, TimestampMs: START_MS },
  ...more,
});
const logged = (text: string, Level = "error"): Line => ({
  ...{ Level, Message: [text], TimestampMs: START_MS },
});

describe("what an event tells", () => {
  it.each([
    ["an outcome", { Outcome: "exceededCpu" }, ["outcome exceededCpu"]],
    [
      "an outcome after a logged error",
      { Outcome: "exceededCpu", Logs: [logged("cache warmup skipped")] },
      ["cache warmup skipped", "outcome exceededCpu"],
    ],
    [
      "every exception, and the outcome next to them",
      {
        Outcome: "exceededMemory",
        Exceptions: [thrown("Error", "no memory"), thrown("TypeError", "boom in waitUntil")],
      },
      ["Error: no memory", "TypeError: boom in waitUntil", "outcome exceededMemory"],
    ],
    [
      "an exception after another error that the Worker logged",
      { Outcome: "exception", Exceptions: [thrown("TypeError", "other")], Logs: [logged("first")] },
      ["TypeError: other", "first"],
    ],
    ["an exception although the outcome is ok", { Exceptions: [thrown("E", "x")] }, ["E: x"]],
    ["an outcome that nobody knows", { Outcome: "somethingNew" }, ["outcome somethingNew"]],
    [
      "a failed answer that nothing else tells of",
      { Event: { Response: { Status: 503 }, Request: { Method: "GET" } } },
      [expect.stringContaining("503 GET")],
    ],
  ])("is %s", (_what, given, expected) => {
    const event = traceEvent([], given);
    expect(messages(event)).toEqual(expected);
    expect(failed(event)).toBe(1);
  });

  it("is judged by its outcome alone where Logpush was told to send no more", () => {
    for (const key of ["Outcome", "outcome"]) {
      expect(messages({ [key]: "exceededCpu", ScriptName: "pix-api" })).toEqual([
        "outcome exceededCpu",
      ]);
      expect(of([{ [key]: "ok" }])).toMatchObject({ matched: 0, unclear: 0, quiet: 1 });
    }
    const plain = { level: "INFO", message: "served", outcome: "exceededCpu" };
    expect(messages(plain)).toEqual(["outcome exceededCpu"]);
    expect(messages({ level: "INFO", outcome: "denied" })).toEqual([]);
  });

  it("is a warning, and no failed request, when the visitor left", () => {
    const event = traceEvent([], { Outcome: "canceled" });
    expect(of([event])).toMatchObject({ matched: 0, outcomes: { canceled: 1 } });
    expect(failed(event)).toBe(0);
    const warnings = of([event], { filter: { levels: new Set(["WARN"]) } });
    expect(warnings.groups).toMatchObject([{ message: "outcome canceled", count: 1 }]);
  });

  it("counts each outcome once, whatever else is told", () => {
    const text = readFileSync(new URL("outcomes.txt", import.meta.url));
    expect(analysed(text)).toMatchObject({
      lines: 5,
      matched: 7,
      outcomes: { exceededCpu: 2, exceededMemory: 2, canceled: 1 },
    });
  });

  it("keeps its cohort and route for what was thrown, so that no filter loses it", () => {
    const event = traceEvent([logLine()], { Exceptions: [thrown("TypeError", "late")] });
    const { groups } = of([event], { filter: { cohort: "native" } });
    expect(groups).toMatchObject([{ message: "TypeError: late", cohorts: { native: 1 } }]);
  });
});

describe("one error told twice", () => {
  it("is the Worker's line, with the stack of what was thrown", () => {
    const line = errorLine("boom", { context: { error: "Error", stack: null } });
    const event = traceEvent([line], {
      Outcome: "exception",
      Exceptions: [thrown("Error", "boom", { Stack: "at thrower (worker.js:9:9)" })],
    });
    const report = of([event]);
    expect(report).toMatchObject({ matched: 1, outcomes: { exception: 1 } });
    expect(report.groups[0]?.example.stack).toContain("thrower");
    expect(failed(event)).toBe(1);
  });

  it("is what was thrown when it was logged as a text", () => {
    for (const text of ["boom", "Error: boom\n    at x", "Uncaught Error: boom"]) {
      const Logs = [logged(text)];
      const event = traceEvent([], { Logs, Exceptions: [thrown("Error", "boom")] });
      expect(messages(event)).toEqual(["Error: boom"]);
    }
  });

  it("is two errors when the texts only resemble each other, or two were thrown", () => {
    const Logs = [logged("the boom was heard")];
    const Exceptions = [thrown("Error", "boom"), thrown("Error", "boom")];
    const { groups, matched } = of([traceEvent([], { Logs, Exceptions })]);
    expect(matched).toBe(3);
    expect(groups[0]).toMatchObject({ message: "Error: boom", count: 2 });
    const own = traceEvent([errorLine("boom")], { Exceptions });
    expect(of([own])).toMatchObject({ matched: 2 });
  });
});

describe("the request of an event", () => {
  it.each([
    ["success that failed after its answer", [logLine({ sample_rate: 1 })], [thrown("E", "x")], 1],
    ["failure that was logged twice", [errorLine("a"), errorLine("b")], [], 1],
    [
      "success with another line of the Worker's",
      [logLine({ sample_rate: 1 }), { level: "INFO" }],
      [],
      0,
    ],
    ["failure with everything", [errorLine("a"), { level: "ERROR" }], [thrown("E", "x")], 1],
  ])("is one: a %s", (_what, lines, Exceptions, errors) => {
    const { rates } = of([traceEvent(lines, { Exceptions })]);
    expect(rates).toEqual([
      { cohort: "native", phase: "b1a", requests: 1, errors, error_rate: errors },
    ]);
  });
});

describe("how bad a line is", () => {
  it.each([
    [{ level: "fatal" }, "FATAL"],
    [{ severity: "CRITICAL" }, "CRITICAL"],
    [{ level: 50 }, "ERROR"],
    [{ level: "err" }, "ERROR"],
    [{ status: 503 }, "ERROR"],
  ])("%j is an error", (line, level) => {
    const { matched, unclear, groups } = of([line]);
    expect({ matched, unclear }).toEqual({ matched: 1, unclear: 0 });
    expect(groups[0]?.levels).toEqual({ [level]: 1 });
  });

  it.each([
    { message: "x" },
    { level: "E" },
    { level: null, text: "ERROR" },
    { EventTimestampMs: START_MS },
  ])("%j cannot be told", (line) => {
    expect(unwrapLine(JSON.stringify(line))).toMatchObject({ unclear: 1 });
    // Learned from one line, a shape would count the others as clear.
    expect(of([line, line, line])).toMatchObject({ lines: 3, unclear: 3, matched: 0 });
  });
});
