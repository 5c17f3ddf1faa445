/** Edits of files that people write: their comments, order and layout stay. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readJsonc } from "../../src/adapters/jsonc.ts";
import { editJsonc } from "../../src/adapters/jsonc-edit.ts";

const set = (text: string, path: (string | number)[], value: unknown) =>
  editJsonc(text, [{ path, value }]);

test.each<[string, string, (string | number)[], unknown, string]>([
  [
    "a value is replaced where it stands",
    '{ "a": /* x */ 1, "b": 2 } // y',
    ["a"],
    9,
    '{ "a": /* x */ 9, "b": 2 } // y',
  ],
  ["a member is added to one line", '{ "a": 1 }', ["b"], [2], '{ "a": 1, "b": [2] }'],
  [
    "a comment stays behind its own line",
    '{\n\t"a": 1 // of a\n\t// end\n}\n',
    ["b"],
    { c: 2 },
    '{\n\t"a": 1, // of a\n\t"b": {\n\t\t"c": 2\n\t}\n\t// end\n}\n',
  ],
  [
    "a comma that is there is used",
    '{\n  "a": 1, // of a\n}',
    ["b"],
    2,
    '{\n  "a": 1, // of a\n  "b": 2\n}',
  ],
  [
    "lines may end as on Windows",
    '{\r\n  "a": 1\r\n}\r\n',
    ["b"],
    2,
    '{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n',
  ],
  [
    "an entry is appended to a list",
    '{\n  "l": [\n    { "x": 1 }, // first\n  ],\n}',
    ["l", 1],
    { x: 2 },
    '{\n  "l": [\n    { "x": 1 }, // first\n    {\n      "x": 2\n    }\n  ],\n}',
  ],
  [
    "what is missing on the way is made",
    '{\n  "a": {}\n}',
    ["a", "b", "c"],
    1,
    '{\n  "a": {\n    "b": {\n      "c": 1\n    }\n  }\n}',
  ],
  ["an empty text becomes a document", "", ["a"], 1, '{\n  "a": 1\n}\n'],
])("%s", async (_, text, path, value, expected) => {
  expect(await set(text, path, value)).toBe(expected);
});

test("what was set is read back, whatever the file is like, and set again changes nothing", async () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const gap = fc.constantFrom("", " ", "\n  ", " // x\n", " /* y */ ", "\r\n");
  const members = fc.array(fc.tuple(name, gap, gap, gap), { maxLength: 4 });
  const document = fc.tuple(members, fc.boolean(), gap).map(([all, comma, end]) => {
    const once = [...new Map(all.map((one) => [one[0], one])).values()];
    const body = once.map(([key, x, y, z]) => `${x}"${key}":${y}{"n":1}${z}`).join(",");
    return `{${body}${comma && once.length > 0 ? "," : ""}${end}}`;
  });
  await fc.assert(
    fc.asyncProperty(
      document,
      fc.tuple(name, fc.constantFrom("n", "m")),
      fc.integer(),
      async (text, path, value) => {
        const after = await set(text, path, value);
        const [before, read] = [await readJsonc(text), await readJsonc(after)];
        expect([before.mistake, read.mistake]).toEqual([null, null]);
        const [outer, inner] = path;
        const expected = structuredClone(before.value) as Record<string, Record<string, unknown>>;
        expected[outer] = { ...expected[outer], [inner]: value };
        expect(read.value).toEqual(expected);
        expect(await set(after, path, value)).toBe(after);
        for (const comment of text.match(/\/\/ x|\/\* y \*\//g) ?? [])
          expect(after).toContain(comment);
      },
    ),
    { numRuns: 300 },
  );
});
