/** The legacy origin on a port, with its faults. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { manyWaiters, pause } from "../pause.ts";
import type { Random } from "../random.ts";
import type { Sessions } from "../sessions.ts";
import { createLegacyApp } from "./legacy-app.ts";
import { echoWebSocket } from "./websocket-echo.ts";

export interface OriginSettings {
  /** Connections are reset. */
  down: boolean;
  /** 0 … 1 of requests are answered 500. */
  errorShare: number;
  addedLatencyMs: number;
  /** OPTIONS is answered 403, without CORS. */
  preflightsRefused: boolean;
}

export const HEALTHY_ORIGIN: OriginSettings = {
  down: false,
  errorShare: 0,
  addedLatencyMs: 0,
  preflightsRefused: false,
};

export class OriginServer {
  settings: OriginSettings = { ...HEALTHY_ORIGIN };
  readonly #random: Random;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #stop = new AbortController();

  constructor(random: Random, sessions: Sessions) {
    this.#random = random;
    manyWaiters(this.#stop.signal);
    const app = createLegacyApp(sessions);
    const listener = getRequestListener((request, env) =>
      this.#answer(request, env.incoming as IncomingMessage, (r) => app.fetch(r)),
    );
    this.#server = createServer(
      (incoming: IncomingMessage, outgoing: ServerResponse) => void listener(incoming, outgoing),
    );
    // The Worker keeps its connections; one that is closed under a request would be a 502 of ours.
    this.#server.keepAliveTimeout = 0;
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("upgrade", (request, socket, head) => {
      if (this.settings.down || request.url?.startsWith("/api/ws") !== true) socket.destroy();
      else echoWebSocket(request, socket, head);
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set(settings: Partial<OriginSettings>): void {
    this.settings = { ...this.settings, ...settings };
    if (this.settings.down) this.#reset();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#reset();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(
    request: Request,
    incoming: IncomingMessage,
    handle: (request: Request) => Response | Promise<Response>,
  ): Promise<Response> {
    await pause(this.settings.addedLatencyMs, this.#stop.signal);
    if (this.settings.down) {
      incoming.socket.resetAndDestroy();
      return RESPONSE_ALREADY_SENT;
    }
    if (this.#random.next() < this.settings.errorShare) {
      return Response.json({ error: "internal_error" }, { status: 500 });
    }
    if (this.settings.preflightsRefused && request.method === "OPTIONS") {
      return new Response(null, { status: 403 });
    }
    return handle(request);
  }

  #reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}
