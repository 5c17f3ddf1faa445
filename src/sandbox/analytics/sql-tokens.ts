/** Cuts SQL text into tokens; what none of them fits is refused. */

export interface Token {
  /** `name` is a quoted identifier, `text` a string literal; both without their quotes. */
  kind: "word" | "name" | "number" | "text" | "symbol";
  text: string;
}

const MAX_TOKENS = 2_000;

/** Sticky, and no two begin alike: the first that fits is the only one. */
const PATTERNS: readonly [Token["kind"] | "space", RegExp][] = [
  ["space", /\s+/y],
  ["word", /[A-Za-z_][A-Za-z0-9_]*/y],
  ["number", /\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![A-Za-z0-9_.])/y],
  // Of the escapes, only those of the quote and of the backslash itself.
  ["text", /'((?:[^'\\]|\\[\\']|'')*)'/y],
  ["name", /"([A-Za-z_][A-Za-z0-9_]*)"/y],
  ["name", /`([A-Za-z_][A-Za-z0-9_]*)`/y],
  ["symbol", /<=|>=|<>|!=|==|[-+*/%=<>(),]/y],
];

/** The tokens, or what is wrong with the text. One semicolon may end it. */
export function tokenise(text: string): Token[] | string {
  const source = text.replace(/;\s*$/, "");
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const found = match(source, at);
    if (found === null) return `cannot be read at character ${at + 1}: ${excerpt(source, at)}`;
    at += found.length;
    if (found.token !== null) tokens.push(found.token);
    if (tokens.length > MAX_TOKENS) return "the query is too long";
  }
  return tokens;
}

function match(source: string, at: number): { token: Token | null; length: number } | null {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found === null) continue;
    const length = found[0].length;
    if (kind === "space") return { token: null, length };
    const inner = found[1] ?? found[0];
    const text = kind === "text" ? unescaped(inner) : inner;
    return { token: { kind, text }, length };
  }
  return null;
}

/** Without NUL, which ends a string for some readers. */
function unescaped(literal: string): string {
  return literal
    .replace(/\\([\\'])|''/g, (_, escaped?: string) => escaped ?? "'")
    .replaceAll("\0", "");
}

function excerpt(source: string, at: number): string {
  return JSON.stringify(source.slice(at, at + 20));
}
