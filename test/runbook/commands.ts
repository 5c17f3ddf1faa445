/** Which commands a document tells people to type, runnable or not. */

export interface Mention {
  line: number;
  /** E.g. `pixcanary` or `wrangler`. */
  program: string;
  /** The words before the first option, placeholder or operator. */
  words: readonly string[];
  /** Long and short options, without values. */
  options: readonly string[];
}

const COMMAND = /(?<![\w./@-])(pixcanary|wrangler)((?: +(?:"[^"]*"|'[^']*'|[^\s`'"|;&<>)]+))+)/g;
const SUBCOMMAND = /^[a-z][a-z0-9-]*$/;

/**
 * Looks into fenced blocks and inline code alone: prose may say "wrangler writes". Runnable blocks
 * are left out, since running them says more.
 */
export function mentionsIn(markdown: string): Mention[] {
  let fence: string | null = null;
  return markdown.split("\n").flatMap((line, index) => {
    const opening = /^ *```(.*)$/.exec(line);
    if (opening !== null) {
      fence = fence === null ? (opening[1] ?? "") : null;
      return [];
    }
    if (fence !== null && /\brun\b/.test(fence)) return [];
    const code =
      fence !== null ? [withoutComment(line)] : [...line.matchAll(/`([^`]+)`/g)].map((m) => m[1]);
    return code.flatMap((text) => mentionsOf(text ?? "", index + 1));
  });
}

function withoutComment(line: string): string {
  return line.replace(/(^|\s)#.*$/, "");
}

function mentionsOf(code: string, line: number): Mention[] {
  return [...code.matchAll(COMMAND)].map(([, program = "", rest = ""]) => {
    const parts = rest.trim().split(/ +/);
    const end = parts.findIndex((part) => !SUBCOMMAND.test(part));
    const words = end === -1 ? parts : parts.slice(0, end);
    return { line, program, words, options: optionsIn(rest) };
  });
}

function optionsIn(text: string): string[] {
  const unquoted = text.replace(/"[^"]*"|'[^']*'/g, "");
  return [...unquoted.matchAll(/ (--?[a-z][a-z-]*)/g)].map((match) => match[1] ?? "");
}
