/** From a line of a file to log records: every shape that Logpush and the runbook are known to have. */
import { describe, expect, it } from "vitest";
import { TRUNCATION_MARK } from "../../../src/domain/logs/salvage.ts";
import { unwrapLine } from "../../../src/domain/logs/unwrap.ts";
import { errorLine, logLine, START_MS, traceEvent } from "../../support/log-lines.ts";

const NOTHING = { records: [], entries: 0, broken: 0, unclear: 0, truncated: 0 };
const unwrapped = (value: unknown) => unwrapLine(JSON.stringify(value)) ?? NOTHING;
const only = (value: unknown) => {
  const { records } = unwrapped(value);
  expect(records).toHaveLength(1);
  return records[0];
};

describe("trace events", () => {
  it("hold one line per message", () => {
    const { records } = unwrapped(traceEvent([errorLine("boom"), logLine()]));
    expect(records).toMatchObject([
      { level: "ERROR", error: "Error", message: "boom", cohort: "native", status: 500 },
      { level: "INFO", sampleRate: 0.1, ms: START_MS },
    ]);
  });
  it("are read in the tail API's spelling, too", () => {
    const log = { level: "log", message: [JSON.stringify(errorLine("boom"))], timestamp: START_MS };
    const event = { outcome: "ok", eventTimestamp: START_MS, logs: [log], exceptions: [] };
    expect(only(event)).toMatchObject({ level: "ERROR", message: "boom" });
  });
  it("may hold the arguments of a call reversed, or as one string", () => {
    const line = JSON.stringify(errorLine("boom"));
    for (const Message of [["prefix", line], [line, "prefix"], line]) {
      const event = traceEvent([], { Logs: [{ Level: "log", Message, TimestampMs: START_MS }] });
      expect(only(event)).toMatchObject({ level: "ERROR", message: "boom" });
    }
  });
  it("may hold plain text, an error only if it was logged as one", () => {
    const text = (Level: string) =>
      only(traceEvent([], { Logs: [{ Level, Message: ["it", "broke"], TimestampMs: START_MS }] }));
    expect(text("error")).toMatchObject({ level: "ERROR", message: "it broke", request: false });
    expect(text("log")).toMatchObject({ level: "INFO" });
  });
  it("count as an error when nothing of ours tells of what was thrown", () => {
    const thrown = { Name: "TypeError", Message: "x is not a function", TimestampMs: START_MS };
    const event = traceEvent([], { Exceptions: [thrown], Outcome: "exception" });
    expect(only(event)).toMatchObject({
      level: "ERROR",
      error: "TypeError",
      message: "x is not a function",
      rayId: "b2f3857d67d0775b",
    });
    expect(only(traceEvent([], { Outcome: "exceededCpu" }))?.message).toBe("outcome exceededCpu");
  });
  it("that were cut keep what came before the cut", () => {
    const whole = JSON.stringify(errorLine('said "no" to 17'));
    for (const length of [whole.length - 5, whole.indexOf("at finalize"), whole.indexOf("stack")]) {
      const result = unwrapped(traceEvent([whole.slice(0, length) + TRUNCATION_MARK]));
      expect(result).toMatchObject({
        broken: 0,
        truncated: 1,
        records: [{ level: "ERROR", message: 'said "no" to 17', cohort: "native", status: 500 }],
      });
    }
    expect(unwrapped(traceEvent([TRUNCATION_MARK]))).toMatchObject({ truncated: 1, records: [] });
    const inside = errorLine(`quotes ${TRUNCATION_MARK}`);
    expect(unwrapped(traceEvent([inside]))).toMatchObject({ truncated: 0 });
  });
});

describe("plain lines", () => {
  it("are the runbook's: level and context.error", () => {
    const line = { level: "ERROR", context: { error: "pool exhausted" } };
    expect(only(line)).toMatchObject({ level: "ERROR", error: "pool exhausted", sampleRate: 1 });
  });
  it.each(["", "nope", "[1]", "3", "null", '{"level":"ERR', "\u0000"])(
    "%j is no record",
    (text) => {
      expect(unwrapLine(text)).toBeNull();
    },
  );
  it("of another type than expected lose only that field", () => {
    const strange = {
      level: 3,
      context: [],
      status: "x",
      sample_rate: -1,
      timestamp: {},
      colo: [],
    };
    expect(only(strange)).toMatchObject({ level: "3", status: null, sampleRate: 1, ms: null });
    expect(only({ level: "error", context: { error: { message: "inner" } } })).toMatchObject({
      level: "ERROR",
      error: "inner",
    });
  });
  it("may be nested 100,000 deep", () => {
    const deep = `${"[".repeat(1e5)}${"]".repeat(1e5)}`;
    const line = unwrapLine(`{"level":"ERROR","context":{"error":${deep}},"x":${deep}}`);
    expect(line?.records).toMatchObject([{ level: "ERROR", error: null }]);
    const event = `{"Logs":[{"Message":[${deep}]}],"EventTimestampMs":1}`;
    expect(unwrapLine(event)).toMatchObject({ broken: 0, records: [] });
  });
});
