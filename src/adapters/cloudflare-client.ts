/** The official SDK's client, with everything pinned that a default could get wrong. */
import type { BaseCloudflare } from "cloudflare/client";
import { createClient } from "cloudflare/tree-shakable";
import type { AnswerClock } from "./api-clock.ts";
import { readCapped } from "./capped-body.ts";
import type { RawGet } from "./raw-get.ts";
import { createRawGet } from "./raw-get.ts";
import type { Redact } from "./redact.ts";
import { createRedactor } from "./redact.ts";
import type { Secret } from "./secrets.ts";
import { failedBeforeSending, networkWords, TransportError } from "./transport.ts";

/** Enough for a hundred journal entries; more is not an answer we asked for. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** No call waits longer than this, whatever its caller says. */
const LONGEST_CALL_MS = 60_000;

const PASSED_HEADERS = ["accept", "content-type", "api-version"];

const sdkClient = (baseURL: string, fetch: typeof globalThis.fetch): BaseCloudflare =>
  createClient({
    resources: [],
    baseURL,
    // The SDK wants a token to be willing to send; the real one is added in `fetch` below, so that
    // no SDK object or error ever holds it. The nulls keep it from picking up other variables.
    apiToken: "added-when-sending",
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    maxRetries: 0,
    timeout: LONGEST_CALL_MS,
    logLevel: "off",
    fetch,
  });

export interface CloudflareClient {
  readonly sdk: BaseCloudflare;
  /** For bodies too large to hold. */
  readonly rawGet: RawGet;
  /** Hides every secret this process knows. */
  readonly redact: Redact;
}

export interface ClientOptions {
  /** Checked by the configuration's schema; the token goes to this origin and path only. */
  apiBaseUrl: string;
  token: Secret;
  /** Of pixcanary, for the user agent. */
  version: string;
  /** Further secrets that must not show in messages. */
  secrets?: readonly (Secret | null)[];
  /** Told when the API has answered, and by which time. */
  apiClock?: AnswerClock;
  /** Node's own fetch unless given: the SDK loads it anyway, so it costs the least to start. */
  fetch?: typeof globalThis.fetch;
}

export function createCloudflareClient(options: ClientOptions): CloudflareClient {
  const redact = createRedactor([options.token, ...(options.secrets ?? [])]);
  const base = options.apiBaseUrl.replace(/\/+$/, "");
  const { token, version } = options;
  return {
    sdk: sdkClient(base, guardedFetch(base, options, redact)),
    rawGet: createRawGet({ apiBaseUrl: base, token, version, redact }),
    redact,
  };
}

/** Pins the host, the headers and the size; never follows a redirect; throws TransportError only. */
function guardedFetch(base: string, options: ClientOptions, redact: Redact): typeof fetch {
  const send = options.fetch ?? globalThis.fetch;
  const prefix = new URL(`${base}/`);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : String(input));
    if (url.origin !== prefix.origin || !url.pathname.startsWith(prefix.pathname)) {
      throw new TransportError("before-sending", "refused to send the token to another host");
    }
    const asked = new Headers(init?.headers);
    const headers = new Headers();
    for (const name of PASSED_HEADERS) {
      const value = asked.get(name);
      if (value !== null) headers.set(name, value);
    }
    headers.set("user-agent", `pixcanary/${options.version}`);
    headers.set("authorization", `Bearer ${options.token.reveal()}`);
    const sentMs = options.apiClock?.uptime() ?? 0;
    try {
      const response = await send(url, { ...init, headers, redirect: "manual" });
      options.apiClock?.heard(response.headers.get("date"), sentMs);
      return await buffered(response);
    } catch (error) {
      throw toTransportError(error, redact);
    }
  };
}

function toTransportError(error: unknown, redact: Redact): TransportError {
  if (error instanceof TransportError) return error;
  if (error instanceof Error && error.name === "AbortError") {
    return new TransportError("maybe-sent", "no complete answer within the time limit");
  }
  const phase = failedBeforeSending(error) ? "before-sending" : "maybe-sent";
  return new TransportError(phase, networkWords(error, redact));
}

/** Reads the whole body here, so that the SDK's time limit and our size limit cover it. */
async function buffered(response: Response): Promise<Response> {
  const bodyless = response.status === 204 || response.status === 304;
  const bytes = response.body === null ? null : await readCapped(response.body, MAX_ANSWER_BYTES);
  const init = {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  };
  return new Response(bodyless ? null : bytes, init);
}
