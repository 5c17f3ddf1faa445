/** JSON in every layout and encoding that tools leave it in, cut anywhere, with anything in between. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Utf8Pieces } from "../../src/adapters/encoding.ts";
import { LineFeed } from "../../src/adapters/logs/line-feed.ts";
import { LogAnalysis } from "../../src/domain/logs/analysis.ts";
import { EVERYTHING, errorLine, type Line, logLine, traceEvent } from "../support/log-lines.ts";

const MAX_LINE_BYTES = 64 * 1024;

function fed(bytes: Buffer, pieceBytes = 4_096) {
  const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
  const feed = new LineFeed(analysis, MAX_LINE_BYTES);
  const pieces = new Utf8Pieces((piece) => feed.push(piece));
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // As a reader does: a piece is used again for the next bytes.
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    pieces.push(piece);
    piece.fill(0x7a);
  }
  pieces.end();
  feed.end();
  const { lines, broken, unclear, matched } = analysis.report();
  return { lines, broken, unclear, matched };
}
const read = (text: string, pieceBytes?: number) => fed(Buffer.from(text), pieceBytes);

/** Texts that would lead astray whoever only counts brackets. */
const said = fc.constantFrom("boom", '}{"', "]}", "{\n{", "\\", '\\"', "[", "ü€😀", "\u2028", ",");
const event = fc
  .tuple(said, fc.boolean())
  .map(
    ([text, fails]): Line =>
      traceEvent([fails ? errorLine(text) : logLine({ route: text })], { note: [text, {}, []] }),
  );
const plain = fc
  .tuple(said, fc.boolean())
  .map(([text, fails]): Line => (fails ? errorLine(text) : logLine({ route: text })));
const records = fc.array(fc.oneof(event, plain), { minLength: 1, maxLength: 8 });
const isError = (record: Line): boolean => JSON.stringify(record).includes("ERROR");

const LAYOUTS: Record<string, (all: readonly Line[]) => string> = {
  lines: (all) => all.map((one) => `${JSON.stringify(one)}\n`).join(""),
  "lines without the last end": (all) => all.map((one) => JSON.stringify(one)).join("\r\n"),
  indented: (all) => all.map((one) => `${JSON.stringify(one, null, 2)}\n`).join(""),
  "indented by tabs, Windows": (all) =>
    all.map((one) => JSON.stringify(one, null, "\t").replaceAll("\n", "\r\n")).join("\r\n"),
  abutting: (all) => all.map((one) => JSON.stringify(one)).join(""),
  "abutting with blanks": (all) => all.map((one) => JSON.stringify(one)).join("  "),
  "indented and abutting": (all) => all.map((one) => JSON.stringify(one, null, 1)).join(""),
  list: (all) => JSON.stringify(all),
  "indented list": (all) => JSON.stringify(all, null, 4),
  "list of lines": (all) => `[\n${all.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`,
  "list that begins with a comma": (all) =>
    `[${all.map((one) => JSON.stringify(one)).join("\n,")}]`,
  "list of lists": (all) => JSON.stringify(all.map((one) => [one])),
  result: (all) =>
    JSON.stringify({ success: true, errors: [], result: all, result_info: { n: 1 } }),
  "indented result": (all) => JSON.stringify({ result: { events: all }, success: true }, null, 2),
  sequence: (all) => all.map((one) => `\u001e${JSON.stringify(one)}\n`).join(""),
  "lines with marks": (all) => all.map((one) => `\ufeff${JSON.stringify(one)}\n`).join(""),
};
const layout = fc.constantFrom(...Object.keys(LAYOUTS));
const pieceBytes = fc.integer({ min: 1, max: 3_000 });

describe("layouts", () => {
  it("of any kind hold the same records, also several in one file, cut anywhere", () => {
    const part = fc.tuple(layout, records);
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), pieceBytes, (parts, size) => {
        const text = parts.map(([name, all]) => LAYOUTS[name]?.(all)).join("\n");
        const all = parts.flatMap(([, part]) => part);
        expect(read(text, size)).toEqual({
          lines: all.length,
          broken: 0,
          unclear: 0,
          matched: all.filter(isError).length,
        });
      }),
      { numRuns: 300 },
    );
  });

  it("in every encoding of PowerShell are the same, with and without a mark", () => {
    fc.assert(
      fc.property(layout, records, pieceBytes, (name, all, size) => {
        const text = LAYOUTS[name]?.(all) ?? "";
        const little = Buffer.from(text, "utf16le");
        const big = Buffer.from(little.subarray(0, little.length)).swap16();
        const marks = [[0xff, 0xfe], [], [0xfe, 0xff], [], [0xef, 0xbb, 0xbf]];
        const wanted = read(text);
        for (const [at, bytes] of [little, little, big, big, Buffer.from(text)].entries()) {
          // Without a mark it is known by its first two letters: a mark of its own is none.
          if (marks[at]?.length === 0 && !/^[\x20-\x7e\n]{2}/.test(text)) continue;
          expect(fed(Buffer.concat([Buffer.from(marks[at] ?? []), bytes]), size)).toEqual(wanted);
        }
      }),
      { numRuns: 100 },
    );
  });

  it.each(["tail-format-json.txt", "abutting.txt"])("of the field: %s", (name) => {
    const bytes = readFileSync(new URL(`logs/${name}`, import.meta.url));
    const expected = { "tail-format-json.txt": [2, 3], "abutting.txt": [3, 2] }[name];
    expect(fed(bytes)).toMatchObject({ lines: expected?.[0], broken: 0, matched: expected?.[1] });
  });
});

describe("what is damaged", () => {
  const whole = errorLine("boom");
  const line = JSON.stringify(whole);
  const pretty = JSON.stringify(whole, null, 2);

  it.each([
    ["a line cut in a text", `${line.slice(0, 30)}\n${line}\n${line}\n`, 1, 2],
    ["a line cut after a comma", `{"a":1,\n${line}\n${line}\n`, 1, 2],
    ["a line cut after a colon", `{"a":\n${line}\n${line}\n`, 1, 2],
    ["a line cut in a list", `{"a":[\n${line}\n${line}\n`, 1, 2],
    ["an indented record cut", `{\n  "a": 1,\n${pretty}\n${pretty}\n`, 1, 2],
    ["an indented record cut after a colon", `{\n  "a":\n${pretty}\n${pretty}\n`, 1, 2],
    ["the last line cut", `${line}\n${line}\n${line.slice(0, 50)}`, 1, 2],
    ["the last indented record cut", `${pretty}\n${pretty.slice(0, 90)}`, 1, 1],
    ["the last of a list cut", `[${line},${line},${line.slice(0, 80)}`, 1, 2],
    ["a list cut between records", `[${line},${line}`, 1, 2],
    ["a result cut", `{"result":[${line},${line.slice(0, 80)}`, 1, 1],
    ["a record that abuts a cut one", `${line}${line.slice(0, 40)}\n${line}`, 1, 2],
    ["words between", `hello\n${line}\nconnected {to} it, waiting\n${line}\n`, 2, 2],
    ["words before, on the same line", `api | ${line}\napi | ${line}\n`, 2, 2],
    ["numbers, texts and words of JSON", `1\n"x"\nnull\n[1,2]\n${line}\n`, 4, 1],
    ["a closing bracket too many", `${line}\n}\n${line}\n`, 1, 2],
    ["two keys without a comma", `{"a":1 "b":2}\n${line}\n`, 1, 1],
    ["a word that JSON has not", `{"level":ERROR}\n${line}\n`, 1, 1],
    ["bytes that are no text", `\u0000\u0001\n${line}\n`, 1, 1],
  ])("is counted, and the rest is read: %s", (_what, text, broken, matched) => {
    for (const size of [1, 7, 100_000]) expect(read(text, size)).toMatchObject({ broken, matched });
  });

  it("does not grow on what follows: half of the lines cut, the other half read", () => {
    const text = Array.from({ length: 300 }, () => `{"a":1,\n${line}\n{"b":\n${line}\n`).join("");
    expect(read(text)).toMatchObject({ broken: 600, matched: 600 });
  });

  it("costs a bounded number of readings, however it is nested", () => {
    for (const part of ['{"a":\n', "{\n", '{"a":[', '{"a":"}{', "[{", '"', "{}{"]) {
      const text = part.repeat(Math.ceil(200_000 / part.length));
      const { lines, broken } = read(`${text}\n${line}\n`);
      expect(broken).toBeGreaterThan(0);
      expect(lines).toBeGreaterThan(0);
    }
  });

  it("never throws, and never loses a record on a line of its own", () => {
    const junk = fc.string({ unit: fc.constantFrom(...'{}[]",:\\ a1\n'), maxLength: 40 });
    fc.assert(
      fc.property(junk, pieceBytes, (text, size) => {
        // Two: the first may be the value of a key that was cut off.
        expect(read(`${text}\n${line}\n${line}\n${line}\n`, size).matched).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a record over the limit", () => {
  const long = "x".repeat(MAX_LINE_BYTES);
  const line = JSON.stringify(errorLine("boom"));

  it.each([
    ["on a line", `{"a":"${long}"}\n${line}\n`],
    ["that abuts", `{"a":"${long}"}${line}`],
    ["indented", `{\n "a": [\n "${long}"\n ]\n}\n${line}\n`],
    ["in a list", `[{"a":"${long}"},${line}]`],
    ["never closed", `{"a":"${long}\n${line}\n`],
  ])("is passed over and counted: %s", (_what, text) => {
    for (const size of [1_000, 100_000]) {
      expect(read(text, size)).toMatchObject({ lines: 2, broken: 1, matched: 1 });
    }
  });

  it("is no envelope: its records are read one by one, and what follows", () => {
    const all = Array.from({ length: 400 }, () => errorLine("boom"));
    const info = { result_info: { cursor: "x", rows: [{ a: 1 }] } };
    for (const given of [
      { success: true, errors: [], result: all, ...info },
      { result: { events: { events: all, count: 3 } } },
    ]) {
      for (const indent of [0, 2]) {
        const text = `${JSON.stringify(given, null, indent)}\n${line}\n`;
        expect(read(text)).toMatchObject({ lines: 401, broken: 0, matched: 401 });
      }
    }
  });
});
