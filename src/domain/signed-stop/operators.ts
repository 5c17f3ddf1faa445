/** Who may send a signed stop: names and public Ed25519 keys, as the Worker's var OPERATOR_KEYS holds them. */
import { GUARDIAN } from "../guardian/document.ts";

/** It becomes the author of the stop, and goes into a header. */
export const OPERATOR_NAME = /^[A-Za-z0-9._@-]{1,64}$/;
export const OPERATOR_NAME_FORM = "1 to 64 letters, digits, . _ - or @";
const MAX_KEYS = 64;
const KEY_BYTES = 32;
/** Of a key's base64, enough to tell two keys apart by eye; public parts are no secrets. */
const MARK_CHARS = 12;
const SSH_TYPE = "ssh-ed25519";

export interface OperatorKey {
  name: string;
  /** 32 bytes. */
  publicKey: Uint8Array<ArrayBuffer>;
}

/** Never throws. What cannot be read opens nothing, and is a problem in words that hold no value. */
export function parseOperatorKeys(text: string | undefined): {
  keys: OperatorKey[];
  problems: string[];
} {
  if (text === undefined || text.trim() === "") return { keys: [], problems: [] };
  const given = jsonObject(text);
  if (given === null) {
    return { keys: [], problems: ['OPERATOR_KEYS is not JSON like {"anna":"<public key>"}'] };
  }
  const entries = Object.entries(given);
  if (entries.length > MAX_KEYS) {
    return { keys: [], problems: [`OPERATOR_KEYS holds more than ${MAX_KEYS} keys: none is used`] };
  }
  const keys: OperatorKey[] = [];
  const problems: string[] = [];
  for (const [index, [name, value]] of entries.entries()) {
    const publicKey = typeof value === "string" ? parsePublicKey(value) : null;
    if (!isOperatorName(name)) {
      problems.push(`OPERATOR_KEYS: name ${index + 1} is not ${OPERATOR_NAME_FORM}: not used`);
    } else if (publicKey === null) {
      problems.push(`OPERATOR_KEYS: the key of ${name} is no Ed25519 public key: not used`);
    } else keys.push({ name, publicKey });
  }
  return { keys, problems };
}

/** A person who is called as the guardian is must not be taken for it. */
export function isOperatorName(name: string): boolean {
  return OPERATOR_NAME.test(name) && name !== GUARDIAN;
}

/** 32 bytes in base64, or a line of OpenSSH (`ssh-ed25519 AAAA… comment`). Null for anything else. */
export function parsePublicKey(text: string): Uint8Array<ArrayBuffer> | null {
  const [first = "", second = ""] = text.trim().split(/\s+/);
  const key = first === SSH_TYPE ? keyOfBlob(bytesOf(second)) : bytesOf(first);
  return key?.length === KEY_BYTES && !isWeak(key) ? key : null;
}

/** `ssh-ed25519` and the key, each behind its length. Null for a key of another type. */
export function keyOfBlob(blob: Uint8Array | null): Uint8Array<ArrayBuffer> | null {
  const head = sshBlob(new Uint8Array(KEY_BYTES));
  if (blob?.length !== head.length) return null;
  const start = head.length - KEY_BYTES;
  const isOfType = head.subarray(0, start).every((byte, index) => blob[index] === byte);
  return isOfType ? new Uint8Array(blob.subarray(start)) : null;
}

/** As OpenSSH writes a public key, before base64. */
export function sshBlob(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const type = new TextEncoder().encode(SSH_TYPE);
  const length = (bytes: Uint8Array): number[] => [0, 0, 0, bytes.length];
  return new Uint8Array([...length(type), ...type, ...length(publicKey), ...publicKey]);
}

/** As OPERATOR_KEYS holds it. */
export function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** For people: "anna qJ1o2yVx0aBc". */
export function markedName({ name, publicKey }: OperatorKey): string {
  return `${name} ${base64Of(publicKey).slice(0, MARK_CHARS)}`;
}

function jsonObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Null for what is not base64. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

/**
 * Points of small order, by their y: for them anybody can make a signature that verifies. Zeros, which a
 * placeholder may well be, are one of them.
 */
const WEAK_Y: ReadonlySet<string> = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

function isWeak(key: Uint8Array): boolean {
  const y = [...key].map((byte, index) => (index === KEY_BYTES - 1 ? byte & 0x7f : byte));
  return WEAK_Y.has(y.map((byte) => byte.toString(16).padStart(2, "0")).join(""));
}
