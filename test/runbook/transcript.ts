/** Compares what a document shows with what a command really said. */

/** What differs from run to run, and the mark that stands for it. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "<time>"],
  [/\b[0-9A-HJKMNP-TV-Z]{26}\b/g, "<ulid>"],
  [/\b[0-9a-f]{32}\b/g, "<id>"],
  [/\b127\.0\.0\.1:\d+/g, "<host>"],
  [/\b\d+(?:\.\d+)? (?:s|min|h|days)\b/g, "<duration>"],
  [/\b(?:FRA|AMS|IAD)\b/g, "<colo>"],
  [/(?<=\(worker )[\w-]+/g, "<worker>"],
  [/\bv\d+\.\d+\.\d+\b/g, "<version>"],
  [/\b\d[\d,]* (?=answers|native answers|uploads)/g, "<n> "],
];

/** Stands for lines that are left out. */
const OMITTED = "…";

function normalised(line: string): string {
  const marked = VARIABLE.reduce((text, [from, to]) => text.replace(from, to), line);
  return marked.replace(/\s+/g, " ").trim();
}

/**
 * The first line shown that was not said; null when all were. Order does not count: locations and
 * keys answer in any order.
 */
export function firstUnsaid(shown: string, said: string): string | null {
  const left = said.split("\n").map(normalised);
  for (const line of shown.split("\n")) {
    const wanted = normalised(line);
    if (wanted === "" || wanted === OMITTED) continue;
    const at = left.indexOf(wanted);
    if (at === -1) return line;
    left.splice(at, 1);
  }
  return null;
}
