/** Live tails: made through the API, followed over a WebSocket of subprotocol `trace-v1`. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type * as z from "zod";
import type { Random } from "../random.ts";
import { filtersSchema, passes } from "./tail-filters.ts";
import type { Trace } from "./trace.ts";

export interface TailSettings {
  /** More events than this in a second are left out, and the client is told. */
  eventsPerS: number;
  /** How long a tail lives. */
  ttlMs: number;
  /** Connected, but nothing comes any more, as has been seen with the real one. */
  silent: boolean;
}

export const PLAIN_TAILS: TailSettings = { eventsPerS: 500, ttlMs: 6 * 3_600_000, silent: false };

const TRACE_PROTOCOL = "trace-v1";
export const MAX_TAILS = 10;
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 64 * 1024;
/** WebSocket close codes: 1001 going away, 1000 done. */
const GOING_AWAY = 1001;
const DONE = 1000;

export interface TailRecord {
  id: string;
  url: string;
  expires_at: string;
}

type Filters = z.output<typeof filtersSchema>["filters"];

interface Tail {
  id: string;
  expiresAtMs: number;
  filters: Filters;
  socket: WebSocket | null;
  second: number;
  sent: number;
  overloaded: boolean;
}

export class Tails {
  settings: TailSettings = { ...PLAIN_TAILS };
  readonly #tails = new Map<string, Tail>();
  readonly #server: Server = createServer((_, answer) => answer.writeHead(426).end());
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (offered) => (offered.has(TRACE_PROTOCOL) ? TRACE_PROTOCOL : false),
  });
  readonly #random: Random;
  #origin = "";

  constructor(random: Random) {
    this.#random = random;
  }

  async start(): Promise<void> {
    this.#server.on("upgrade", (request, socket, head) => {
      const tail = this.#find((request.url ?? "").slice(1));
      const offered = String(request.headers["sec-websocket-protocol"] ?? "").split(/, */);
      if (tail === null || tail.socket !== null || !offered.includes(TRACE_PROTOCOL)) {
        socket.end(`HTTP/1.1 ${tail === null ? "404 Not Found" : "400 Bad Request"}\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#attach(tail, client));
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#origin = `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ids of the tails that live. */
  list(): TailRecord[] {
    this.#forgetExpired();
    return [...this.#tails.values()].map((tail) => this.#record(tail));
  }

  /** Null when there are as many as may be. */
  create(filters: Filters): TailRecord | null {
    this.#forgetExpired();
    if (this.#tails.size >= MAX_TAILS) return null;
    const tail: Tail = {
      id: randomBytes(16).toString("hex"),
      expiresAtMs: Date.now() + this.settings.ttlMs,
      filters,
      socket: null,
      second: 0,
      sent: 0,
      overloaded: false,
    };
    this.#tails.set(tail.id, tail);
    return this.#record(tail);
  }

  delete(id: string): boolean {
    const tail = this.#tails.get(id);
    tail?.socket?.close(DONE);
    return this.#tails.delete(id);
  }

  publish(trace: Trace): void {
    if (this.#tails.size === 0 || this.settings.silent) return;
    const text = JSON.stringify(trace);
    for (const tail of this.#tails.values()) {
      if (tail.socket === null || !passes(trace, tail.filters, () => this.#random.next())) continue;
      if (this.#hasRoom(tail)) tail.socket.send(text);
    }
  }

  /** Breaks every connection without a word; the tails live on. */
  cut(): number {
    const cut = [...this.#tails.values()].filter(({ socket }) => socket !== null);
    for (const { socket } of cut) socket?.terminate();
    return cut.length;
  }

  /** Ends every tail. */
  expire(): void {
    for (const tail of this.#tails.values()) tail.socket?.close(GOING_AWAY, "tail expired");
    this.#tails.clear();
  }

  async close(): Promise<void> {
    this.#tails.clear();
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #attach(tail: Tail, client: WebSocket): void {
    tail.socket = client;
    client.on("error", () => client.terminate());
    client.on("close", () => {
      tail.socket = null;
    });
    client.on("message", (data) => this.#filter(tail, data));
  }

  /** wrangler says `{"debug": …}` first; filters may follow. Anything else means nothing here. */
  #filter(tail: Tail, data: RawData): void {
    let message: unknown;
    try {
      message = JSON.parse(data.toString());
    } catch {
      return;
    }
    if (typeof message !== "object" || message === null || !("filters" in message)) return;
    const parsed = filtersSchema.safeParse(message);
    if (parsed.success) tail.filters = parsed.data.filters;
  }

  /** Says so when events begin to be left out, and when that is over. */
  #hasRoom(tail: Tail): boolean {
    const second = Math.floor(Date.now() / 1000);
    if (second !== tail.second) {
      tail.second = second;
      tail.sent = 0;
    }
    tail.sent += 1;
    const full =
      tail.sent > this.settings.eventsPerS ||
      (tail.socket?.bufferedAmount ?? 0) > MAX_BUFFERED_BYTES;
    if (full !== tail.overloaded) {
      tail.overloaded = full;
      tail.socket?.send(JSON.stringify(overloadNotice(full)));
    }
    return !full;
  }

  #find(id: string): Tail | null {
    this.#forgetExpired();
    return this.#tails.get(id) ?? null;
  }

  #forgetExpired(): void {
    for (const tail of this.#tails.values()) {
      if (tail.expiresAtMs > Date.now()) continue;
      tail.socket?.close(GOING_AWAY, "tail expired");
      this.#tails.delete(tail.id);
    }
  }

  #record({ id, expiresAtMs }: Tail): TailRecord {
    const expires_at = new Date(expiresAtMs).toISOString();
    return { id, url: `${this.#origin}/${id}`, expires_at };
  }
}

/** As wrangler's `tail` reads them: `TailInfo`, of type `overload` and `overload-stop`. */
function overloadNotice(begins: boolean): unknown {
  return {
    outcome: "unknown",
    scriptName: null,
    exceptions: [],
    logs: [],
    eventTimestamp: Date.now(),
    event: begins
      ? {
          type: "overload",
          message:
            "Tail is currently in sampling mode due to the high volume of messages. To prevent messages from being dropped consider adding filters.",
        }
      : { type: "overload-stop", message: "Tail is no longer in sampling mode." },
  };
}
