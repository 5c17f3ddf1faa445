/** What reaches a terminal that is redrawn: safe, no wider than it is, and readable without UTF-8. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameOf, isUtf8 } from "../../src/cli/screen.ts";
import { widthOf } from "../../src/domain/text/width.ts";
import { hostileText } from "../support/hostile-text.ts";

describe("a frame", () => {
  it("holds nothing that a terminal would obey, and no line too long (AT-23)", () => {
    const text = hostileText(100);
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 120 }), fc.boolean(), (raw, columns, ascii) => {
        const lines = frameOf(raw, columns, ascii).split("\n");
        expect(lines).toHaveLength(raw.split("\n").length);
        const unsafe = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
        const wrong = lines.filter(
          (line) =>
            unsafe.test(line) || widthOf(line) > columns || (ascii && !/^[ -~]*$/.test(line)),
        );
        expect(wrong).toEqual([]);
      }),
    );
  });
  it("keeps its columns in ASCII", () => {
    const text = "✔ ✖ → ▁▂▃▄▅▆▇█ é";
    expect(frameOf(text, 80, true)).toBe("+ x > _.-=+*#@ ?");
    expect(frameOf(text, 80, false)).toBe(text);
  });
});

describe("UTF-8", () => {
  it.each([
    [{ LANG: "C.UTF-8" }, true],
    [{ LANG: "de_DE.utf8" }, true],
    [{ LC_ALL: "C", LANG: "C.UTF-8" }, false],
    [{ LC_ALL: "", LC_CTYPE: "en_US.UTF-8", LANG: "C" }, true],
    [{ LANG: "C" }, false],
    [{}, false],
  ])("%j: %s", (env, expected) => {
    expect(isUtf8(env)).toBe(expected);
  });
});
