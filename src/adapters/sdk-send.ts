/**
 * Requests to the Cloudflare API by the official SDK's client. A stop does without: to load SDK and fetch would
 * take a third of its time (docs/decisions/0003).
 */
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { BaseCloudflare } from "cloudflare/client";
import { APIError } from "cloudflare/core/error";
import { createClient } from "cloudflare/tree-shakable";
import type { ApiRequest, ApiSend } from "./api-send.ts";
import type { HttpAnswer } from "./http.ts";

/** Callers have shorter limits of their own. */
const LONGEST_CALL_MS = 60_000;
const PASSED_HEADERS = ["accept", "content-type"];

/** `pinned` carries what the SDK makes: host, token and headers are its business. */
export function throughSdk(pinned: ApiSend): ApiSend {
  return async ({ method, ...request }) => {
    let failure: unknown = null;
    const noting: ApiSend = (made) =>
      pinned(made).catch((error: unknown) => {
        failure = error;
        throw error;
      });
    try {
      const sdk = clientOver(fetchBy(noting));
      return answerOf(await sdk.request({ ...request, method: methodOf(method) }).asResponse());
    } catch (error) {
      // The SDK's own errors do not tell whether anything was sent.
      if (failure !== null) throw failure;
      if (error instanceof APIError && typeof error.status === "number") return refusalOf(error);
      throw error;
    }
  };
}

function clientOver(fetch: typeof globalThis.fetch): BaseCloudflare {
  return createClient({
    resources: [],
    baseURL: BASE,
    // The SDK wants a token to be willing to send. The nulls keep it from picking up variables.
    apiToken: "added-when-sending",
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    maxRetries: 0,
    timeout: LONGEST_CALL_MS,
    logLevel: "off",
    fetch,
  });
}

/** Never asked: only the path of what the SDK builds is sent on. */
const BASE = "https://api.invalid";
type Method = "get" | "put" | "post" | "delete";

function methodOf(method: string): Method {
  const known = (["get", "put", "post", "delete"] as const).find((m) => m === method.toLowerCase());
  if (known === undefined) throw new TypeError(`no request of the API has the method ${method}`);
  return known;
}

function fetchBy(pinned: ApiSend): typeof globalThis.fetch {
  return async (input, init) => {
    const { pathname, search } = new URL(input instanceof Request ? input.url : String(input));
    const asked = new Headers(init?.headers);
    const headers = PASSED_HEADERS.flatMap((name) => {
      const value = asked.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    const request: ApiRequest = {
      method: init?.method ?? "GET",
      path: pathname + search,
      headers: Object.fromEntries(headers),
      signal: init?.signal ?? AbortSignal.timeout(LONGEST_CALL_MS),
    };
    const body = init?.body;
    const answer = await pinned(typeof body === "string" ? { ...request, body } : request);
    return responseOf(answer);
  };
}

const TOLD_HEADERS = ["content-type", "retry-after", "ratelimit"];

function responseOf({ status, header, body }: HttpAnswer): Response {
  const told = TOLD_HEADERS.map((name) => [name, header(name)] as const);
  const headers = told.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  const isEmpty = status === 204 || status === 304;
  if (isEmpty) body.resume();
  const stream = isEmpty ? null : (Readable.toWeb(body) as ReadableStream<Uint8Array>);
  return new Response(stream, { status, headers: Object.fromEntries(headers) });
}

function answerOf({ status, headers, body }: Response): HttpAnswer {
  return {
    status,
    header: (name) => headers.get(name),
    setCookies: [],
    body: body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream<Uint8Array>),
  };
}

/** The SDK has read it: JSON is parsed, other text stands behind the status in its message. */
function refusalOf({ status, headers, error, message }: APIError): HttpAnswer {
  const text = error === undefined ? message.replace(/^\d{3} /, "") : JSON.stringify(error);
  return {
    status: status ?? 0,
    header: (name) => headers?.get(name) ?? null,
    setCookies: [],
    body: Readable.from([Buffer.from(text)]),
  };
}
