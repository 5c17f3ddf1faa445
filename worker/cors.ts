/** CORS of what the edge answers by itself: nothing is allowed but to the origins that are listed. */
import { CANARY_HEADER, DECISION_HEADER } from "../src/domain/decision/headers.ts";

export interface CorsPolicy {
  origins: ReadonlySet<string>;
  /** A page may send cookies, and read the answer all the same. */
  credentials: boolean;
  /** In answers to preflights. */
  methods: string;
  headers: string;
}

const EXPOSED = [
  CANARY_HEADER,
  DECISION_HEADER,
  "Retry-After",
  "Accept-Ranges",
  "Content-Disposition",
  "Content-Range",
  "ETag",
].join(", ");
const PREFLIGHT_AGE_S = "600";
/** Of one method or header, or of a list of them: nothing else goes back into a header of ours. */
const TOKENS = /^[\w!#$%&'*+.^`|~, -]{1,2000}$/;

export function qaCors(origins: ReadonlySet<string>): CorsPolicy {
  return { origins, credentials: false, methods: "GET, HEAD", headers: "Authorization" };
}

/**
 * The cohort's cookie travels with credentials alone: pages and API are of different origins. Whatever
 * headers a listed page asks for are allowed: the same preflight stands for the legacy origin.
 */
export function apiCors(origins: ReadonlySet<string>, request: Request): CorsPolicy {
  const asked = request.headers.get("access-control-request-headers") ?? "";
  const method = requestedMethod(request) ?? "";
  return {
    origins,
    credentials: true,
    methods: method === "GET" || method === "HEAD" ? "GET, HEAD" : method,
    headers: TOKENS.test(asked) ? asked : "",
  };
}

/** Adds what a browser needs to `headers`; for other origins, only `Vary`. */
export function addCorsHeaders(headers: Headers, request: Request, policy: CorsPolicy): void {
  headers.append("Vary", "Origin");
  const origin = request.headers.get("origin");
  if (origin === null || !policy.origins.has(origin)) return;
  headers.set("Access-Control-Allow-Origin", origin);
  if (policy.credentials) headers.set("Access-Control-Allow-Credentials", "true");
  if (request.method !== "OPTIONS") {
    headers.set("Access-Control-Expose-Headers", EXPOSED);
    return;
  }
  headers.set("Access-Control-Allow-Methods", policy.methods);
  if (policy.headers !== "") headers.set("Access-Control-Allow-Headers", policy.headers);
  headers.set("Access-Control-Max-Age", PREFLIGHT_AGE_S);
}

/** A browser asks beforehand, without cookies, whether a page may ask (Fetch §4.9). */
export function isPreflight(request: Request): boolean {
  return (
    request.method === "OPTIONS" &&
    request.headers.has("origin") &&
    requestedMethod(request) !== null
  );
}

/** What a preflight is about. */
export function requestedMethod(request: Request): string | null {
  return request.headers.get("access-control-request-method");
}
