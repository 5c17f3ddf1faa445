/**
 * Makes remote text safe to print: control, format (bidirectional controls, zero-width and other
 * invisible characters), line and paragraph separators and lone surrogates become visible escapes. (AT-23)
 * So does what only looks like a blank: lines are not broken there, so it makes many words one. Selectors of
 * a variant stay: emoji, also ours, are written with them.
 */
const UNSAFE =
  /(?! )(?!\p{Variation_Selector})[\p{Cc}\p{Cf}\p{Z}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]/gu;
const UNSAFE_BUT_NEWLINE = new RegExp(`(?!\\n)${UNSAFE.source}`, "gu");

export function escapeForTerminal(text: string): string {
  return text.replace(UNSAFE, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : [...utf16(char)].map((unit) => `\\u${unit}`).join("");
  });
}

/** Of text that is our own but for what it quotes: its line breaks stay. */
export function escapeLines(text: string): string {
  return text.split("\n").map(escapeForTerminal).join("\n");
}

/** The same document, with nothing in it that a terminal obeys: JSON leaves C1 and format characters as they are. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE_BUT_NEWLINE, (char) =>
    utf16(char)
      .map((unit) => `\\u${unit}`)
      .join(""),
  );
}

function utf16(char: string): string[] {
  return char.split("").map((unit) => unit.charCodeAt(0).toString(16).padStart(4, "0"));
}

/**
 * A copy of a document with every string and every key made safe, so that no field can end its own line and
 * forge the next one. Only a `stack`, which is printed as indented lines, and a `markdown` document of our
 * own, whose foreign text was made safe when it was put together, keep their line breaks.
 */
export function escapeFields<T>(value: T): T {
  return mapStrings(value, (text, key) =>
    LINES.has(key) ? escapeLines(text) : escapeForTerminal(text),
  );
}

const LINES = new Set(["stack", "markdown"]);

/** A copy of a document with every string and every key replaced; `key` is the name of the string's field. */
export function mapStrings<T>(value: T, map: (text: string, key: string) => string): T {
  return mapped(value, "", map) as T;
}

function mapped(value: unknown, key: string, map: (text: string, key: string) => string): unknown {
  if (typeof value === "string") return map(value, key);
  if (Array.isArray(value)) return value.map((item) => mapped(item, key, map));
  if (
    typeof value !== "object" ||
    value === null ||
    Object.getPrototypeOf(value) !== Object.prototype
  ) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [map(name, ""), mapped(field, name, map)]),
  );
}
