/** The cohort cookie within a `Cookie` header: found, and left out for whoever must not see it. */
import { COHORT_COOKIE, parseCookie } from "./cookie.ts";

/** A browser sends one; a parent domain may add another. More is an attack on our time. */
const MAX_CANDIDATES = 4;

/** Between the lines of a request that has several `Cookie` lines, where the runtime joins them. */
const LINE_END = ", ";

/** With blanks as HTTP knows them: any other, as a no-break space, makes it another name. */
const OWN_NAME = new RegExp(`^[ \\t]*${COHORT_COOKIE}[ \\t]*$`);

/** What stands between two separators of a `Cookie` header. */
interface Piece {
  /** The separator in front of it. */
  before: "" | ";" | typeof LINE_END;
  text: string;
  /** What is sent under our name; null for anybody else's. */
  own: string | null;
}

/** The values sent under our name, in order, at most four. */
export function cookieCandidates(header: string | null | undefined): string[] {
  const found: string[] = [];
  if (header === null || header === undefined) return found;
  if (header.indexOf(COHORT_COOKIE) === -1) return found;
  for (const { own } of piecesOf(header)) {
    if (own !== null) found.push(own);
    if (found.length === MAX_CANDIDATES) break;
  }
  return found;
}

/**
 * The `Cookie` header without our cookie (the origin must not see it); null when nothing is left. What
 * is not ours stays to the letter, and what came in two lines stays apart.
 */
export function withoutCohortCookie(header: string): string | null {
  const pieces = piecesOf(header);
  if (pieces.every(({ own }) => own === null)) return header;
  let kept: string | null = null;
  /** A line ended in front of, or after, what was just left out. */
  let lineEnded = false;
  for (const { before, text, own } of pieces) {
    if (own !== null) {
      lineEnded ||= before === LINE_END;
      continue;
    }
    const opensLine = lineEnded && before === ";";
    const added = opensLine ? LINE_END + text.replace(/^[ \t]+/, "") : before + text;
    kept = kept === null ? text : kept + added;
    lineEnded = false;
  }
  const left = withoutBlanks(kept ?? "");
  return left === "" ? null : left;
}

/** Costs no more than the header is long. */
function piecesOf(header: string): Piece[] {
  const pieces: Piece[] = [];
  let before: Piece["before"] = "";
  for (let start = 0; start <= header.length; before = ";") {
    const semicolon = header.indexOf(";", start);
    const end = semicolon === -1 ? header.length : semicolon;
    // Within the pair alone: looking further at each pair would make the cost quadratic.
    const pair = header.slice(start, end);
    if (pair.indexOf(COHORT_COOKIE) === -1) pieces.push({ before, text: pair, own: null });
    else if (pair.indexOf(LINE_END) !== -1) pieces.push(...linesOf(pair, before));
    else pieces.push({ before, text: pair, own: ownValue(pair) });
    start = end + 1;
  }
  return pieces;
}

/**
 * `, ` may stand in a value as well. In front of our name it ends a line, but for one inside of quotes,
 * where only what this Worker could have written is ours.
 */
function linesOf(pair: string, before: Piece["before"]): Piece[] {
  const lastQuote = pair.lastIndexOf('"');
  let quoted = false;
  let start = 0;
  return pair.split(LINE_END).map((text, index) => {
    const value = ownValue(text);
    const isInQuotes = quoted && start < lastQuote;
    const isOwn = value !== null && (!isInQuotes || parseCookie(value) !== null);
    if (text.split('"').length % 2 === 0) quoted = !quoted;
    start += text.length + LINE_END.length;
    return { before: index === 0 ? before : LINE_END, text, own: isOwn ? value : null };
  });
}

/** The value of `_canary_cohort=…`; null for any other name, and for a value without one. */
function ownValue(text: string): string | null {
  const equals = text.indexOf("=");
  if (equals === -1 || !OWN_NAME.test(text.slice(0, equals))) return null;
  return text.slice(equals + 1).trim();
}

function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text, start)) start += 1;
  while (end > start && isBlank(text, end - 1)) end -= 1;
  return text.slice(start, end);
}

function isBlank(text: string, at: number): boolean {
  return text[at] === " " || text[at] === "\t";
}
