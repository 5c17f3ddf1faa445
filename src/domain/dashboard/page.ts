/** Where the dashboard's page is, and what a browser may do on it. Worker and `dashboard --local` serve the same. */

/** Below it: `/data`, `/app.js`, `/app.css`, `/sign-out`. Also below `/api`. */
export const DASHBOARD_PATH = "/qa/dashboard";

/**
 * Texts of logs, headers and journal are shown: nothing but our own file may run, and no text can become markup, as
 * the browser refuses every way but text nodes.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src data:",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  // Without one a form would not say where it comes from, and sign-in asks for that.
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "X-Robots-Tag": "noindex",
};

/** Beside the first `/qa`; null where there is none. */
export function dashboardAddress(urls: readonly string[]): string | null {
  const url = URL.parse(urls[0] ?? "");
  if (url === null || !/\/qa\/?$/.test(url.pathname)) return null;
  const before = url.pathname.replace(/\/qa\/?$/, "");
  return `${url.origin}${before}${DASHBOARD_PATH}`;
}
