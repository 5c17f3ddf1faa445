/**
 * Whether a `config` that is unusable as a whole still plainly asks for an emergency, as a person would read it.
 * Shells take quotes away or add backslashes, editors leave commas and comments, dashboards wrap text in text.
 */
import { flagAsWritten } from "./hand-written.ts";

/** Of a longer text, so much of its beginning and of its end: each read of KV pays for it. */
const SCANNED_CHARS = 65_536;
/** Nobody wraps a document in more layers of text than this. */
const MAX_LAYERS = 4;

const QUOTE = "[\"'`\u2018\u2019\u201C\u201D]";
/** A text that is cut off within `true` says nothing else. */
const WORD = "(true|false|yes|no|on|off|1|0|t(?:ru?)?$)(?![\\w-])";
const VALUE = `\\s{0,64}(?:[:\uFF1A]|=>?)\\s{0,64}${QUOTE}?${WORD}`;

/** The key as JSON or a hand in a hurry writes it: quoted in any way or not at all. */
const FLAG = new RegExp(`(^|[\\s{[(,;])(${QUOTE}?)emergency[_\\s-]?proxy${QUOTE}?${VALUE}`, "gi");
/** Half of it, but only where a key stands: it is a word of everyday language, too. */
const HALF = new RegExp(`(^|[{,;])\\s{0,64}(${QUOTE}?)emergency${QUOTE}?${VALUE}`, "gi");

const EXACT_KEY = "emergency_proxy";
const LIKE_KEY = /^\s*emergency(?:[_\s-]?proxy)?\s*$/i;

/** `json`: what the text parses to, undefined when it is not JSON. A readable `false` is none. */
export function saysEmergency(text: string, json: unknown): boolean {
  return json === undefined ? scan(text, MAX_LAYERS) : saysValue(json, text, MAX_LAYERS);
}

function saysValue(json: unknown, text: string, layers: number): boolean {
  if (layers === 0) return false;
  if (typeof json === "string") return saysText(json, layers - 1);
  if (typeof json !== "object" || json === null) return scan(text, layers - 1);
  const names = Object.keys(json).filter((name) => LIKE_KEY.test(name));
  const name = names.includes(EXACT_KEY) ? EXACT_KEY : names.at(-1);
  if (name !== undefined) return isOn((json as Record<string, unknown>)[name]);
  if (scan(text, layers - 1)) return true;
  return Object.values(json).some(
    (value) => typeof value === "string" && WRAPPED.test(value) && saysText(value, layers - 1),
  );
}

/** A document within a string begins like this. */
const WRAPPED = /^\s*\\?[{"]/;

function saysText(text: string, layers: number): boolean {
  try {
    return saysValue(JSON.parse(text), text, layers);
  } catch {
    return scan(text, layers);
  }
}

function isOn(value: unknown): boolean {
  const flag = flagAsWritten(value);
  return flag === true || flag === 1 || /^\s*(?:yes|on|1)\s*$/i.test(String(flag));
}

const INVISIBLE = /[\u200B-\u200D\u2060\uFEFF]/g;
/** Or a string, closed or not, which is kept. The slashes of an address begin none. */
const COMMENT = /("(?:\\.|[^"\\\n])*"?)|\/\*[\s\S]{0,999}?\*\/|(?<=^|[\s,{}])\/\/[^\n]*/g;

/** What shells and dashboards put around a document. */
const AROUND = /^[\s"'`]+/;

function scan(text: string, layers: number): boolean {
  const long = text.length > 2 * SCANNED_CHARS;
  const part = long ? `${text.slice(0, SCANNED_CHARS)}\n${text.slice(-SCANNED_CHARS)}` : text;
  const plain = unwrapped(part, layers).replaceAll(COMMENT, (_, string) => string ?? " ");
  const flags = [...plain.matchAll(FLAG)];
  const last = flagOf(flags.length > 0 ? flags : [...plain.matchAll(HALF)]);
  return /^(?:t|yes|on$|1)/i.test(last ?? "");
}

/** Without what shells and dashboards put around a document, or its quotes. */
function unwrapped(text: string, layers: number): string {
  // UTF-16 that was stored as bytes has a NUL beside each letter.
  const visible = text.replaceAll("\u0000", "").replaceAll(INVISIBLE, "");
  let plain = visible.replaceAll(/&(?:quot|#34|#x22);/gi, '"');
  for (let layer = 0; layer < layers && isEscaped(plain); layer += 1) {
    plain = plain.replaceAll(/\\(["\\])/g, "$1");
  }
  if (!plain.includes('"')) plain = plain.replaceAll("\\", "");
  const bare = plain.replace(AROUND, "");
  return /^[{[]/.test(bare) ? bare : plain;
}

/** A shell that takes `\"` within single quotes as it stands leaves a document whose first quote is one. */
function isEscaped(text: string): boolean {
  const bare = text.replace(AROUND, "");
  return bare.charAt(bare.indexOf('"') - 1) === "\\";
}

/**
 * JSON's last one of equal names counts. Without quotes it may be words within a string: rather one that
 * stands where a key does.
 */
function flagOf(found: readonly RegExpMatchArray[]): string | undefined {
  const quoted = found.findLast(([, , quote]) => quote !== "");
  const asKey = found.findLast(([, before]) => before === "" || /[{[(,;\n]/.test(before ?? ""));
  return (quoted ?? asKey ?? found.at(-1))?.[3];
}
