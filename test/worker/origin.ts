/** A legacy origin on loopback that records what reaches it. */
import { once } from "node:events";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  /** Names and values as sent, with duplicates. */
  rawHeaders: string[];
  body: Buffer;
}

export interface TestOrigin {
  url: string;
  requests: SeenRequest[];
  /** Replaces the answer (by default 200 and a JSON echo); null restores it. */
  answerWith(listener: RequestListener | null): void;
  /** The head of the next request; its body may never come. */
  nextHead(): Promise<unknown>;
  /** Handles `Upgrade`; by default the connection is closed. */
  onUpgrade(handler: (request: IncomingMessage, socket: Duplex) => void): void;
  close(): Promise<void>;
}

export async function startOrigin(): Promise<TestOrigin> {
  const requests: SeenRequest[] = [];
  let listener: RequestListener | null = null;
  let upgrade = (_request: IncomingMessage, socket: Duplex): void => {
    socket.destroy();
  };
  /** Not among the server's own connections any more. */
  const upgraded = new Set<Duplex>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const { method = "", url = "", headers, rawHeaders } = request;
      requests.push({ method, url, headers, rawHeaders, body });
      if (listener !== null) return listener(request, response);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ served_by: "origin", method, url }));
    });
  });
  server.on("upgrade", (request, socket) => {
    upgraded.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => upgraded.delete(socket));
    upgrade(request, socket);
  });
  // The Worker keeps its connections: one that is closed under a request would be a 502.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answerWith: (next) => {
      listener = next;
    },
    nextHead: () => once(server, "request"),
    onUpgrade: (handler) => {
      upgrade = handler;
    },
    close: () => {
      for (const socket of upgraded) socket.destroy();
      return closeServer(server);
    },
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
