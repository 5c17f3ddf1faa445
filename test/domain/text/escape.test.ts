/** What foreign text may bring to a terminal. */
import { describe, expect, it } from "vitest";
import { escapeForTerminal, escapeJson } from "../../../src/domain/text/escape.ts";

const every = (pattern: RegExp): string[] =>
  Array.from({ length: 0x110000 }, (_, code) => String.fromCodePoint(code)).filter((char) =>
    pattern.test(char),
  );

describe("the escape of foreign text", () => {
  it("leaves no blank but the plain one: lines are broken there alone", () => {
    // Letters by their category, shown as nothing: Hangul fillers. A symbol of Braille without a dot.
    const fillers = ["\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\u{1d159}"];
    for (const char of [...every(/(?! )[\p{Z}\s]/u), ...fillers]) {
      expect(escapeForTerminal(`a${char}b`)).toMatch(/^a(\\x[0-9a-f]{2}|(\\u[0-9a-f]{4})+)b$/);
    }
    expect(escapeForTerminal("a\u00a0b\u3000c")).toBe("a\\xa0b\\u3000c");
  });

  it("keeps what is seen, emoji too", () => {
    const text = "plain – 10 % … ✔ Zürich 日本 한국 ⚠️ 🚨 ▁█";
    expect(escapeForTerminal(text)).toBe(text);
  });

  it("leaves a JSON document what it says", () => {
    const said = { a: "no\u00a0break\u3164 \u2800\u009b" };
    const json = escapeJson(JSON.stringify(said, null, 2));
    expect(json).toBe('{\n  "a": "no\\u00a0break\\u3164 \\u2800\\u009b"\n}');
    expect(JSON.parse(json)).toEqual(said);
  });
});
