/** A real HTTP server on loopback whose every answer, also a broken one, the test decides. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { QuietPorts } from "../../src/sandbox/quiet-ports.ts";

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

export type Reply = (res: ServerResponse, seen: Seen) => void;

export interface TestServer {
  url: string;
  seen: Seen[];
  /** Replies in order; the last one repeats. */
  reply(...replies: Reply[]): void;
  close(): Promise<void>;
}

export async function startServer(): Promise<TestServer> {
  let queue: Reply[] = [];
  const seen: Seen[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("error", () => undefined);
    req.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const one = { method: req.method ?? "", url: req.url ?? "", headers: req.headers, body };
      seen.push(one);
      const next = queue.length > 1 ? queue.shift() : queue[0];
      if (next === undefined) res.destroy();
      else next(res, one);
    });
  });
  // Clients keep their connections: one that is closed under a request would be a failure.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    reply(...replies) {
      queue = replies;
      seen.length = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(
  status: number,
  document: unknown,
  headers: Record<string, string> = {},
): Reply {
  return (res) => {
    res.writeHead(status, { "content-type": "application/json", ...headers });
    res.end(JSON.stringify(document));
  };
}

export function text(status: number, body: string, headers: Record<string, string> = {}): Reply {
  return (res) => {
    res.writeHead(status, headers);
    res.end(body);
  };
}

export const success = (result: unknown, extra: object = {}): Reply =>
  json(200, { success: true, errors: [], messages: [], result, ...extra });

export const failure = (
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): Reply =>
  json(
    status,
    { success: false, errors: [{ code, message }], messages: [], result: null },
    headers,
  );

/** The request was read; then the connection is reset. */
export const reset: Reply = (res) => void res.socket?.resetAndDestroy();

export const hang: Reply = () => undefined;

/** Promises more than it sends, then closes. */
export const truncated: Reply = (res) => {
  res.writeHead(200, { "content-type": "application/json", "content-length": "400" });
  res.write('{"success":true,"result":', () => res.socket?.end());
};

/** Headers and a first byte at once, the rest never. */
export const drip: Reply = (res) => {
  res.writeHead(200, { "content-type": "application/json", "content-length": "400" });
  res.write("{");
};

/** A byte now and then, so that no pause between two is long. */
export const slow: Reply = (res) => {
  res.writeHead(200, { "content-type": "application/json" });
  const timer = setInterval(() => res.write(" "), 20);
  res.on("close", () => clearInterval(timer));
};

/** A megabyte at a time, until somebody hangs up. */
export const endless: Reply = (res) => {
  res.writeHead(200, { "content-type": "application/json" });
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  const more = (): void => {
    if (!res.destroyed) res.write(chunk, more);
  };
  more();
};

/** A port of loopback on which nothing listens, nor will while this process runs. */
export const closedPort = (): Promise<number> => new QuietPorts().take();
