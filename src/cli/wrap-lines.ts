/** Text for a terminal of so many columns: no word is broken there, and what continues a line stands under it. */
import { widthOf } from "../domain/text/width.ts";

/** They are copied: a line break in one would end it half-way. */
const COMMAND =
  /\b(pixcanary|npx|wrangler|curl|git|chmod|chown|export|openssl|timedatectl) |\$\(|\(umask|=…/;
/** A blank before the text, a symbol, and the name that some lines begin with. */
const LEAD = /^\s*(?:[✔✖!?·] +)?(?:\S+(?: \S+)* {2,}|\d+\. )?/;

/** What leads to one: "→ next: ", "      fix: ". */
const ADVICE = /^(→ next|\s+fix): /;
/** What is said of a command, behind it. */
const NOTE = /\s{3}# (.*)$/;

export function wrapLines(text: string, columns: number): string {
  return text
    .split("\n")
    .flatMap((line) => {
      if (widthOf(line) <= columns) return [line];
      if (!COMMAND.test(line)) return wrapped(line, columns);
      return ADVICE.test(line) ? advice(line, columns) : [line];
    })
    .join("\n");
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
  const lead = LEAD.exec(line)?.[0] ?? "";
  const hanging = " ".repeat(Math.min(widthOf(lead), columns >> 1));
  const lines: string[] = [];
  let current = lead;
  let empty = true;
  for (const word of line.slice(lead.length).split(" ")) {
    if (!empty && widthOf(current) + 1 + widthOf(word) > columns) {
      lines.push(current);
      current = hanging;
      empty = true;
    }
    current += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, current];
}
