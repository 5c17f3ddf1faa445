/**
 * How many columns a text takes on a terminal, never less: where terminals differ, the wider one
 * counts, so that a line cut here wraps nowhere. Control characters must have been escaped before.
 */
import { beginsWithMark, GOES_ON } from "./marks.ts";

/** Symbols of ours and their neighbours: arrows, lines, bars, dingbats. Narrow but for WIDE_SYMBOL. */
const NARROW_SYMBOLS = { from: 0x2000, to: 0x2bff };
/** East Asian scripts, emoji and whatever comes after begin here. */
const WIDE_FROM = 0x1100;
/** Emoji, and what Unicode's EastAsianWidth calls wide beside them: brackets, trigrams, Yijing symbols. */
const WIDE_SYMBOL = /\p{Emoji_Presentation}|[\u2329\u232a\u2630-\u2637\u268a-\u268f]/u;

function columnsOf(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (code < WIDE_FROM) return 1;
  const symbol = code >= NARROW_SYMBOLS.from && code <= NARROW_SYMBOLS.to;
  return symbol && !WIDE_SYMBOL.test(char) ? 1 : 2;
}

export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += columnsOf(char);
  return width;
}

/** At most so many columns; what was longer ends with an ellipsis. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  return columns < 1 ? "" : `${headOf(text, columns - 1)}…`;
}

/**
 * Lines of at most so many columns, broken at spaces; those after the first are indented, and none of them
 * begins with a mark: foreign text could look like a line of ours.
 */
export function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  let begin = indent;
  let rest = text;
  while (widthOf(rest) > columns) {
    const head = headOf(rest, columns + 1);
    const at = head.lastIndexOf(" ");
    if (at <= begin.length || head.slice(0, at).trim() === "") break;
    lines.push(head.slice(0, at).trimEnd());
    const next = rest.slice(at + 1).trimStart();
    begin = beginsWithMark(next) ? indent + GOES_ON : indent;
    rest = begin + next;
  }
  return [...lines, cut(rest, columns)];
}

/** As much of the beginning as fits. */
function headOf(text: string, columns: number): string {
  let head = "";
  let width = 0;
  for (const char of text) {
    width += columnsOf(char);
    if (width > columns) break;
    head += char;
  }
  return head;
}
