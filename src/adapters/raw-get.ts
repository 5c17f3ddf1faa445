/**
 * GET without a size limit and without decoding: log objects are larger than any answer that the SDK's
 * client holds in memory, and fetch would unpack what is stored with `Content-Encoding: gzip`, so that
 * neither size nor hash could be checked. Same guarantees as the client's: one host and path, no
 * redirect followed, a limit on every wait.
 */
import type { IncomingMessage, RequestOptions } from "node:http";
import type { Redact } from "./redact.ts";
import type { Secret } from "./secrets.ts";
import { failedBeforeSending, networkWords, TransportError } from "./transport.ts";

interface RawRequest {
  /** Below the API's base, encoded, with a slash in front. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

export interface RawAnswer {
  status: number;
  headers: Headers;
  /** Throws TransportError. Ended early, it closes the connection. Read once. */
  chunks: AsyncGenerator<Uint8Array, void, undefined>;
}

/** Throws TransportError. */
export type RawGet = (request: RawRequest) => Promise<RawAnswer>;

export interface RawGetOptions {
  apiBaseUrl: string;
  token: Secret;
  version: string;
  redact: Redact;
  /** The longest wait for the answer, and then between two pieces of it. */
  idleMs?: number;
}

const IDLE_MS = 30_000;

export function createRawGet(options: RawGetOptions): RawGet {
  const base = new URL(`${options.apiBaseUrl.replace(/\/+$/, "")}/`);
  return async (request) => {
    const silence = new Silence(options.idleMs ?? IDLE_MS);
    const signal = AbortSignal.any([request.signal, silence.signal]);
    try {
      const answer = await silence.during(send(base, request, options, signal));
      const { headers } = answer;
      return {
        status: answer.statusCode ?? 0,
        headers: new Headers(Object.entries(headers).map(([name, value]) => [name, String(value)])),
        chunks: pieces(answer, silence, request.signal, options.redact),
      };
    } catch (error) {
      throw toTransportError(error, request.signal, silence, options.redact);
    }
  };
}

/** Not fetch: the path must arrive as it was encoded, and the body as it was stored. */
async function send(
  base: URL,
  { path, headers }: RawRequest,
  { token, version }: RawGetOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { request } = await (base.protocol === "https:"
    ? import("node:https")
    : import("node:http"));
  const wanted: RequestOptions = {
    protocol: base.protocol,
    hostname: base.hostname.replace(/^\[|\]$/g, ""),
    port: base.port,
    path: `${base.pathname.replace(/\/$/, "")}${path}`,
    headers: {
      ...headers,
      "accept-encoding": "identity",
      "user-agent": `pixcanary/${version}`,
      authorization: `Bearer ${token.reveal()}`,
    },
    signal,
  };
  return new Promise((resolve, reject) => {
    const sent = request(wanted, resolve);
    sent.once("error", reject);
    sent.end();
  });
}

async function* pieces(
  answer: IncomingMessage,
  silence: Silence,
  signal: AbortSignal,
  redact: Redact,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source: AsyncIterator<Uint8Array> = answer[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await silence.during(source.next());
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    throw toTransportError(error, signal, silence, redact);
  } finally {
    answer.destroy();
  }
}

function toTransportError(
  error: unknown,
  signal: AbortSignal,
  silence: Silence,
  redact: Redact,
): TransportError {
  if (error instanceof TransportError) return error;
  if (signal.aborted) return new TransportError("maybe-sent", "cancelled while receiving");
  if (silence.signal.aborted) {
    return new TransportError("maybe-sent", "the answer broke off");
  }
  const phase = failedBeforeSending(error) ? "before-sending" : "maybe-sent";
  return new TransportError(phase, networkWords(error, redact));
}

/** Aborts its signal when something that is waited for takes longer than allowed. */
class Silence {
  readonly #controller = new AbortController();
  readonly #limitMs: number;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async during<T>(wait: Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#controller.abort(), this.#limitMs);
    try {
      return await wait;
    } finally {
      clearTimeout(timer);
    }
  }
}
