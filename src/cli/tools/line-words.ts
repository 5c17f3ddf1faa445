/** A command line as its shell splits it, near enough for completion: nothing is expanded. */

export interface LineWords {
  /** After the program's name, without their quotes. */
  before: string[];
  /** The one that the cursor is in; empty after a blank. */
  current: string;
  /**
   * Nothing in it that a shell could expand, so that it may be taken for the start of a path. The shell may
   * begin its word elsewhere: the completion scripts look at that one themselves.
   */
  plain: boolean;
}

const PLAIN = /^["']?[\p{L}\p{M}\p{N}_./~@%+,:= \\-]*$/u;

/** `line` ends at the cursor; quotes and brackets may still be open there. */
export function lastWords(line: string): LineWords {
  const words: string[] = [];
  let start = 0;
  for (let at = 0; at < line.length; ) {
    if (/\s/.test(line[at] ?? "")) {
      words.push(line.slice(start, at));
      at += 1;
      start = at;
    } else at = pieceEnd(line, at);
  }
  const raw = line.slice(start);
  const before = words.filter((word) => word !== "");
  while (/^[A-Za-z_]\w*=/.test(before[0] ?? "")) before.shift();
  return {
    before: before.slice(1).map(unquoted),
    current: unquoted(raw),
    plain: PLAIN.test(raw),
  };
}

/** Where the piece that begins at `at` ends: a quoted text, a substitution, or one character. */
function pieceEnd(line: string, at: number): number {
  const char = line[at];
  if (char === "\\") return at + 2;
  if (char === "'" || char === '"' || char === "`") return closing(line, at + 1, char);
  if (char === "(") return closing(line, at + 1, ")");
  return at + 1;
}

/** After the `end` that closes what is open before `at`; the end of the line when nothing does. */
function closing(line: string, at: number, end: string): number {
  let next = at;
  while (next < line.length) {
    if (line[next] === end) return next + 1;
    // Between single quotes nothing else means anything, and a bracket in double quotes only after $.
    const nested = end === ")" || (end === '"' && /^(\\|`|\$\()/.test(line.slice(next, next + 2)));
    if (!nested) next += 1;
    else next = pieceEnd(line, line[next] === "$" && line[next + 1] === "(" ? next + 1 : next);
  }
  return line.length;
}

/** Quotes off; an escaped line end is none at all. */
function unquoted(word: string): string {
  return word.replace(
    /\\\n|\\([\s\S])|'([^']*)'?|"((?:[^"\\]|\\[\s\S])*)"?/g,
    (_, escaped: string = "", single?: string, double?: string) =>
      single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped,
  );
}
