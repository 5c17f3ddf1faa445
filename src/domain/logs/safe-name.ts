/**
 * Local names for objects of the bucket. Anybody who can write to the bucket chooses its keys: a name
 * made from one must never leave the folder, never be special to a system, and never be another
 * key's, not even where letter case and Unicode forms do not count. (AT-24)
 */
import { batchRange } from "./batch-name.ts";

const DIGEST = /^[0-9a-f]{64}$/;
const DIGEST_CHARS = 40;
const MAX_WORDS_CHARS = 80;

/**
 * A batch that lies where Logpush puts it keeps its name, which is made of digits, lower-case
 * letters and fixed signs alone. Everything else is named after the SHA-256 of its key (`digest`, in
 * hex), with as much of the key's last part as is harmless.
 */
export function safeName(key: string, prefix: string, digest: string): string {
  if (!DIGEST.test(digest)) throw new RangeError("the digest must be SHA-256 in hexadecimal");
  const name = key.slice(key.lastIndexOf("/") + 1);
  const day = `${name.slice(0, 8)}/`;
  const place = prefix === "" ? day : `${prefix}/${day}`;
  if (batchRange(name) !== null && key === `${place}${name}`) return name;
  const words = harmless(name);
  return `other-${digest.slice(0, DIGEST_CHARS)}${words === "" ? "" : `-${words}`}`;
}

/** ASCII letters in lower case, digits, `_`, `-`, and single dots inside; the end matters most. */
function harmless(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .slice(-MAX_WORDS_CHARS)
    .replace(/^[._-]+|[._-]+$/g, "");
}
