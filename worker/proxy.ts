/** Hands a request to the legacy origin and its answer back, both untouched but for the headers below. */
import { COHORT_COOKIE } from "../src/domain/decision/cookie.ts";
import { withoutCohortCookie } from "../src/domain/decision/cookie-header.ts";
import { isWritable } from "../src/domain/proxy/header-text.ts";
import type { Passage } from "../src/domain/proxy/origin-headers.ts";
import { LOCATION_HEADERS, passageOf, SAID_BY_EDGE } from "../src/domain/proxy/origin-headers.ts";
import { ClientGoneError, isBroken } from "./client-gone.ts";
import { pathAndQueryOf } from "./exchange.ts";
import { OriginError, unreadable } from "./origin-failure.ts";

/** What a header may be called. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** The same names come with every request; what a flood of others brings is not remembered. */
const MAX_KNOWN_NAMES = 1_000;
const MAX_KNOWN_CHARS = 64;
const knownNames = new Map<string, Passage>();

/** Cohorts never share a cache: a negative life makes the edge's cache step aside. */
const NO_CACHE: RequestInitCfProperties = { cacheTtl: -1 };

/**
 * Streams both ways and follows no redirect. Throws OriginError when there is no answer that could be
 * passed on, and ClientGoneError when that is because the visitor broke off his upload.
 * The answer's headers can be changed where `canChange` says so.
 */
export async function proxyToOrigin(request: Request, originUrl: string | null): Promise<Response> {
  if (originUrl === null) throw new OriginError("unconfigured");
  const target = originUrl + pathAndQueryOf(request.url);
  let answer: Response;
  try {
    answer = await send(request, target);
  } catch (error) {
    if (error instanceof ClientGoneError) throw error;
    throw unreadable(error);
  }
  return passOn(answer);
}

/** The runtime lets nobody make a Response of another status, or copy one: it passes as it came. */
export function canChange(answer: Response): boolean {
  const { status } = answer;
  return (status >= 200 && status <= 599) || answer.webSocket !== null;
}

/** Of interim answers the runtime takes the first for the last, and what follows for its body. */
function passOn(answer: Response): Response {
  if (canChange(answer)) return new Response(answer.body, answer);
  if (answer.status >= 200) return answer;
  void answer.body?.cancel().catch(() => undefined);
  throw new OriginError("interim", { status: answer.status });
}

/**
 * A body on GET or HEAD is passed on too, but only a copied Request may carry one, and only its own: whose
 * end of it broke cannot be told, so it is the origin's failure.
 */
function send(request: Request, target: string): Promise<Response> {
  const { method, body } = request;
  const changes = { headers: requestHeaders(request), redirect: "manual", cf: NO_CACHE } as const;
  if (body !== null && (method === "GET" || method === "HEAD")) {
    return fetch(new Request(target, request), changes);
  }
  if (body === null) return fetch(target, { ...changes, method });
  const length = request.headers.get("content-length");
  return sendBody(target, { ...changes, method }, { body, length });
}

/**
 * By a stream of our own: only so can be told whose end broke. The origin must see its connection fail
 * then, as the end of a body without a length would pass for the whole.
 */
async function sendBody(
  target: string,
  init: RequestInit,
  { body, length }: { body: ReadableStream; length: string | null },
): Promise<Response> {
  const passage =
    length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
  const hangUp = new AbortController();
  body.pipeTo(passage.writable, { preventAbort: true }).catch(async () => {
    if (await isBroken(body)) hangUp.abort();
  });
  try {
    return await fetch(target, { ...init, body: passage.readable, signal: hangUp.signal });
  } catch (error) {
    if (!hangUp.signal.aborted) throw error;
    throw new ClientGoneError("the upload broke off", { cause: error });
  }
}

/** Says honestly whose failure it is; without an OriginError it is our own. */
export function originFailure(error?: unknown): Response {
  const { error: code, told } =
    error instanceof OriginError
      ? error.words
      : { error: "worker_failed", told: "The Worker failed to pass this request on." };
  return Response.json(
    { error: code, message: told },
    { status: 502, headers: { "Cache-Control": "no-store" } },
  );
}

/** One pass over the names, and a value only where it matters: each look crosses into the runtime. */
function requestHeaders(request: Request): Headers {
  const incoming = request.headers;
  const headers = new Headers(incoming);
  const { url } = request;
  const authority = url.indexOf("://") + 3;
  const scheme = url.slice(0, authority - 3);
  for (const name of incoming.keys()) {
    const passage = knownNames.get(name) ?? learn(name);
    if (passage === "as-it-is") continue;
    if (passage === "dropped") headers.delete(name);
    else if (passage === "by-value") passByValue(name, headers);
    else setAgain(name, headers, { scheme, cf: request.cf });
  }
  const client = incoming.get("cf-connecting-ip");
  if (client !== null) headers.set("x-forwarded-for", client);
  headers.set("x-forwarded-proto", scheme);
  headers.set("x-forwarded-host", url.slice(authority, url.indexOf("/", authority)));
  return headers;
}

function learn(name: string): Passage {
  const passage = passageOf(name);
  const isKept = knownNames.size < MAX_KNOWN_NAMES && name.length <= MAX_KNOWN_CHARS;
  if (isKept) knownNames.set(name, passage);
  return passage;
}

function passByValue(name: string, headers: Headers): void {
  if (name === "cookie") replaceCookie(headers);
  else if (name === "connection") removeListed(headers);
  else if (isForEdge(name, headers.get(name)?.toLowerCase())) headers.delete(name);
}

/** The edge answers an expectation itself: it has the body, and the runtime knows no interim answers. */
function isForEdge(name: string, value: string | undefined): boolean {
  return name === "upgrade" ? value !== "websocket" : value === "100-continue";
}

/** What the edge does not know, or cannot say in ASCII, is left unsaid. */
function setAgain(
  name: string,
  headers: Headers,
  { scheme, cf }: { scheme: string; cf: Request["cf"] },
): void {
  const known: unknown =
    name === "cf-visitor" ? JSON.stringify({ scheme }) : cf?.[LOCATION_HEADERS[name] ?? ""];
  if (typeof known === "string" && /^[ -~]+$/.test(known)) headers.set(name, known);
  else headers.delete(name);
}

/**
 * Bytes that are not UTF-8 can be passed on but not written: where the visitor has some in a cookie of
 * another name, all pass as they came, ours with them.
 */
function replaceCookie(headers: Headers): void {
  const cookie = headers.get("cookie");
  if (cookie?.includes(COHORT_COOKIE) !== true) return;
  const kept = withoutCohortCookie(cookie);
  if (kept === null) headers.delete("cookie");
  else if (kept !== cookie && isWritable(kept)) headers.set("cookie", kept);
}

/** `Connection: close, x-evil` asks that `x-evil` go no further; it cannot hide what the edge says. */
function removeListed(headers: Headers): void {
  const connection = headers.get("connection") ?? "";
  headers.delete("connection");
  if (connection === "keep-alive") return;
  for (const name of connection.split(",")) {
    const listed = name.trim().toLowerCase();
    const isOurs = listed === "upgrade" || SAID_BY_EDGE.has(listed);
    if (TOKEN.test(listed) && !isOurs) headers.delete(listed);
  }
}
