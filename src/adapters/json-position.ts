/** Where in a text JSON stops being JSON: V8's message says so for some mistakes only. */

export interface JsonMistake {
  /** From 1. */
  line: number;
  column: number;
  what: string;
}

/** Null for valid JSON. */
export function findJsonMistake(text: string): JsonMistake | null {
  const message = mistakeIn(text);
  if (message === null) return null;
  const position = /at position (\d+)/.exec(message)?.[1];
  const offset = position === undefined ? searchOffset(text) : Number(position);
  return placeOf(text, offset, describe(message));
}

export function placeOf(text: string, offset: number, what: string): JsonMistake {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1, what };
}

function mistakeIn(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : "is not JSON";
  }
}

/**
 * The beginnings of a text are all acceptable up to the offending character and none after it, so
 * the shortest one that holds an unexpected token can be searched for.
 */
function searchOffset(text: string): number {
  if (!isUnexpectedToken(text)) return text.length;
  let good = 0;
  let bad = text.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUnexpectedToken(text.slice(0, middle))) bad = middle;
    else good = middle;
  }
  return good;
}

function isUnexpectedToken(text: string): boolean {
  return mistakeIn(text)?.startsWith("Unexpected token") === true;
}

/** Without V8's quotation of the text: the file may hold what should not be shown. */
function describe(message: string): string {
  return message
    .replace(/ in JSON at position .*$/s, "")
    .replace(/ at position .*$/s, "")
    .replace(/, ["'.].* is not valid JSON$/s, "")
    .replace(/^Unexpected end of JSON input$/, "the file ends too early");
}
