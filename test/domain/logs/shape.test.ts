/** A line that is passed over by its shape must count exactly as a full parse would have it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogAnalysis } from "../../../src/domain/logs/analysis.ts";
import { shapeOf } from "../../../src/domain/logs/shape.ts";
import {
  analysed,
  EVERYTHING,
  errorLine,
  logLine,
  ndjson,
  START_MS,
  traceEvent,
} from "../../support/log-lines.ts";

const CHANGE = {
  atMs: START_MS + 40_000,
  command: "reduce",
  revision: "01JCQ0000000000000000000BB",
};

const word = fc.constantFrom(
  "native",
  "proxy",
  "",
  "FRA",
  "\\",
  '"',
  "ü",
  "\u0007",
  "<<<",
  "/api/*",
);
const odd = fc.oneof(
  word,
  fc.constantFrom(null, 0, -0, 1e21, 0.1, 0.001, 1, true, [], ["x"], {}, { level: "ERROR" }),
  fc.string({ maxLength: 5 }),
);
const atMs = fc.integer({ min: 0, max: 200_000 }).map((ms) => START_MS + ms);

/** The Worker's line, usually with one or two fields that are not as usual, dropped or added. */
const line = fc
  .record({
    ms: atMs,
    level: fc.constantFrom("INFO", "INFO", "INFO", "WARN", "ERROR", "info"),
    cohort: fc.constantFrom("native", "proxy"),
    revision: fc.constantFrom("01JCQ0000000000000000000AA", "01JCQ0000000000000000000BB", null),
    rate: fc.constantFrom(0.1, 1),
    odd: fc.dictionary(
      fc.constantFrom(
        "status",
        "route",
        "colo",
        "timestamp",
        "level",
        "x",
        "message",
        "Level",
        "RayID",
      ),
      odd,
      { maxKeys: 2 },
    ),
    odder: fc.nat(5),
    drop: fc.constantFrom("", "", "country", "level", "timestamp", "sample_rate"),
  })
  .map(({ ms, level, cohort, revision, rate, odd: others, odder, drop }) => {
    const base = level === "ERROR" ? errorLine("boom 1", {}, ms) : logLine({}, ms);
    const made: Record<string, unknown> = { ...base, level, cohort, revision, sample_rate: rate };
    if (odder === 0) Object.assign(made, others);
    delete made[drop];
    return made;
  });

const event = fc
  .record({
    lines: fc.array(fc.oneof(line, fc.constantFrom("text", "{", "{}")), { maxLength: 2 }),
    given: fc.dictionary(
      fc.constantFrom(
        "Outcome",
        "EventTimestampMs",
        "logs",
        "Exceptions",
        "outcome",
        "LOGS",
        "Message",
      ),
      fc.oneof(odd, fc.constantFrom("ok", "exceededCpu", START_MS + 5)),
      { maxKeys: 1 },
    ),
    plain: fc.nat(4),
  })
  .map(({ lines, given, plain }) => traceEvent(lines, plain === 0 ? given : {}));

/** As JSON, and now and then with a byte of it changed, or with another way to write it. */
const row = fc
  .tuple(fc.oneof({ weight: 4, arbitrary: event }, line), fc.nat(12), fc.nat(2_000), fc.nat(255))
  .map(([value, way, at, byte]) => {
    if (way === 0) return Buffer.from(JSON.stringify(value, null, " ").replaceAll("\n", ""));
    const bytes = Buffer.from(way === 1 ? `${JSON.stringify(value)}\r` : JSON.stringify(value));
    if (way === 2) bytes[at % bytes.length] = byte;
    return bytes;
  });

describe("shapes", () => {
  it("change nothing: with and without them the answer is the same", () => {
    const newline = Buffer.from("\n");
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 2, maxLength: 30 }),
        fc.constantFrom("ERROR", "WARN", "INFO"),
        fc.constantFrom(null, "native"),
        fc.boolean(),
        (rows, level, cohort, window) => {
          const content = Buffer.concat(rows.flatMap((bytes) => [bytes, newline]));
          // Twice over: what the first pass learned is used in the second.
          const twice = Buffer.concat([content, content]);
          const bounds = window ? { sinceMs: START_MS + 10_000, untilMs: START_MS + 90_000 } : {};
          const given = {
            filter: { levels: new Set([level]), cohort, ...bounds },
            changes: [CHANGE],
          };
          expect(analysed(twice, given)).toEqual(analysed(twice, { ...given, shapes: false }));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("are really used for what is usual: no parse from the second line on", () => {
    const usual = [traceEvent([]), traceEvent([logLine()]), logLine()];
    for (const value of usual) {
      const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
      const text = JSON.stringify(value);
      analysis.record(text);
      expect(analysis.skim(`${text}\n`, 0)).toBe(text.length + 1);
    }
  });

  it("never fit a line that is to be grouped", () => {
    const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
    analysis.record(JSON.stringify(traceEvent([logLine()])));
    const failed = { level: "ERROR", status: 500 };
    for (const other of [
      traceEvent([logLine(failed)]),
      traceEvent([logLine()], { Outcome: "x" }),
    ]) {
      expect(analysis.skim(`${JSON.stringify(other)}\n`, 0)).toBe(-1);
    }
    const thrown = { Name: "Error", Message: "m", TimestampMs: 1 };
    const event = JSON.stringify(traceEvent([logLine()], { Exceptions: [thrown] }));
    expect(analysis.skim(`${event}\n`, 0)).toBe(-1);
  });

  it("fit no line whose status would make an error of it", () => {
    const answered = (Status: number) => traceEvent([], { Event: { Response: { Status } } });
    const plain = (status: number) => ({ status, error_msg: status === 503 ? "boom" : "none" });
    for (const made of [answered, plain]) {
      const lines = [made(200), made(204), made(503), made(200)];
      const report = analysed(ndjson(lines));
      expect(report).toMatchObject({ lines: 4, matched: 1, unclear: 0 });
      expect(report).toEqual(analysed(ndjson(lines), { shapes: false }));
    }
  });

  it("fit no text with an escape, and none beyond ASCII: they would be read as other text", () => {
    const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
    for (const value of [logLine(), traceEvent([logLine()])])
      analysis.record(JSON.stringify(value));
    for (const cohort of ["a\\b", 'a"b', "a\nb", "\u00fc"]) {
      for (const value of [logLine({ cohort }), traceEvent([logLine({ cohort })])]) {
        const view = Buffer.from(`${JSON.stringify(value)}\n`).toString("latin1");
        expect(analysis.skim(view, 0)).toBe(-1);
      }
    }
  });

  it("are made of no event whose texts would be read as lines", () => {
    const log = (message: unknown) => ({ Level: "log", Message: message, TimestampMs: START_MS });
    const thrown = { Name: "Error", Message: "m", TimestampMs: START_MS };
    for (const given of [
      { Logs: [log("text")] },
      { Logs: [log(["text"])] },
      { Logs: [log([JSON.stringify(logLine()), "text"])] },
      { Logs: [log([]), log([])] },
      { Exceptions: [thrown] },
    ]) {
      expect(shapeOf(JSON.stringify(traceEvent([], given)))).toBeNull();
    }
  });

  it("are made of no line that could be read in two ways", () => {
    for (const text of [
      '{"level":"INFO","level":"ERROR"}',
      '{"Logs":[],"logs":[]}',
      '{ "a":1}',
      "[]",
    ]) {
      expect(shapeOf(text)).toBeNull();
    }
    expect(shapeOf('{"level":"INFO"}')).not.toBeNull();
  });

  it("stay few, whatever comes", () => {
    const many = Array.from({ length: 300 }, (_, index) => logLine({ [`k${index}`]: index }));
    expect(analysed(ndjson(many))).toMatchObject({ lines: 300, broken: 0, records: 300 });
  });
});
