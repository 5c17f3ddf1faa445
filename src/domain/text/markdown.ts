/** Markdown for documents that people read on GitHub; what comes from outside stays text in it. */
import { escapeForTerminal } from "./escape.ts";

/**
 * Foreign text on one line: it becomes neither markup nor a link, another cell, a comment, or a message to
 * somebody.
 */
export function plain(text: string): string {
  return escapeForTerminal(text)
    .replace(/[\\`*_{}[\]<>#|~&]/g, (char) => ENTITIES[char] ?? `\\${char}`)
    .replace(/:\/\//g, ":&#47;&#47;")
    .replace(/\bwww\./gi, (word) => `${word.slice(0, 3)}&#46;`)
    .replace(/(^|\W)@(?=\w)|@(?=[\w-]+\.\w)/g, (at) => `${at}<!-- -->`);
}

/** A backslash before a pipe is read differently from place to place. */
const ENTITIES: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  "|": "&#124;",
  "\\": "&#92;",
};

/** Of foreign text; a cell's line breaks stay. */
export function tableLines(head: readonly string[], rows: readonly string[][]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(" | ")} |`;
  return [line(head), `| ${head.map(() => "---").join(" | ")} |`, ...rows.map(line)];
}

/** One line: a row ends with its line. */
function cellText(text: string): string {
  return text.split("\n").map(plain).join("<br>");
}

/** The fence is longer than any in the text. */
export function fenced(text: string, language: string): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}${language}`, escapeForTerminal(text), fence];
}
