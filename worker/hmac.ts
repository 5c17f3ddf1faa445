/** HMAC-SHA-256 over text, signatures in base64url without padding. */
export type HmacKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const ALGORITHM = { name: "HMAC", hash: "SHA-256" };
const utf8 = new TextEncoder();

/** The only form that 32 bytes have in base64url: anything else would be a second spelling. */
const CANONICAL = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

export function importHmacKey(secret: Uint8Array): Promise<HmacKey> {
  return crypto.subtle.importKey("raw", new Uint8Array(secret), ALGORITHM, false, [
    "sign",
    "verify",
  ]);
}

export async function signText(key: HmacKey, text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8.encode(text)));
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Compares in constant time; a signature in any other form than ours is refused. */
export async function verifyText(key: HmacKey, text: string, signature: string): Promise<boolean> {
  if (!CANONICAL.test(signature)) return false;
  const bytes = fromBase64(signature.replaceAll("-", "+").replaceAll("_", "/"));
  return bytes !== null && crypto.subtle.verify("HMAC", key, bytes, utf8.encode(text));
}

/** Null for what is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

export function utf8Bytes(text: string): Uint8Array {
  return utf8.encode(text);
}
