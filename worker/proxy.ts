/** Hands a request to the legacy origin and its answer back, both untouched but for the headers below. */
import { COHORT_COOKIE, withoutCohortCookie } from "../src/domain/cohort-cookie.ts";
import { OVERRIDE_HEADER } from "../src/domain/override.ts";
import { pathAndQueryOf } from "./exchange.ts";

/**
 * Never passed on: what is meant for one connection alone (RFC 9110 §7.6.1), and what tells the origin
 * who is asking, which only the edge knows.
 */
const DROPPED: ReadonlySet<string> = new Set([
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "forwarded",
  "x-real-ip",
]);

/** What a header may be called. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

const OVERRIDE_PREFIX = OVERRIDE_HEADER.toLowerCase();

/** Cohorts never share a cache: a negative life makes the edge's cache step aside. */
const NO_CACHE: RequestInitCfProperties = { cacheTtl: -1 };

export class OriginError extends Error {
  override readonly name = "OriginError";
}

/**
 * Streams both ways and follows no redirect. Throws OriginError when there is no answer at all.
 * The answer's headers can be changed.
 */
export async function proxyToOrigin(request: Request, originUrl: string | null): Promise<Response> {
  if (originUrl === null) throw new OriginError("ORIGIN_URL is not configured");
  const target = originUrl + pathAndQueryOf(request.url);
  let answer: Response;
  try {
    answer = await send(request, target);
  } catch (error) {
    throw new OriginError("the origin did not answer", { cause: error });
  }
  return new Response(answer.body, answer);
}

/** A body on GET or HEAD is passed on too, but only a copied Request may carry one. */
function send(request: Request, target: string): Promise<Response> {
  const { method, body } = request;
  const changes = { headers: requestHeaders(request), redirect: "manual", cf: NO_CACHE } as const;
  if (body !== null && (method === "GET" || method === "HEAD")) {
    return fetch(new Request(target, request), changes);
  }
  return fetch(target, { ...changes, method, body });
}

/** Says honestly whose failure it is. */
export function originFailure(): Response {
  return Response.json(
    {
      error: "origin_unreachable",
      message: "The legacy origin did not answer. The edge in front of it is working.",
    },
    { status: 502, headers: { "Cache-Control": "no-store" } },
  );
}

/** One pass over the names, and a value only where it matters: each look crosses into the runtime. */
function requestHeaders(request: Request): Headers {
  const incoming = request.headers;
  const headers = new Headers(incoming);
  let client: string | null = null;
  let claimed = false;
  for (const name of incoming.keys()) {
    if (name === "cookie") replaceCookie(headers);
    else if (name === "connection") removeListed(headers);
    else if (name === "cf-connecting-ip") client = incoming.get(name);
    else if (name === "x-forwarded-for") claimed = true;
    else if (isDropped(name, headers)) headers.delete(name);
  }
  if (client !== null) headers.set("x-forwarded-for", client);
  else if (claimed) headers.delete("x-forwarded-for");
  const { url } = request;
  const authority = url.indexOf("://") + 3;
  headers.set("x-forwarded-proto", url.slice(0, authority - 3));
  headers.set("x-forwarded-host", url.slice(authority, url.indexOf("/", authority)));
  return headers;
}

function isDropped(name: string, headers: Headers): boolean {
  if (DROPPED.has(name) || name.startsWith(OVERRIDE_PREFIX)) return true;
  if (name === "upgrade") return headers.get(name)?.toLowerCase() !== "websocket";
  // Answered by the edge, which has the body anyway; the runtime does not know interim answers.
  return name === "expect" && headers.get(name)?.toLowerCase() === "100-continue";
}

function replaceCookie(headers: Headers): void {
  const cookie = headers.get("cookie");
  if (cookie?.includes(COHORT_COOKIE) !== true) return;
  const kept = withoutCohortCookie(cookie);
  if (kept === null) headers.delete("cookie");
  else headers.set("cookie", kept);
}

/** `Connection: close, x-evil` asks that `x-evil` go no further; `upgrade` is dealt with apart. */
function removeListed(headers: Headers): void {
  const connection = headers.get("connection") ?? "";
  headers.delete("connection");
  if (connection === "keep-alive") return;
  for (const name of connection.split(",")) {
    const listed = name.trim().toLowerCase();
    if (TOKEN.test(listed) && listed !== "upgrade") headers.delete(listed);
  }
}
