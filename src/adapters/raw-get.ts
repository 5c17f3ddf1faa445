/**
 * GET without a size limit: log objects are larger than any answer that is held in memory. There is a limit on
 * every wait.
 */

import type { Readable } from "node:stream";
import { anySignal } from "../domain/lib/abort.ts";
import type { ApiRequest, ApiSend } from "./api-send.ts";
import type { HttpAnswer } from "./http.ts";
import type { Redact } from "./redact.ts";
import { TransportError, toTransportError } from "./transport.ts";

export interface RawAnswer extends Pick<HttpAnswer, "status" | "header"> {
  /** Throws TransportError. Ended early, it closes the connection. Read once. */
  chunks: AsyncGenerator<Uint8Array, void, undefined>;
}

/** Throws TransportError. */
export type RawGet = (
  request: Pick<ApiRequest, "path" | "headers" | "signal">,
) => Promise<RawAnswer>;

export interface RawGetOptions {
  send: ApiSend;
  redact: Redact;
  /** The longest wait for the answer, and then between two pieces of it. */
  idleMs?: number | undefined;
}

const IDLE_MS = 30_000;

export function createRawGet({ send, redact, idleMs = IDLE_MS }: RawGetOptions): RawGet {
  return async (request) => {
    const silence = new Silence(idleMs);
    const signal = anySignal([request.signal, silence.signal]);
    try {
      const answer = await silence.during(send({ ...request, method: "GET", signal }));
      const { status, header, body } = answer;
      return { status, header, chunks: pieces(body, silence, request.signal, redact) };
    } catch (error) {
      throw failure(error, request.signal, silence, redact);
    }
  };
}

async function* pieces(
  answer: Readable,
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
    throw failure(error, signal, silence, redact);
  } finally {
    answer.destroy();
  }
}

function failure(
  error: unknown,
  signal: AbortSignal,
  silence: Silence,
  redact: Redact,
): TransportError {
  if (signal.aborted) return new TransportError("maybe-sent", "cancelled while receiving");
  if (silence.signal.aborted) {
    return new TransportError("maybe-sent", "the answer broke off");
  }
  return toTransportError(error, redact);
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
