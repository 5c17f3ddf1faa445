/** Puts the API on a port and spoils its answers as the fault rules say. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Hono } from "hono";
import { manyWaiters, pause, untilAborted } from "../pause.ts";
import { QuietPorts } from "../quiet-ports.ts";
import { type ApiEnv, forbidden, throttled, unauthenticated } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { FaultBook, type FaultKind, type FaultRule } from "./faults.ts";

/** One request as it came in, without query, headers or body: they may hold secrets. */
export interface SeenRequest {
  atMs: number;
  method: string;
  path: string;
  /** Null when no answer was given. */
  status: number | null;
  faults: FaultKind[];
}

const KEPT_REQUESTS = 20_000;

export class ApiServer {
  readonly faults = new FaultBook(() => this.#openOrClose());
  /** Added to the `Date` header. */
  clockSkewMs = 0;
  readonly #app: Hono<ApiEnv>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #stop = new AbortController();
  /** Closed in an outage, and open again at the same port. */
  readonly #quiet = new QuietPorts();
  #seen: SeenRequest[] = [];
  #port = 0;
  #change: Promise<void> = Promise.resolve();

  constructor(app: Hono<ApiEnv>) {
    this.#app = app;
    manyWaiters(this.#stop.signal);
    const listener = getRequestListener((request, env) =>
      this.#answer(request, env as { incoming: IncomingMessage; outgoing: ServerResponse }),
    );
    this.#server = createServer((incoming, outgoing) => void listener(incoming, outgoing));
    // Clients keep their connections; one that is closed under a request would be a failure of ours.
    this.#server.keepAliveTimeout = 0;
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  async start(): Promise<string> {
    this.#port = await this.#quiet.take();
    await this.#listen();
    return `http://127.0.0.1:${this.#port}/client/v4`;
  }

  /** Requests since the last `forgetRequests`, oldest first. */
  requests(): SeenRequest[] {
    return [...this.#seen];
  }

  forgetRequests(): void {
    this.#seen = [];
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#change;
    await this.#shut();
    await this.#quiet.close();
  }

  async #answer(
    request: Request,
    env: { incoming: IncomingMessage; outgoing: ServerResponse },
  ): Promise<Response> {
    const path = new URL(request.url).pathname;
    const rules = this.faults.take({ method: request.method, path });
    const seen: SeenRequest = {
      atMs: Date.now(),
      method: request.method,
      path,
      status: null,
      faults: rules.map((rule) => rule.kind),
    };
    this.#seen.push(seen);
    if (this.#seen.length > KEPT_REQUESTS) this.#seen.shift();
    const response = await this.#respond(request, rules);
    if (response === "reset") {
      env.incoming.socket.resetAndDestroy();
      return RESPONSE_ALREADY_SENT;
    }
    seen.status = response.status;
    response.headers.set("date", new Date(Date.now() + this.clockSkewMs).toUTCString());
    if (has(rules, "reset-mid-body")) return this.#cutShort(response, env.outgoing);
    return spoil(response, rules, this.#stop.signal);
  }

  /**
   * In this order: delay; hang; outage and reset-before; an answer in place of the real one; the
   * request itself; lost-answer; reset-after; an answer in place although it was done. Faults of the
   * body come last.
   */
  async #respond(request: Request, rules: readonly FaultRule[]): Promise<Response | "reset"> {
    for (const rule of rules) if (rule.kind === "delay") await pause(rule.ms, this.#stop.signal);
    if (has(rules, "hang")) return this.#untilClosed();
    if (has(rules, "outage") || has(rules, "reset-before")) return "reset";
    const instead = insteadOf(rules, request);
    if (instead !== null && !instead.committed) return instead.response;
    const response = await this.#app.fetch(request, {
      readBack: has(rules, "older-read")
        ? Number.MAX_SAFE_INTEGER
        : has(rules, "stale-read")
          ? 1
          : 0,
      onCommit: (again) => this.#repeatLater(rules, again),
    });
    if (has(rules, "lost-answer")) return this.#untilClosed();
    if (has(rules, "reset-after")) return "reset";
    return instead === null ? response : instead.response;
  }

  #repeatLater(rules: readonly FaultRule[], again: () => void): void {
    for (const rule of rules) {
      if (rule.kind !== "duplicate-write") continue;
      void pause(rule.afterMs, this.#stop.signal).then(() => {
        if (!this.#stop.signal.aborted) again();
      });
    }
  }

  async #untilClosed(): Promise<"reset"> {
    await untilAborted(this.#stop.signal);
    return "reset";
  }

  /** Announces the whole body, sends half of it, and resets the connection. */
  async #cutShort(response: Response, outgoing: ServerResponse): Promise<Response> {
    const body = Buffer.from(await response.arrayBuffer());
    const headers = { ...Object.fromEntries(response.headers), "content-length": body.byteLength };
    outgoing.writeHead(response.status, headers);
    outgoing.write(body.subarray(0, Math.floor(body.byteLength / 2)), () => {
      outgoing.socket?.resetAndDestroy();
    });
    return RESPONSE_ALREADY_SENT;
  }

  #openOrClose(): Promise<void> {
    this.#change = this.#change.then(async () => {
      if (this.#stop.signal.aborted) return;
      if (this.faults.portClosed) await this.#shut();
      else if (!this.#server.listening) await this.#listen();
    });
    return this.#change;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async #shut(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }
}

function has(rules: readonly FaultRule[], kind: FaultKind): boolean {
  return rules.some((rule) => rule.kind === kind);
}

/** The answer that the first fitting rule puts in place of the real one. */
function insteadOf(
  rules: readonly FaultRule[],
  request: Request,
): { response: Response; committed: boolean } | null {
  for (const rule of rules) {
    const response = replacement(rule, request);
    if (response !== null) {
      return { response, committed: "committed" in rule && rule.committed === true };
    }
  }
  return null;
}

function replacement(rule: FaultRule, request: Request): Response | null {
  switch (rule.kind) {
    case "rate-limited":
      return throttled(rule.retryAfterS ?? null);
    case "server-error":
      return failure(rule.status, CODES.internal, "internal error");
    case "unauthorized":
      return unauthenticated();
    case "forbidden":
      return forbidden();
    case "html":
      return new Response("<!doctype html><title>Sign in</title><h1>Guest network</h1>", {
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    case "unsuccessful":
      return failure(200, CODES.internal, "the operation did not succeed");
    case "forgotten-write":
      return request.method === "GET" ? null : ok(null);
    case "echo-authorization": {
      const quoted = request.headers.get("authorization") ?? "none";
      const message = `bad request: header authorization: ${quoted}`;
      return failure(rule.status, CODES.badRequest, message, { "x-debug-authorization": quoted });
    }
    default:
      return null;
  }
}

/** Faults of the body: cut JSON, a flipped byte, slow drip. */
async function spoil(
  response: Response,
  rules: readonly FaultRule[],
  signal: AbortSignal,
): Promise<Response> {
  const drip = rules.find((rule) => rule.kind === "drip");
  const flipped = has(rules, "flipped-byte");
  if (drip === undefined && !flipped && !has(rules, "truncated")) return response;
  let body = new Uint8Array(await response.arrayBuffer());
  if (has(rules, "truncated")) body = body.slice(0, Math.floor(body.byteLength / 2));
  const middle = Math.floor(body.byteLength / 2);
  if (flipped) body[middle] = (body[middle] ?? 0) ^ 1;
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  const sent = drip === undefined ? body : slowly(body, drip.bytes, drip.everyMs, signal);
  return new Response(sent, { status: response.status, headers });
}

function slowly(
  body: Uint8Array,
  bytes: number,
  everyMs: number,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    async pull(controller) {
      await pause(everyMs, signal);
      controller.enqueue(body.subarray(offset, offset + bytes));
      offset += bytes;
      if (offset >= body.byteLength || signal.aborted) controller.close();
    },
  });
}
