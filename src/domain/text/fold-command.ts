/** A shell command over several lines that a POSIX shell reads as one. */

/** At most so many columns, as far as words allow. Each further line begins with four blanks, but inside a word. */
export function foldCommand(command: string, columns: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of wordsOf(command)) {
    const [first = "", ...rest] =
      word.length + INDENT.length > columns ? piecesOf(word, columns) : [word];
    if (line !== "" && line.length + 1 + first.length + 2 > columns) {
      lines.push(`${line} \\`);
      line = `${INDENT}${first}`;
    } else {
      line = line === "" ? first : `${line} ${first}`;
    }
    for (const piece of rest) {
      lines.push(`${line}\\`);
      line = piece;
    }
  }
  return [...lines, line].join("\n");
}

const INDENT = "    ";

/** Blanks in quotes or in `$(…)` divide nothing. */
function wordsOf(command: string): string[] {
  return command.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|\\.|[^\s'"\\])+/g) ?? [];
}

/** A word that begins with a single-quoted part is continued after a comma of that part. */
function piecesOf(word: string, columns: number): string[] {
  const end = word.indexOf("'", 1);
  if (!word.startsWith("'") || end === -1) return [word];
  const at = word.lastIndexOf(",", Math.min(end, columns - INDENT.length - 3));
  return at < 1 ? [word] : [`${word.slice(0, at + 1)}'`, `'${word.slice(at + 1)}`];
}
