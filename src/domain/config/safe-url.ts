/** Which addresses a secret may be sent to, and what text from a configuration may be printed. */

export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Null for what is no URL or carries a user, a password or a fragment. */
export function parseUrl(text: string): URL | null {
  if (UNPRINTABLE.test(text) || /[\s@#\\]/.test(text)) return null;
  const url = URL.parse(text);
  return url === null || url.username !== "" || url.password !== "" ? null : url;
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** Encrypted, or on this very machine. */
export function isSafeUrl(text: string): boolean {
  const url = parseUrl(text);
  if (url === null) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}
