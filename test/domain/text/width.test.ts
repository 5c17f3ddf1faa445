/** Lines that wrap nowhere, and bars. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { escapeForTerminal } from "../../../src/domain/text/escape.ts";
import { sparkline } from "../../../src/domain/text/sparkline.ts";
import { cut, widthOf, wrap } from "../../../src/domain/text/width.ts";
import { hostileText } from "../../support/hostile-text.ts";

/** What log-update measures with. */
let measured: (text: string) => number;
beforeAll(async () => {
  const from = createRequire(import.meta.url).resolve("log-update");
  const path = createRequire(from).resolve("string-width");
  measured = ((await import(pathToFileURL(path).href)) as { default: typeof measured }).default;
});

const anyText = hostileText(40).map(escapeForTerminal);

describe("width", () => {
  it("is never less than another measure of it", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(widthOf(text)).toBeGreaterThanOrEqual(measured(text));
      }),
      { numRuns: 2_000 },
    );
  });
  it("is never less for any single symbol", () => {
    const symbols = Array.from({ length: 0x1000 }, (_, at) => String.fromCodePoint(0x2000 + at));
    expect(symbols.filter((symbol) => widthOf(symbol) < measured(symbol))).toEqual([]);
  });
  it("counts what we print ourselves as it is", () => {
    for (const text of ["✔ ✖ → … · – ▁█ 10 % ü", "plain"]) {
      expect(widthOf(text)).toBe([...text].length);
      expect(measured(text)).toBe([...text].length);
    }
    expect(widthOf("日本語")).toBe(6);
    expect(widthOf("⚡✅")).toBe(4);
  });
  it("is kept by cutting, which changes nothing that fits", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 80 }), (text, columns) => {
        const short = cut(text, columns);
        expect(widthOf(short)).toBeLessThanOrEqual(columns);
        if (widthOf(text) <= columns) expect(short).toBe(text);
      }),
    );
  });
});

describe("wrapping", () => {
  it("breaks at spaces and keeps those within a line", () => {
    expect(wrap("  live      one two three", 18, "    ")).toEqual([
      "  live      one",
      "    two three",
    ]);
    expect(wrap("short  text", 80, "  ")).toEqual(["short  text"]);
    expect(wrap("x".repeat(30), 10, "  ")).toEqual([`${"x".repeat(9)}…`]);
  });
  it("never exceeds the columns, and loses words only to an ellipsis", () => {
    const text = fc.array(fc.string({ minLength: 1, maxLength: 30 }), { maxLength: 12 });
    fc.assert(
      fc.property(text, fc.integer({ min: 20, max: 80 }), (words, columns) => {
        const joined = words.map(escapeForTerminal).join(" ");
        const lines = wrap(joined, columns, "    ");
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        const dense = (s: string) => s.replaceAll(" ", "");
        const whole = dense(lines.map((line) => line.replace(/^ {4}… /, "")).join(""));
        if (!whole.endsWith("…")) expect(whole).toBe(dense(joined));
      }),
    );
  });
});

describe("a sparkline", () => {
  it.each([
    [[0, 1, 2, 3, 4, 5, 6, 7, 8], 8, "▁▁▂▃▄▅▆▇█"],
    [[5, 5], 5, "██"],
    [[0, 0], 0, "▁▁"],
    [[1, null, 99], 10, "▁ █"],
    [[Number.NaN, -3], 10, " ▁"],
    [[], 1, ""],
  ])("%j of %d is %s", (values, top, bars) => {
    expect(sparkline(values, top)).toBe(bars);
  });
});
