/**
 * Where the Workers' simulated bindings end: one HTTP server in this process, which workerd calls
 * directly. A function as a binding of Miniflare's would do too, but passes through two Requests and
 * two Responses each time, which cost more than all the rest of a visitor's request.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { WorkerOptions } from "miniflare";

/** `body` is what the Worker sent as JSON; undefined when it sent none. */
export type NodeService = (operation: string, body: unknown) => Promise<ServiceAnswer>;

interface ServiceAnswer {
  status: number;
  json?: unknown;
}

export type ServiceBinding = NonNullable<WorkerOptions["serviceBindings"]>[string];

const NAME_HEADER = "x-sandbox-service";

export class NodeServices {
  readonly #services = new Map<string, NodeService>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((incoming, outgoing) => {
      this.#answer(incoming, outgoing).catch(() => outgoing.destroy());
    });
    // The runtime keeps its connections; one that is closed under a request would be an error of ours.
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** A binding whose `fetch` ends in this service: its path is the operation. After `start`. */
  bind(name: string, service: NodeService): ServiceBinding {
    this.#services.set(name, service);
    const { port } = this.#server.address() as AddressInfo;
    const injectRequestHeaders = [{ name: NAME_HEADER, value: name }];
    return { external: { address: `127.0.0.1:${port}`, http: { injectRequestHeaders } } };
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const service = this.#services.get(String(incoming.headers[NAME_HEADER]));
    const body = await bodyOf(incoming);
    const { status, json } = (await service?.((incoming.url ?? "/").slice(1), body)) ?? {
      status: 404,
    };
    const text = json === undefined ? "" : JSON.stringify(json);
    // One write for both.
    outgoing.writeHead(status, { "content-length": Buffer.byteLength(text) }).end(text);
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
