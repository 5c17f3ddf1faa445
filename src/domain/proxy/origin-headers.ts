/**
 * Which headers of a visitor's request do not reach the origin as they came. One table for the proxy,
 * for AT-29 and for docs/proxy-headers.md.
 *
 * The rule: what the edge alone can know (address, protocol, host, port, who logged in) or has decided
 * by (path, method) is the edge's to say. What a visitor says of himself (`User-Agent`, `Referer`,
 * `Authorization`, `X-Requested-With`, `Via`, trace ids) is his own business and passes.
 */
import { OVERRIDE_HEADER } from "../decision/override.ts";

export interface HeaderRule {
  /** Lower case; `*` at either end stands for anything, also for nothing. */
  names: readonly string[];
  why: string;
}

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

export const DROPPED: readonly HeaderRule[] = [
  {
    why: "meant for one connection alone (RFC 9110 §7.6.1)",
    names: [
      "keep-alive",
      "proxy-authenticate",
      "proxy-authorization",
      "proxy-connection",
      "te",
      "trailer",
      "transfer-encoding",
    ],
  },
  {
    why: "speaks to the Worker: the origin must not come to depend on it",
    names: [`${OVERRIDE_HEADER.toLowerCase()}*`],
  },
  {
    why: "claims to come from a proxy or load balancer that passed the request on",
    names: [
      "*forwarded*",
      "x-forward-*",
      "x-forwarder-*",
      "x-proxy*",
      "wl-proxy-*",
      "proxy",
      "proxy-*",
    ],
  },
  {
    why: "claims the visitor's address",
    names: [
      "*-ip",
      "*clientip*",
      "*client-ip*",
      "*client-addr*",
      "*clientaddr*",
      "*-ip-addr*",
      "*-ipaddr*",
      "*remote-addr*",
      "remote-*",
      "x-remote-*",
      "x-real-*",
      "x-originating-*",
      "x-client-host",
      "x-client-port",
      "x-custom-ip-*",
      "x-coming-from",
      "x-ip",
      "x-peer*",
      "x-source-addr*",
      "ip-addr*",
    ],
  },
  {
    why: "claims another protocol, host or port than was asked for",
    names: [
      "front-end-https",
      "*host-override",
      "https",
      "*https-on",
      "*override-host",
      "server-*",
      "x-backend-host",
      "x-external-host",
      "x-external-ur*",
      "x-gateway-host",
      "x-host",
      "x-host-*",
      "x-http-host*",
      "x-https",
      "x-orig-host",
      "x-orig-path",
      "x-orig-proto*",
      "x-orig-ur*",
      "x-origin-host",
      "x-origin-port",
      "x-origin-proto*",
      "x-outer-ur*",
      "x-port",
      "x-proto",
      "x-protocol",
      "x-public-host",
      "x-public-ur*",
      "x-request-host",
      "x-request-scheme",
      "x-scheme",
      "x-server-*",
      "x-ssl*",
      "x-target-host",
      "x-tls-*",
      "x-upstream-host",
      "x-url-scheme",
    ],
  },
  {
    why: "claims another path or method than was asked for: the request line is what counts",
    names: [
      "base-url",
      "http-url",
      "path-info",
      "request-uri",
      "script-name",
      "x-app-prefix",
      "x-base-path",
      "x-base-url",
      "x-context-path",
      "x-http-dest*",
      "x-http-method",
      "*method-override",
      "x-mount-path",
      "x-original-host",
      "x-original-method",
      "x-original-path",
      "x-original-port",
      "x-original-proto*",
      "x-original-query*",
      "x-original-re*",
      "x-original-scheme",
      "x-original-ur*",
      "x-override-ur*",
      "x-path-info",
      "x-path-prefix",
      "x-prefix",
      "x-replaced-*",
      "x-request-path",
      "x-request-ur*",
      "x-requested-ur*",
      "x-rewrite-*",
      "x-root-path",
      "x-script-name",
      "x-uri",
      "x-url",
      "x-waws-*",
    ],
  },
  {
    why: "claims a user or a certificate that a gateway has checked",
    names: [
      "client-cert*",
      "client-verify",
      "impersonate-*",
      "iv-creds",
      "iv-groups",
      "iv-user",
      "mellon-*",
      "oidc-*",
      "shib-*",
      "sm-user*",
      "ssl-*",
      "tailscale-*",
      "x-amzn-mtls-*",
      "x-amzn-oidc-*",
      "x-anonymous-consumer",
      "x-auth-request-*",
      "x-auth-user*",
      "x-authelia-*",
      "x-authenticated-*",
      "x-authentik-*",
      "x-cert*",
      "x-client-cert*",
      "x-client-dn",
      "x-client-verify",
      "x-consumer-*",
      "x-credential-identifier",
      "x-credential-username",
      "x-goog-authenticated-*",
      "x-goog-iap-*",
      "x-jwt-assertion",
      "x-ms-client-principal*",
      "x-ms-token-*",
      "x-pomerium-*",
      "x-shib-*",
      "x-token-subject",
      "x-userinfo",
      "x-verified-user*",
      "x-vouch-*",
      "x-webauth-*",
    ],
  },
  {
    why: "speaks for an edge, a gateway or a server's inside",
    names: [
      "ali-cdn-*",
      "akamai-*",
      "cdn-*",
      "cf-*",
      "cloudfront-*",
      "fastly-*",
      "fly-*",
      "x-geo-country*",
      "x-geoip*",
      "geoip*",
      "incap-*",
      "surrogate-capability",
      "x-accel-*",
      "x-akamai-*",
      "x-amz-cf-*",
      "x-apigateway-*",
      "x-appengine-*",
      "x-arr-*",
      "x-azure-*",
      "x-cf-*",
      "x-client-city",
      "x-client-country",
      "x-client-region",
      "x-edge-*",
      "x-envoy-*",
      "x-fd-*",
      "x-invoke-*",
      "x-middleware-*",
      "x-nf-*",
      "x-nginx-*",
      "x-sendfile*",
      "x-sucuri-*",
      "x-traefik-*",
      "x-varnish*",
      "x-vercel-*",
    ],
  },
];

/**
 * How a visitor's header goes on. `set-again`: from what the edge knows. `by-value`: the proxy looks
 * at what it says.
 */
export type Passage = "as-it-is" | "dropped" | "set-again" | "by-value";

const PASSAGES: ReadonlyMap<string, Passage> = new Map<string, Passage>([
  ...FROM_CLOUDFLARE.map((name) => [name, "as-it-is"] as const),
  ...["cf-visitor", ...Object.keys(LOCATION_HEADERS)].map((name) => [name, "set-again"] as const),
  ...["connection", "cookie", "expect", "upgrade"].map((name) => [name, "by-value"] as const),
]);
const DROPPED_NAME = new RegExp(
  `^(?:${DROPPED.flatMap(({ names }) => names)
    .map((name) => name.replaceAll("*", ".*"))
    .join("|")})$`,
);

/**
 * For a name in lower case. Servers that hand headers on as variables (CGI, WSGI, PHP) do not tell
 * `X_Forwarded_For` from `X-Forwarded-For`: a name counts as what they make of it.
 */
export function passageOf(name: string): Passage {
  const known = PASSAGES.get(name);
  if (known !== undefined) return known;
  return DROPPED_NAME.test(name.replace(/[^a-z0-9-]/g, "-")) ? "dropped" : "as-it-is";
}
