/** The words of docs/glossary.md, enforced: what people read says none that it retires. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { UNKNOWN_AUTHOR } from "../src/domain/state/author.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const GLOSSARY = "docs/glossary.md";
const AUTHOR = "src/domain/state/author.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
}

/** The phrases on the left of each table below the heading. */
function retiredTables(glossary: string): string[][] {
  const below = glossary.split("## Retired words")[1] ?? "";
  return below
    .split(/^\| -.*$/m)
    .slice(1)
    .map((table) =>
      [...table.matchAll(/^\| ([^|]+) \|/gm)]
        .map(([, cell = ""]) => cell.trim())
        .filter((cell) => cell !== "not")
        .flatMap((cell) => cell.split(/, */)),
    );
}

/** Comments and imports are not read by operators; a string may go on over several lines. */
export function stringsOf(source: string): string {
  return source
    .replace(/^\s*(\/\/|\/?\*).*$|\s\/\/ .*$|^(import|export) .* from ".*";$/gm, "")
    .replace(/["`] \+\n\s*["`]/g, "");
}

/** Those of the phrases that the text says. */
export function retiredIn(text: string, phrases: readonly string[]): string[] {
  const folded = text.replace(/\s+/g, " ");
  return phrases.filter((phrase) =>
    new RegExp(`(?<![\\w-])${phrase.replace(/[^\w ]/g, "\\$&")}(?![\\w-])`, "i").test(folded),
  );
}

/** A name of one's own for an author that nobody recorded. */
export function ownFallbacks(source: string): string[] {
  const fallback =
    /\b(by|updated_by|author|actor|refusedFor|foreign)\s*\?\?\s*["'`]|[{,(]\s*by = ["'`]/;
  return source.split("\n").filter((line) => fallback.test(line) || line.includes(UNKNOWN_AUTHOR));
}

const SOURCES = [...filesIn("src", ".ts"), ...filesIn("worker", ".ts")];
const DOCS = [
  "README.md",
  "RUNBOOK.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "worker/wrangler.jsonc",
  ...filesIn("docs", ".md").filter((file) => file !== GLOSSARY && !file.includes("/decisions/")),
];
const [everywhere = [], inStrings = []] = retiredTables(read(GLOSSARY));

describe("retired words", () => {
  it("are read from the glossary", () => {
    expect([everywhere[0], inStrings[0]]).toEqual(["refuge", "somebody"]);
    expect(everywhere.length + inStrings.length).toBeGreaterThan(60);
  });

  it("are in no string of the program", () => {
    const phrases = [...everywhere, ...inStrings];
    const said = SOURCES.map((file) => [file, retiredIn(stringsOf(read(file)), phrases)]);
    expect(said.filter(([, found]) => found?.length !== 0)).toEqual([]);
  });

  it("are in no document for operators", () => {
    const said = DOCS.map((file) => [file, retiredIn(read(file), everywhere)]);
    expect(said.filter(([, found]) => found?.length !== 0)).toEqual([]);
  });

  it.each([...everywhere, ...inStrings])("%s is noticed", (phrase) => {
    const [first = "", ...rest] = phrase.split(" ");
    const lines = [`  "Now ${first}" +`, `    " ${rest.join(" ")}.",`].join("\n");
    expect(retiredIn(stringsOf(`say("Now ${phrase}.");`), [phrase])).toEqual([phrase]);
    if (rest.length > 0) expect(retiredIn(stringsOf(lines), [phrase])).toEqual([phrase]);
    expect(retiredIn(`A line\n${phrase.toUpperCase().replaceAll(" ", "\n")}`, [phrase])).toEqual([
      phrase,
    ]);
    for (const silent of [`// ${phrase}`, ` * ${phrase}`, `say(1); // ${phrase}`]) {
      expect(retiredIn(stringsOf(silent), [phrase])).toEqual([]);
    }
  });
});

describe("an author that nobody recorded", () => {
  it("has one phrase everywhere", () => {
    const own = SOURCES.filter((file) => file !== AUTHOR && ownFallbacks(read(file)).length > 0);
    expect(own).toEqual([]);
  });

  it.each([
    'by ?? "somebody"',
    'config.updated_by ?? "?"',
    "by ?? `hand`",
    `"${UNKNOWN_AUTHOR}"`,
    'const { by = "hand" } = x',
  ])("%s is noticed", (source) => {
    expect(ownFallbacks(`  return ${source};`)).toHaveLength(1);
  });
});
