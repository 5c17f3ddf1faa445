/**
 * Which SQL Analytics Engine has, and nothing more: chDB knows far more, among it functions that
 * read files and addresses. What passes is written anew from its tokens, so that chDB can read no
 * other statement than the one that was checked.
 * Source: developers.cloudflare.com/analytics/analytics-engine/sql-reference
 */
import { type Token, tokenise } from "./sql-tokens.ts";
import {
  CLAUSES_AFTER_TABLE,
  COLUMNS,
  FORMATS,
  FUNCTIONS,
  INTERVAL_UNITS,
  KEYWORDS,
  type SqlFormat,
} from "./sql-words.ts";

export type CheckedSql =
  | { ok: true; sql: string; format: SqlFormat; datasets: string[] }
  /** In words for whoever wrote the query. */
  | { ok: false; problem: string };

class Refused extends Error {
  override readonly name = "Refused";
}

/** Never throws. `datasets` are those after FROM: whether there are such is for the caller to say. */
export function checkSql(text: string): CheckedSql {
  try {
    const all = tokenise(text);
    if (typeof all === "string") return { ok: false, problem: all };
    const { tokens, format } = withoutFormat(all);
    const datasets = checkTokens(tokens);
    return { ok: true, sql: tokens.map(written).join(" "), format, datasets };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, problem: error.message };
    throw error;
  }
}

/** FORMAT is the last clause, and JSON when there is none. */
function withoutFormat(tokens: readonly Token[]): { tokens: Token[]; format: SqlFormat } {
  const at = tokens.findIndex((token, i) => isWord(token, "FORMAT") && !isOpen(tokens[i + 1]));
  if (at === -1) return { tokens: [...tokens], format: "JSON" };
  const name = tokens[at + 1];
  const format = FORMATS.find((known) => name?.kind === "word" && name.text === known);
  if (format === undefined || tokens.length !== at + 2) {
    throw new Refused(`FORMAT must be the last clause, and one of ${FORMATS.join(", ")}`);
  }
  return { tokens: tokens.slice(0, at), format };
}

function checkTokens(tokens: readonly Token[]): string[] {
  if (!isWord(tokens[0], "SELECT")) throw new Refused("only SELECT is supported");
  const closing = matchingBrackets(tokens);
  const aliases = aliasesOf(tokens);
  const datasets = new Set<string>();
  tokens.forEach((token, i) => {
    const before = tokens[i - 1];
    if (isWord(token, "FROM")) datasets.add(tableAfter(tokens, i, closing));
    else if (isWord(token, "INTERVAL")) checkInterval(tokens, i);
    else if (token.kind === "word" || token.kind === "name") {
      const isTable = isWord(before, "FROM");
      const isUnit = isWord(tokens[i - 2], "INTERVAL");
      if (!isTable && !isUnit) checkName(tokens, i, aliases);
    }
  });
  datasets.delete("");
  return [...datasets];
}

/** The closing bracket of each opening one, by position. */
function matchingBrackets(tokens: readonly Token[]): Map<number, number> {
  const closing = new Map<number, number>();
  const open: number[] = [];
  tokens.forEach((token, i) => {
    if (isOpen(token)) open.push(i);
    if (!isSymbol(token, ")")) return;
    const start = open.pop();
    if (start === undefined) throw new Refused("a bracket is closed that was not opened");
    closing.set(start, i);
  });
  if (open.length > 0) throw new Refused("a bracket is not closed");
  return closing;
}

function aliasesOf(tokens: readonly Token[]): ReadonlySet<string> {
  const aliases = new Set<string>();
  tokens.forEach((token, i) => {
    if (!isWord(tokens[i - 1], "AS")) return;
    const name = identifier(token);
    if (name === null) throw new Refused("AS must be followed by a name");
    aliases.add(name);
  });
  return aliases;
}

/** One dataset, or one subquery; the name is empty for the latter. */
function tableAfter(tokens: readonly Token[], from: number, closing: Map<number, number>): string {
  const table = tokens[from + 1];
  const isSubquery = isOpen(table) && isWord(tokens[from + 2], "SELECT");
  const name = isSubquery ? "" : identifier(table);
  if (name === null) throw new Refused("FROM must be followed by a dataset or a subquery");
  const end = isSubquery ? closing.get(from + 1) : from + 1;
  const next = end === undefined ? undefined : tokens[end + 1];
  const clause = next?.kind === "word" ? next.text.toUpperCase() : "";
  if (next !== undefined && !isSymbol(next, ")") && !CLAUSES_AFTER_TABLE.has(clause)) {
    throw new Refused(`${written(next)} is not supported after FROM: there is one table`);
  }
  return name;
}

function checkInterval(tokens: readonly Token[], at: number): void {
  const [amount, unit] = [tokens[at + 1], tokens[at + 2]];
  const quoted = amount?.kind === "text" && /^\d{1,9}$/.test(amount.text);
  const known = unit?.kind === "word" && INTERVAL_UNITS.has(unit.text.toUpperCase());
  if (!quoted || !known) throw new Refused("INTERVAL must be written as in INTERVAL '15' MINUTE");
}

/** Every word must be one that Analytics Engine knows, in a place where it may stand. */
function checkName(tokens: readonly Token[], i: number, aliases: ReadonlySet<string>): void {
  const token = tokens[i];
  if (token === undefined) return;
  const upper = token.text.toUpperCase();
  if (token.kind === "word" && KEYWORDS.has(upper)) {
    checkKeyword(tokens, i, upper);
    return;
  }
  if (isOpen(tokens[i + 1])) {
    if (token.kind === "word" && FUNCTIONS.has(token.text.toLowerCase())) return;
    throw new Refused(`unknown function: ${token.text}`);
  }
  if (COLUMNS.has(token.text) || aliases.has(token.text)) return;
  throw new Refused(`unknown name: ${token.text}`);
}

function checkKeyword(tokens: readonly Token[], i: number, word: string): void {
  const before = tokens[i - 1];
  if (word === "SELECT" && i > 0 && !(isOpen(before) && isWord(tokens[i - 2], "FROM"))) {
    throw new Refused("a subquery is supported after FROM only");
  }
  // `LIMIT 1 BY` and `IN table` are chDB's own.
  if (word === "BY" && !isWord(before, "GROUP") && !isWord(before, "ORDER")) {
    throw new Refused("BY is supported after GROUP and ORDER only");
  }
  if (word === "IN" && !isOpen(tokens[i + 1])) throw new Refused("IN must be followed by a list");
}

function identifier(token: Token | undefined): string | null {
  if (token?.kind === "name") return token.text;
  if (token?.kind !== "word" || KEYWORDS.has(token.text.toUpperCase())) return null;
  return token.text;
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === "word" && token.text.toUpperCase() === word;
}

function isSymbol(token: Token | undefined, symbol: string): boolean {
  return token?.kind === "symbol" && token.text === symbol;
}

function isOpen(token: Token | undefined): boolean {
  return isSymbol(token, "(");
}

function written(token: Token): string {
  switch (token.kind) {
    case "text":
      return `'${token.text.replace(/[\\']/g, "\\$&")}'`;
    case "name":
      return `\`${token.text}\``;
    default:
      return FUNCTIONS.get(token.text.toLowerCase()) ?? token.text;
  }
}
