/** An API's answer that is larger than any line: where the list in it begins. */
import { ENVELOPES } from "../../domain/logs/unwrap.ts";

const TEXT = '"(?:[^"\\\\]|\\\\.)*"';
/** What may come before the list: `"success": true, "errors": []`. */
const SIMPLE = `${TEXT}\\s*:\\s*(?:${TEXT}|[-+.\\w]+|\\[\\s*\\]|\\{\\s*\\})\\s*,\\s*`;
const BEGINNING = new RegExp(`\\s*\\{\\s*(?:${SIMPLE})*"(?:${ENVELOPES.join("|")})"\\s*:\\s*`, "y");
const MAX_ENVELOPES = 4;

/** After the bracket that opens the list, and how many objects are open there; null when it is no envelope. */
export function envelopeEnd(text: string): { end: number; depth: number } | null {
  BEGINNING.lastIndex = 0;
  for (let depth = 1; depth <= MAX_ENVELOPES; depth += 1) {
    if (!BEGINNING.test(text)) return null;
    if (text[BEGINNING.lastIndex] === "[") return { end: BEGINNING.lastIndex + 1, depth };
  }
  return null;
}
