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

/** Each address once, as it was first written: spellings of one URL are no further proof. */
export function distinctUrls(urls: readonly string[]): string[] {
  const first = new Map<string, string>();
  for (const url of urls) {
    const key = sameAs(url);
    if (!first.has(key)) first.set(key, url);
  }
  return [...first.values()];
}

/** Equal for all spellings of one URL: case of the host, default port, `.` segments, `%71` for `q`, a bare `?`. */
function sameAs(text: string): string {
  const url = parseUrl(text);
  if (url === null) return text;
  const host = `${url.protocol}//${url.host.replace(/\.(?=:|$)/, "")}`;
  const decoded = (part: string) =>
    part.replace(/%[0-9A-Fa-f]{2}/g, (code) => {
      const char = String.fromCharCode(Number.parseInt(code.slice(1), 16));
      return /[A-Za-z0-9._~-]/.test(char) ? char : code.toUpperCase();
    });
  return `${host}${decoded(url.pathname)}${decoded(url.search)}`;
}
