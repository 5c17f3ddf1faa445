/**
 * Text for a terminal of so many columns: no word is broken there, and what continues a line stands under it.
 * It never looks like a line of its own, as it may be foreign: colour follows how a line begins.
 */
import { beginsWithMark, GOES_ON, holdsMark } from "../domain/text/marks.ts";
import { cut, widthOf } from "../domain/text/width.ts";

/** They are copied: a line break in one would end it half-way. */
const COMMAND =
  /\b(pixcanary|npx|wrangler|curl|git|chmod|chown|export|openssl|timedatectl) |\$\(|\(umask|=…/;
/** A blank before the text, a symbol, and the name that some lines begin with. */
const LEAD = /^\s*(?:[✔✖!?·] +)?(?:\S+(?: \S+)* {2,}|\d+\. )?/;
/** Its part that is ours for certain. */
const SHORT_LEAD = /^\s*(?:[✔✖!?·] +)?/;
/** Under a line that begins at the first column: what stands there is ours. */
const LEAST_HANGING = 2;

/** What leads to one: "→ next: ", "      fix: ". */
const ADVICE = /^(→ next|\s+fix): /;
/** What is said of a command, behind it. */
const NOTE = /\s{3}# (.*)$/;

/** `columns`: null where the text goes to no terminal, and stays as it is. */
export function wrapLines(text: string, columns: number | null): string {
  if (columns === null) return text;
  return text
    .split("\n")
    .flatMap((line) => {
      if (widthOf(line) <= columns) return [line];
      if (!COMMAND.test(line)) return wrapped(line, columns);
      if (ADVICE.test(line)) return advice(line, columns);
      return holdsMark(beyond(line, columns)) ? wrapped(line, columns) : [line];
    })
    .join("\n");
}

/** What the terminal itself would break anywhere. */
function beyond(line: string, columns: number): string {
  return line.slice(cut(line, columns).length - 1);
}

/** A command that does not fit behind its label has a line of its own, from the first column: it is copied whole. */
function advice(line: string, columns: number): string[] {
  const [label = ""] = ADVICE.exec(line) ?? [];
  const note = NOTE.exec(line)?.[1] ?? "";
  const command = line.slice(label.length).replace(NOTE, "");
  const fits = widthOf(label + command) <= columns;
  const below = `${" ".repeat(fits ? label.length : 0)}# ${note}`;
  return [
    ...(fits ? [label + command] : [label.trimEnd(), command]),
    ...(note === "" ? [] : wrapped(below, columns)),
  ];
}

/** A word that is longer than a line stays whole. */
function wrapped(line: string, columns: number): string[] {
  if (widthOf(line) <= columns) return [line];
  const lead = leadOf(line, columns);
  const hanging = " ".repeat(Math.max(Math.min(widthOf(lead), columns >> 1), LEAST_HANGING));
  const lines: string[] = [];
  let current = lead;
  let empty = true;
  for (const word of line.slice(lead.length).split(" ")) {
    if (!empty && widthOf(current) + 1 + widthOf(word) > columns) {
      lines.push(current);
      current = hanging;
      empty = true;
    }
    const goesOn = empty && lines.length > 0;
    // Further blanks where the line was broken.
    if (goesOn && word === "") continue;
    if (goesOn && beginsWithMark(word)) current += GOES_ON;
    current += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, current];
}

/** Foreign text may hold two blanks far behind, and a lead is never broken. */
function leadOf(line: string, columns: number): string {
  const [lead = ""] = LEAD.exec(line) ?? [];
  return widthOf(lead) <= columns >> 1 ? lead : (SHORT_LEAD.exec(line)?.[0] ?? "");
}
