/** Whether a `config` that is unusable as a whole still plainly asks for an emergency. */

/** Of a longer text, so much of its beginning and of its end: each read of KV pays for it. */
const SCANNED_CHARS = 65_536;

/**
 * The key as JSON or a hand in a hurry writes it: quoted in any way or not at all, but not within a
 * string, where its quotes would be escaped.
 */
const FLAG =
  /(?:^|[\s{[,;])(["'\u2018\u2019\u201C\u201D]?)emergency_proxy["'\u2018\u2019\u201C\u201D]?\s{0,64}[:=]\s{0,64}["'\u2018\u2019\u201C\u201D]?(true|false)\b/gi;

/** `json`: what the text parses to, undefined when it is not JSON. A readable `false` is none. */
export function saysEmergency(text: string, json: unknown): boolean {
  if (typeof json === "string") return scan(json);
  if (typeof json === "object" && json !== null && Object.hasOwn(json, "emergency_proxy")) {
    const flag = (json as Record<string, unknown>).emergency_proxy;
    return flag === true || (typeof flag === "string" && flag.trim().toLowerCase() === "true");
  }
  return scan(text);
}

/** A shell that takes `\"` within single quotes as it stands leaves a document like this. */
const ESCAPED = /^\s*\{\s*\\"/;

/** JSON's last one of equal names counts. Without quotes it may be words within a string. */
function scan(text: string): boolean {
  const long = text.length > 2 * SCANNED_CHARS;
  const part = long ? `${text.slice(0, SCANNED_CHARS)}\n${text.slice(-SCANNED_CHARS)}` : text;
  // UTF-16 that was stored as bytes has a NUL beside each letter.
  const plain = part.replaceAll("\u0000", "");
  const found = [...(ESCAPED.test(plain) ? plain.replaceAll('\\"', '"') : plain).matchAll(FLAG)];
  const last = found.findLast(([, quote]) => quote !== "") ?? found.at(-1);
  return last?.[2]?.toLowerCase() === "true";
}
