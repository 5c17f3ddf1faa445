/**
 * Folds what differs between two occurrences of the same error: ids, numbers, addresses, times, quoted
 * text, paths. One pass, each alternative bounded by what it matches: time linear in the (capped)
 * length, whatever the text.
 */

/** What is read of a message, and what is kept. */
const MAX_READ_CHARS = 1_000;
const MAX_KEPT_CHARS = 240;

/** A word this long with digits in it is an id; shorter ones may be names (`b1a`, `sha256`, `57P01`). */
const ID_CHARS = 12;
const ID_DIGITS = 2;

const PARTS = new RegExp(
  [
    "(?<url>\\b[a-z][a-z0-9+.-]{1,15}:\\/\\/[^\\s\"'<>()]+)",
    "(?<quoted>\"[^\"]*\"|`[^`]*`|(?<!\\w)'[^']*'(?!\\w))",
    "(?<time>\\b\\d{4}-\\d\\d-\\d\\d(?:[T ]\\d\\d:\\d\\d(?::\\d\\d(?:[.,]\\d{1,9})?)?(?:Z|[+-]\\d\\d:?\\d\\d)?)?)",
    "(?<uuid>\\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\\b)",
    "(?<ip>\\b\\d{1,3}(?:\\.\\d{1,3}){3}(?::\\d{1,5})?\\b|\\[?\\b(?:[0-9a-fA-F]{1,4}:){3,7}:?[0-9a-fA-F]{1,4}\\b\\]?(?::\\d{1,5})?)",
    "(?<path>(?<![\\w.])(?:\\/[\\w.:@%+*~-]+){2,}\\/?)",
    "(?<number>(?<![\\w.])-?\\d+(?:[.,]\\d+)*(?<unit>ms|s|m|h|[kKMG]i?B|B|%)?(?![\\w]))",
    "(?<word>[\\w-]+)",
  ].join("|"),
  "g",
);

const PLACEHOLDERS = ["url", "time", "uuid", "ip", "path"] as const;

export function normalise(message: string): string {
  const folded = message
    .slice(0, MAX_READ_CHARS)
    .replace(PARTS, (match, ...rest) => {
      const groups = rest.at(-1) as Record<string, string | undefined>;
      if (groups.word !== undefined) return foldWord(match);
      if (groups.number !== undefined) return `<n>${groups.unit ?? ""}`;
      if (groups.quoted !== undefined) return `${match.charAt(0)}…${match.charAt(0)}`;
      const kind = PLACEHOLDERS.find((name) => groups[name] !== undefined);
      return kind === undefined ? match : `<${kind === "uuid" ? "id" : kind}>`;
    })
    .replace(/\s+/g, " ")
    .trim();
  if (folded.length <= MAX_KEPT_CHARS) return folded.toWellFormed();
  return `${folded.slice(0, MAX_KEPT_CHARS).toWellFormed()}…`;
}

function foldWord(word: string): string {
  if (/^0[xX][0-9a-fA-F]+$/.test(word)) return "<hex>";
  if (word.length >= 8 && /^[0-9a-fA-F]+$/.test(word) && /\d/.test(word)) return "<hex>";
  return word.length >= ID_CHARS && digitsIn(word) >= ID_DIGITS ? "<id>" : word;
}

function digitsIn(word: string): number {
  let digits = 0;
  for (let at = 0; at < word.length; at += 1) {
    const code = word.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) digits += 1;
  }
  return digits;
}
