/** AT-29: an origin that answers by plan and records, and a client that sends exactly what it is told. */
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { HANG_MS } from "../support/patience.ts";
import type { Message } from "./proxy-differences.ts";
import type { AnswerPlan, RequestPlan } from "./proxy-plan.ts";
import { ETAG, LAST_MODIFIED } from "./proxy-plan.ts";

export interface PlannedOrigin {
  url: string;
  /** What it answers to `/api/<id>…` from now on. */
  plan(id: string, answer: AnswerPlan): void;
  /** The last request for that id. */
  seen(id: string): Message | null;
  /** Takes over what has no plan. */
  otherwise(listener: (request: IncomingMessage, response: ServerResponse) => void): void;
  onUpgrade(handler: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void;
  close(): Promise<void>;
}

export async function startPlannedOrigin(): Promise<PlannedOrigin> {
  const plans = new Map<string, AnswerPlan>();
  const seen = new Map<string, Message>();
  const sockets = new Set<Duplex>();
  let otherwise = (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(404).end();
  };
  let upgrade = (_request: IncomingMessage, socket: Duplex, _head: Buffer): void => {
    socket.destroy();
  };
  const server: Server = createServer((request, response) => {
    const id = idOf(request.url ?? "");
    const answer = plans.get(id);
    if (answer === undefined) return otherwise(request, response);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const start = `${request.method} ${request.url}`;
      seen.set(id, { start, headers: request.rawHeaders, body: Buffer.concat(chunks) });
      reply(request, response, answer);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    upgrade(request, socket, head);
  });
  // The Worker keeps its connections: one that is closed under a request would be a 502.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    plan: (id, answer) => plans.set(id, answer),
    seen: (id) => seen.get(id) ?? null,
    otherwise: (listener) => {
      otherwise = listener;
    },
    onUpgrade: (handler) => {
      upgrade = handler;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function idOf(url: string): string {
  return /^\/api\/([0-9a-z-]+)/.exec(url)?.[1] ?? "";
}

function reply(request: IncomingMessage, response: ServerResponse, plan: AnswerPlan): void {
  response.sendDate = false;
  const answer = plan.kind === "entity" ? entityAnswer(request, plan) : plan;
  const mayCarry = answer.status !== 204 && answer.status !== 304;
  const headers = answer.headers.flat();
  if (mayCarry && !plan.chunked) headers.push("Content-Length", String(answer.body.length));
  response.writeHead(answer.status, headers);
  if (!mayCarry || request.method === "HEAD") return void response.end();
  if (plan.chunked) {
    const half = answer.body.length >> 1;
    response.write(answer.body.subarray(0, half));
    response.end(answer.body.subarray(half));
  } else response.end(answer.body);
}

type Answer = Pick<AnswerPlan, "status" | "headers" | "body">;

function entityAnswer(request: IncomingMessage, plan: AnswerPlan): Answer {
  const { headers: asked } = request;
  const headers: [string, string][] = [
    ...plan.headers,
    ["ETag", ETAG],
    ["Last-Modified", LAST_MODIFIED],
    ["Accept-Ranges", "bytes"],
  ];
  const known =
    asked["if-none-match"]?.includes(ETAG) === true ||
    (asked["if-none-match"] === undefined && asked["if-modified-since"] === LAST_MODIFIED);
  if (known) return { status: 304, headers, body: Buffer.alloc(0) };
  const range = /^bytes=(\d*)-(\d*)$/.exec(asked.range ?? "");
  const ifRange = asked["if-range"];
  if (range === null || (ifRange !== undefined && ifRange !== ETAG)) {
    return { status: 200, headers, body: plan.body };
  }
  const length = plan.body.length;
  const [, from = "", to = ""] = range;
  const first = from === "" ? Math.max(0, length - Number(to)) : Number(from);
  const last = from === "" || to === "" ? length - 1 : Math.min(Number(to), length - 1);
  if (first > last) {
    headers.push(["Content-Range", `bytes */${length}`]);
    return { status: 416, headers, body: Buffer.from("unsatisfiable") };
  }
  headers.push(["Content-Range", `bytes ${first}-${last}/${length}`]);
  return { status: 206, headers, body: plan.body.subarray(first, last + 1) };
}

/** Sends the plan to `url` under `id`; nothing is added but `Host` and the framing. */
export async function send(url: string, id: string, plan: RequestPlan): Promise<Message> {
  const { hostname, port, host } = new URL(url);
  const headers = ["Host", host, ...plan.headers.flat()];
  const { body, chunkBytes } = plan;
  if (body !== null && chunkBytes === null) headers.push("Content-Length", String(body.length));
  if (body !== null && chunkBytes !== null) headers.push("Transfer-Encoding", "chunked");
  const trailing = body !== null && chunkBytes !== null && plan.trailers;
  if (trailing) headers.push("Trailer", "X-Checksum");
  const request = httpRequest({
    hostname,
    port,
    method: plan.method,
    path: `/api/${id}${plan.rest}`,
    headers,
    agent: false,
    signal: AbortSignal.timeout(HANG_MS),
  });
  if (trailing) request.addTrailers({ "X-Checksum": "abc" });
  const responded = once(request, "response") as Promise<[IncomingMessage]>;
  for (let at = 0; body !== null && chunkBytes !== null && at < body.length; at += chunkBytes) {
    request.write(body.subarray(at, at + chunkBytes));
  }
  if (body !== null && chunkBytes === null) request.end(body);
  else request.end();
  const [message] = await responded;
  const received = Buffer.concat(await message.toArray());
  return { start: String(message.statusCode), headers: message.rawHeaders, body: received };
}
