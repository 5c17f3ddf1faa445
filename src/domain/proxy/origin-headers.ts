/**
 * Which headers of a visitor's request do not reach the origin as they came. One table, with
 * dropped-headers.ts, for the proxy, for AT-29 and for docs/proxy-headers.md.
 *
 * The rule: what the edge alone can know (address, protocol, host, port, who logged in) or has decided
 * by (path, method) is the edge's to say. What a visitor says of himself (`User-Agent`, `Referer`,
 * `Authorization`, `X-Requested-With`, `Via`, trace ids) is his own business and passes.
 */
import { DROPPED, OWN_PROOFS } from "./dropped-headers.ts";

/** Set on every request, whatever the visitor says. */
export const SET_BY_EDGE: readonly string[] = [
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
];

/**
 * Cloudflare's own, which it sets over what a visitor says; the last two end loops between edges
 * (RFC 8586).
 */
export const FROM_CLOUDFLARE: readonly string[] = [
  "cf-connecting-ip",
  "cf-ray",
  "cf-ew-via",
  "cdn-loop",
];

/**
 * Cloudflare adds these where a zone asks for them; elsewhere they are the visitor's. When one is there
 * it is set again, from this property of the request's `cf`.
 */
export const LOCATION_HEADERS: Readonly<Record<string, string>> = {
  "cf-ipcity": "city",
  "cf-ipcontinent": "continent",
  "cf-ipcountry": "country",
  "cf-iplatitude": "latitude",
  "cf-iplongitude": "longitude",
  "cf-metro-code": "metroCode",
  "cf-postal-code": "postalCode",
  "cf-region": "region",
  "cf-region-code": "regionCode",
  "cf-timezone": "timezone",
};

/** Set again, where they came, from what the edge knows. */
const SET_AGAIN: readonly string[] = ["cf-visitor", ...Object.keys(LOCATION_HEADERS)];

/** What the edge says to the origin: nobody else removes it either. */
export const SAID_BY_EDGE: ReadonlySet<string> = new Set([
  ...SET_BY_EDGE,
  ...FROM_CLOUDFLARE,
  ...SET_AGAIN,
]);

/** Only in this spelling: DROPPED names the others, which a server could take for these. */
const ABOUT_BODY: readonly string[] = ["content-encoding", "content-length", "content-type"];

/**
 * How a visitor's header goes on. `set-again`: from what the edge knows. `by-value`: the proxy looks
 * at what it says.
 */
export type Passage = "as-it-is" | "dropped" | "set-again" | "by-value";

const PASSAGES: ReadonlyMap<string, Passage> = new Map<string, Passage>([
  ...[...FROM_CLOUDFLARE, ...ABOUT_BODY].map((name) => [name, "as-it-is"] as const),
  ...SET_AGAIN.map((name) => [name, "set-again"] as const),
  ...["connection", "cookie", "expect", "upgrade"].map((name) => [name, "by-value"] as const),
]);
const DROPPED_NAME = new RegExp(
  `^(?:${DROPPED.flatMap(({ names }) => names)
    .map((name) => name.split("*").map(asVariable).join(".*"))
    .join("|")})$`,
);

/**
 * For a name in lower case. Servers that hand headers on as variables (CGI, WSGI, PHP) do not tell
 * `X_Forwarded_For` from `X-Forwarded-For`: a name counts as what they make of it.
 */
export function passageOf(name: string): Passage {
  const known = PASSAGES.get(name);
  if (known !== undefined) return known;
  const read = asVariable(name);
  return DROPPED_NAME.test(read) && !OWN_PROOFS.includes(read) ? "dropped" : "as-it-is";
}

function asVariable(name: string): string {
  return name.replace(/[^a-z0-9-]/g, "-");
}
