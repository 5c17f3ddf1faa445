/** Fenced blocks of a Markdown file, with what their info string promises. */

export interface Block {
  /** Of the opening fence, from 1. */
  line: number;
  /** The headings above, outermost first. */
  headings: readonly string[];
  language: string;
  /** Words of the info string after the language, e.g. `run` or `seen`. */
  flags: ReadonlySet<string>;
  /** `name=value` and `name="value"` of the info string. */
  promises: ReadonlyMap<string, string>;
  text: string;
}

const FENCE = /^( *)(`{3,})(.*)$/;
const HEADING = /^(#{1,6}) +(.+)$/;
const WORD = /([a-z]+)=(?:"((?:[^"\\]|\\.)*)"|(\S+))|(\S+)/g;

/** Throws when a fence is never closed. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  const headings: string[] = [];
  let open: { fence: string; indent: number; block: Block; lines: string[] } | null = null;
  for (const [index, line] of markdown.split("\n").entries()) {
    const fence = FENCE.exec(line);
    if (open !== null) {
      if (fence !== null && fence[2] === open.fence && (fence[3] ?? "").trim() === "") {
        blocks.push({ ...open.block, text: open.lines.join("\n") });
        open = null;
      } else open.lines.push(line.slice(Math.min(open.indent, line.search(/\S|$/))));
      continue;
    }
    if (fence !== null) {
      const [, indent = "", marks = "", info = ""] = fence;
      const block = { line: index + 1, headings: [...headings], text: "", ...readInfo(info) };
      open = { fence: marks, indent: indent.length, block, lines: [] };
      continue;
    }
    const heading = HEADING.exec(line);
    if (heading !== null) headings.splice((heading[1] ?? "").length - 1, 9, heading[2] ?? "");
  }
  if (open !== null) throw new Error(`line ${open.block.line}: the fence is never closed`);
  return blocks;
}

function readInfo(info: string): Pick<Block, "language" | "flags" | "promises"> {
  const flags = new Set<string>();
  const promises = new Map<string, string>();
  for (const [, name, quoted, plain, flag] of info.matchAll(WORD)) {
    if (flag !== undefined) flags.add(flag);
    else if (name !== undefined) promises.set(name, withoutEscapes(quoted ?? plain ?? ""));
  }
  const language = /^\s*([a-z]+)/.exec(info)?.[1] ?? "";
  flags.delete(language);
  return { language, flags, promises };
}

function withoutEscapes(text: string): string {
  return text.replace(/\\(.)/g, "$1");
}
