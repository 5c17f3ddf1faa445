/** A person's text in a report survives every later run, byte for byte. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Block, Report } from "../../../src/domain/incident/merge.ts";
import { incidentIn, mergeReport } from "../../../src/domain/incident/merge.ts";
import { reportOf } from "../../../src/domain/incident/report.ts";
import { hostileText } from "../../support/hostile-text.ts";
import { facts } from "./world.ts";

const block = (name: string, lines: string[], complete = true): Block => ({
  name,
  title: `Title of ${name}`,
  lines,
  complete,
});
const report = (...parts: (string | Block)[]): Report => ({ incident: "INC-7", parts });
const fatesOf = (merged: ReturnType<typeof mergeReport>) =>
  Object.fromEntries(merged.blocks.map(({ name, fate }) => [name, fate]));

const FIRST = report(
  "# Title\n\n",
  block("one", ["a"]),
  "\n[fill in: x]\n",
  block("two", ["b"]),
  "end\n",
);
const LATER = report(
  "# Title\n\n",
  block("one", ["A", "A2"]),
  "\n[fill in: x]\n",
  block("two", ["b"]),
  "end\n",
);
const fresh = mergeReport(null, FIRST).text;

describe("a second run", () => {
  test("renews generated blocks and leaves the text between them", () => {
    const edited = fresh.replace("[fill in: x]", "The pool was too small.");
    const merged = mergeReport(edited, LATER);
    expect(merged.text).toBe(
      mergeReport(null, LATER).text.replace("[fill in: x]", "The pool was too small."),
    );
    expect(fatesOf(merged)).toEqual({ one: "written", two: "same" });
  });

  test("with the same facts changes no byte", () => {
    expect(mergeReport(fresh, FIRST).text).toBe(fresh);
  });

  test("leaves a block in which a person has changed a word", () => {
    const edited = fresh.replace("\na\n", "\na, but only on Tuesdays\n");
    const merged = mergeReport(edited, LATER);
    expect(merged.text).toBe(edited);
    expect(fatesOf(merged)).toEqual({ one: "edited", two: "same" });
  });

  test.each([
    ["its end", "<!-- pixcanary:end one -->\n", ""],
    ["its beginning", /<!-- pixcanary:begin one .*\n/, ""],
    ["a part of its beginning", "begin one INC-7", "begin one INC-7 !"],
    [
      "one of its own twice",
      "<!-- pixcanary:end one -->\n",
      "<!-- pixcanary:end one -->\n<!-- pixcanary:end one -->\n",
    ],
    ["an end that comes first", /(<!-- pixcanary:begin one .*\n)a\n(.*\n)/, "$2a\n$1"],
  ])("leaves a block whose markers are damaged: %s", (_what, from, to) => {
    const damaged = fresh.replace(from, to);
    expect(damaged).not.toBe(fresh);
    const merged = mergeReport(damaged, LATER);
    expect(merged.text).toBe(damaged);
    expect(fatesOf(merged).one).toBe("damaged");
  });

  test("leaves two blocks that stand in each other", () => {
    const [whole = ""] = /<!-- pixcanary:begin two[\s\S]*end two -->\n/.exec(fresh) ?? [];
    const nested = fresh.replace(whole, "").replace("\na\n", `\na\n${whole}`);
    const merged = mergeReport(nested, LATER);
    expect(fatesOf(merged)).toEqual({ one: "damaged", two: "same" });
    expect(merged.text).toBe(nested);
  });

  test("adds a block that was removed at the end, under its title", () => {
    const without = fresh.replace(/<!-- pixcanary:begin two[\s\S]*end two -->\n/, "");
    const merged = mergeReport(without, LATER);
    expect(fatesOf(merged)).toEqual({ one: "written", two: "appended" });
    expect(merged.text).toMatch(/end\n\n## Title of two\n\n<!-- pixcanary:begin two INC-7 .*\nb\n/);
  });

  test("that knows less leaves a complete block, one that knows as little does not", () => {
    const less = report(block("one", ["not known"], false), block("two", ["b"]));
    expect(fatesOf(mergeReport(fresh, less)).one).toBe("kept");
    const partial = mergeReport(null, less).text;
    const other = report(block("one", ["still not known"], false), block("two", ["b"]));
    expect(mergeReport(partial, other).text).toContain("still not known");
    expect(mergeReport(partial, LATER).text).toContain("A2");
  });

  test("keeps the line ends of Windows, and does not take them for an edit", () => {
    const dos = fresh.replaceAll("\n", "\r\n");
    const merged = mergeReport(dos, LATER);
    expect(fatesOf(merged).one).toBe("written");
    expect(merged.text.replaceAll("\r\n", "")).not.toContain("\n");
  });

  test("keeps the last byte: no line end is added to a text that ends without one", () => {
    const open = mergeReport(null, report("x\n", block("one", ["a"]))).text.slice(0, -1);
    const merged = mergeReport(open, report("x\n", block("one", ["b"])));
    expect(merged.text.endsWith("<!-- pixcanary:end one -->")).toBe(true);
  });
});

test("a document says whose it is", () => {
  expect(incidentIn(fresh)).toBe("INC-7");
  expect(incidentIn("# Ours, by hand\n")).toBeNull();
});

// --- Properties --------------------------------------------------------------------------------

const WHOLE = mergeReport(null, reportOf(facts())).text;
const later = reportOf(
  facts({ changes: [], timeline: [{ atMs: 0, text: "another" }], journalGap: "KV did not answer" }),
);

/** What a person may do at a place of the document: type anything there, or take some lines away. */
const edit = fc.record({
  where: fc.double({ min: 0, max: 1, noNaN: true }),
  text: hostileText(12),
  removed: fc.nat(120),
  kind: fc.constantFrom("type", "remove", "type a marker" as const),
});

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

/** Text that a person typed is marked, so that it can be looked for. */
function edited(document: string, edits: readonly Edit[]): { text: string; typed: string[] } {
  let text = document;
  const typed: string[] = [];
  for (const [nth, { where, text: words, removed, kind }] of edits.entries()) {
    // Not inside of what was typed before: that would be another text.
    const spots = [...text.matchAll(/(?<=\n)/g)].map(({ index }) => index);
    const at = spots[Math.floor(where * (spots.length - 1))] ?? 0;
    if (typed.some((one) => at > text.indexOf(one) && at < text.indexOf(one) + one.length))
      continue;
    if (kind === "remove") {
      const next = text.slice(0, at) + text.slice(at + removed);
      if (typed.every((one) => next.includes(one))) text = next;
      continue;
    }
    const marker = kind === "type" ? "" : "<!-- pixcanary:begin impact INC-7 complete 0 -->\n";
    const own = `⟦${nth} ${words}${marker}⟧\n`;
    typed.push(own);
    text = text.slice(0, at) + own + text.slice(at);
  }
  return { text, typed };
}

test("whatever people type or remove, each of their texts is there afterwards, and in its order", () => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
      const { text, typed } = edited(WHOLE, edits);
      const merged = mergeReport(text, later).text;
      const inOrder = (document: string) =>
        typed.map((one) => [document.indexOf(one), one] as const).toSorted((a, b) => a[0] - b[0]);
      for (const one of typed) expect(merged).toContain(one);
      expect(inOrder(merged).map(([, one]) => one)).toEqual(inOrder(text).map(([, one]) => one));
    }),
    { numRuns: 500 },
  );
});

test("outside of blocks every byte stays: what is left without them begins as before", () => {
  const bare = (document: string, names: readonly string[]) =>
    names.reduce(
      (left, name) =>
        left.replace(
          new RegExp(
            `<!-- pixcanary:begin ${name} [^\\n]*\\n[\\s\\S]*?<!-- pixcanary:end ${name} -->`,
          ),
          "",
        ),
      document,
    );
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
      const { text } = edited(WHOLE, edits);
      const merged = mergeReport(text, later);
      const renewed = merged.blocks
        .filter(({ fate }) => fate === "written")
        .map(({ name }) => name);
      expect(bare(merged.text, renewed).startsWith(bare(text, renewed))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("a run after a run changes nothing, whatever people did before", () => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 6 }), (edits) => {
      const { text } = edited(WHOLE, edits);
      const once = mergeReport(text, later).text;
      expect(mergeReport(once, later).text).toBe(once);
    }),
    { numRuns: 300 },
  );
});
