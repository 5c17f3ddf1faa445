/**
 * An answer that sets a cookie is one visitor's. `Set-Cookie` alone keeps no shared cache from storing
 * it (RFC 9111 §7.3): the next visitors would get his cohort with it.
 */

/** `a, b="c, d"` is two directives; a quote that never ends belongs to the last one. */
const DIRECTIVE = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;

/** Allow a shared cache what the rest forbids. */
const SHARED: readonly string[] = ["public", "s-maxage", "proxy-revalidate"];

/** For shared caches alone, and above `Cache-Control` there (RFC 9213 and what came before it). */
const TARGETED = /^(?:.+-cache-control|surrogate-control|edge-control|x-accel-expires)$/;

/** The `Cache-Control` of the same answer when it is kept by the visitor's own cache alone, if by any. */
export function privateCacheControl(value: string | null): string {
  const directives = (value?.match(DIRECTIVE) ?? []).map((text) => text.trim()).filter(Boolean);
  const kept = directives.filter(
    (text) => !SHARED.includes(nameOf(text)) && !isPartlyPrivate(text),
  );
  const isClosed = kept.some((text) => /^(?:private|no-store)$/i.test(text));
  if (isClosed && kept.length === directives.length && value !== null) return value;
  return [...(isClosed ? [] : ["private"]), ...kept].join(", ");
}

/** For a name in lower case. */
export function isForSharedCaches(name: string): boolean {
  return TARGETED.test(name);
}

/** `private="set-cookie"` lets shared caches keep the rest, and many take no notice of the list. */
function isPartlyPrivate(directive: string): boolean {
  return nameOf(directive) === "private" && directive.includes("=");
}

function nameOf(directive: string): string {
  return directive.split("=", 1)[0]?.trim().toLowerCase() ?? "";
}
