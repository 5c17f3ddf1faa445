/** One address for all locations: routes by `X-Sandbox-Location`, streams both ways, upgrades too. */
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";

const LOCATION_HEADER = "x-sandbox-location";

export class EdgeFront {
  readonly #urls: ReadonlyMap<string, URL>;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #sockets = new Set<Socket | Duplex>();

  /** The first location is the default. */
  constructor(urls: ReadonlyMap<string, URL>) {
    this.#urls = urls;
    this.#server = createServer((incoming, outgoing) => {
      const target = this.#target(incoming);
      if (target === null) {
        outgoing.writeHead(400, { "content-type": "text/plain" });
        outgoing.end(`unknown location; ${LOCATION_HEADER} is one of ${[...this.#urls.keys()]}\n`);
        return;
      }
      const { method, url: path, rawHeaders: headers } = incoming;
      const { hostname: host, port } = target;
      const onward = request({ host, port, method, path, headers, agent: this.#agent });
      onward.on("response", (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders);
        pipeline(answer, outgoing, () => undefined);
      });
      onward.on("error", () => {
        if (outgoing.headersSent) outgoing.destroy();
        else outgoing.writeHead(502).end();
      });
      pipeline(incoming, onward, () => undefined);
    });
    this.#server.on("connection", (socket) => this.#watch(socket));
    this.#server.on("upgrade", (incoming, socket, head) => this.#upgrade(incoming, socket, head));
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #target(incoming: IncomingMessage): URL | null {
    const wanted = incoming.headers[LOCATION_HEADER];
    if (wanted === undefined) return this.#urls.values().next().value ?? null;
    return this.#urls.get(String(wanted).toUpperCase()) ?? null;
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const target = this.#target(incoming);
    if (target === null) {
      socket.destroy();
      return;
    }
    const onward = connect(Number(target.port), target.hostname);
    this.#watch(onward);
    const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`];
    const { rawHeaders } = incoming;
    for (let i = 0; i < rawHeaders.length; i += 2)
      lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
    onward.write(`${lines.join("\r\n")}\r\n\r\n`);
    onward.write(head);
    pipeline(socket, onward, () => undefined);
    pipeline(onward, socket, () => undefined);
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
