/** Hands a request to the legacy origin and its answer back, both untouched but for the headers below. */
import { COHORT_COOKIE, withoutCohortCookie } from "../src/domain/cohort-cookie.ts";
import { OVERRIDE_HEADER } from "../src/domain/override.ts";
import { pathAndQueryOf } from "./exchange.ts";

/** Meant for this connection alone (RFC 9110 §7.6.1); `Upgrade` is kept for WebSockets. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
] as const;

/** Others that tell the origin who is asking; only the edge knows. */
const UNTRUSTED = ["forwarded", "x-real-ip"] as const;

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

function requestHeaders(request: Request): Headers {
  const incoming = request.headers;
  const headers = new Headers(incoming);
  const listed = incoming.get("connection");
  if (listed !== null) removeListed(headers, listed);
  for (const name of HOP_BY_HOP) headers.delete(name);
  const upgrade = incoming.get("upgrade");
  if (upgrade !== null && upgrade.toLowerCase() !== "websocket") headers.delete("upgrade");
  // Answered by the edge, which has the body anyway; the runtime does not know interim answers.
  if (incoming.get("expect")?.toLowerCase() === "100-continue") headers.delete("expect");
  for (const name of UNTRUSTED) headers.delete(name);
  removeOverrides(headers);

  const cookie = incoming.get("cookie");
  if (cookie?.includes(COHORT_COOKIE) === true) {
    const kept = withoutCohortCookie(cookie);
    if (kept === null) headers.delete("cookie");
    else headers.set("cookie", kept);
  }

  const client = incoming.get("cf-connecting-ip");
  if (client === null) headers.delete("x-forwarded-for");
  else headers.set("x-forwarded-for", client);
  const { url } = request;
  const authority = url.indexOf("://");
  headers.set("x-forwarded-proto", url.slice(0, authority));
  headers.set("x-forwarded-host", url.slice(authority + 3, url.indexOf("/", authority + 3)));
  return headers;
}

/** `Connection: close, x-evil` asks that `x-evil` go no further; `upgrade` is dealt with apart. */
function removeListed(headers: Headers, connection: string): void {
  for (const name of connection.split(",")) {
    const listed = name.trim().toLowerCase();
    if (/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(listed) && listed !== "upgrade") headers.delete(listed);
  }
}

/** `X-Canary` and everything that begins like it. */
function removeOverrides(headers: Headers): void {
  const prefix = OVERRIDE_HEADER.toLowerCase();
  const found: string[] = [];
  for (const name of headers.keys()) if (name.startsWith(prefix)) found.push(name);
  for (const name of found) headers.delete(name);
}
