/** Takes secrets out of text before it becomes a message. (AT-19) */
import { escapeForTerminal } from "../domain/text/escape.ts";
import { API_TOKEN_FORM, type Secret } from "./secrets.ts";

export type Redact = (text: string) => string;

const HIDDEN = "***";

/** Whatever stands after `Bearer`, and Cloudflare's own token forms, known to us or not. */
const SHAPES: readonly [RegExp, string][] = [
  [/\bBearer\s+[^\s"',;]+/gi, `Bearer ${HIDDEN}`],
  [new RegExp(`\\b${API_TOKEN_FORM}`, "g"), HIDDEN],
  // In the destination of a Logpush job.
  [/\b(access-key-id|secret-access-key)=[^\s"'&]+/gi, `$1=${HIDDEN}`],
];

/** Shorter secrets would tear holes into ordinary words. */
const MIN_EXACT_CHARS = 4;

/** Also hides the URL-encoded and JSON-escaped forms of the given secrets. */
export function createRedactor(secrets: readonly (Secret | null)[]): Redact {
  const exact = secrets
    .flatMap((secret) => (secret === null ? [] : forms(secret.reveal())))
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let safe = text;
    for (const value of exact) safe = safe.replaceAll(value, HIDDEN);
    for (const [shape, replacement] of SHAPES) safe = safe.replace(shape, replacement);
    return safe;
  };
}

export interface GrowingRedactor {
  redact: Redact;
  add(secret: Secret): void;
}

/** For secrets that are read only when they are needed. */
export function createGrowingRedactor(secrets: readonly (Secret | null)[]): GrowingRedactor {
  const all = [...secrets];
  let redact = createRedactor(all);
  return {
    redact: (text) => redact(text),
    add(secret) {
      all.push(secret);
      redact = createRedactor(all);
    },
  };
}

function forms(value: string): string[] {
  if (value.length < MIN_EXACT_CHARS) return [];
  return [...new Set([value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])];
}

/** Remote text for a message: redacted first (a cut could hide a secret's shape), short, printable. */
export function remoteText(redact: Redact, text: string, maxChars = 200): string {
  const oneLine = redact(text).replace(/\s+/g, " ").trim();
  const cut = oneLine.length > maxChars ? `${oneLine.slice(0, maxChars)}…` : oneLine;
  return escapeForTerminal(cut);
}
