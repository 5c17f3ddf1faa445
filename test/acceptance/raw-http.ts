/** HTTP/1.1 over plain sockets: every byte of a header as it was sent, each as one character. */
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { HANG_MS } from "../support/patience.ts";

export type Field = [name: string, value: string];

export interface RawMessage {
  /** The request line or the status line. */
  start: string;
  fields: Field[];
  body: string;
}

const END_OF_HEAD = "\r\n\r\n";

/** Bytes as they are to be sent; nothing is added. */
export function written({ start, fields, body }: RawMessage): Buffer {
  const head = [start, ...fields.map(([name, value]) => `${name}: ${value}`)].join("\r\n");
  return Buffer.from(head + END_OF_HEAD + body, "latin1");
}

/** Bytes as the runtime reads them. */
export const decoded = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");

/** What a header becomes that is read and written again. */
export const reencoded = (bytes: string): string => Buffer.from(decoded(bytes)).toString("latin1");

/** Reads one message after the other from a connection that is kept. */
export class RawReader {
  readonly #socket: Socket;
  readonly #incoming: NodeJS.AsyncIterator<Buffer>;
  #text = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#incoming = socket[Symbol.asyncIterator]();
    socket.setTimeout(HANG_MS, () => socket.destroy(new Error("nothing came")));
  }

  /** Null when the other end has closed. `isBodiless` knows what the head does not say. */
  async next(isBodiless: (start: string) => boolean): Promise<RawMessage | null> {
    while (!this.#text.includes(END_OF_HEAD)) if (!(await this.#more())) return null;
    const [start = "", ...lines] = this.#take(this.#text.indexOf(END_OF_HEAD), 4).split("\r\n");
    const fields = lines.map((line): Field => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    });
    const body = isBodiless(start) ? "" : await this.#body(fields);
    return { start, fields, body };
  }

  async #body(fields: readonly Field[]): Promise<string> {
    const framing = (name: string) =>
      fields.find(([each]) => each.toLowerCase() === name)?.[1] ?? null;
    if (framing("transfer-encoding") === null) {
      return this.#exactly(Number(framing("content-length") ?? 0));
    }
    let body = "";
    for (;;) {
      while (!this.#text.includes("\r\n")) await this.#must();
      const length = Number.parseInt(this.#take(this.#text.indexOf("\r\n"), 2), 16);
      body += await this.#exactly(length);
      await this.#exactly(2);
      if (length === 0) return body;
    }
  }

  async #exactly(length: number): Promise<string> {
    while (this.#text.length < length) await this.#must();
    return this.#take(length, 0);
  }

  #take(length: number, skipped: number): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length + skipped);
    return taken;
  }

  async #must(): Promise<void> {
    if (!(await this.#more())) throw new Error(`the connection ended within a message`);
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#incoming.next();
    if (done === true) return false;
    this.#text += value.toString("latin1");
    return !this.#socket.destroyed || this.#text !== "";
  }
}

export interface RawOrigin {
  url: string;
  /** What it answers to the path, byte by byte; it hangs up afterwards when the answer says so. */
  plan(path: string, answer: RawMessage): void;
  /** What came for that path. */
  seen(path: string): RawMessage | null;
  close(): Promise<void>;
}

export async function startRawOrigin(): Promise<RawOrigin> {
  const plans = new Map<string, RawMessage>();
  const seen = new Map<string, RawMessage>();
  const sockets = new Set<Socket>();
  const serve = async (socket: Socket): Promise<void> => {
    const reader = new RawReader(socket);
    for (;;) {
      const request = await reader.next(() => false);
      if (request === null) return;
      const path = request.start.split(/[ ?]/, 2)[1] ?? "";
      seen.set(path, request);
      const answer = plans.get(path);
      if (answer === undefined) return void socket.destroy();
      socket.write(written(answer));
      if (answer.fields.some(([name]) => name === "Connection")) return void socket.end();
    }
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket).catch(() => socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan: (path, answer) => void plans.set(path, answer),
    seen: (path) => seen.get(path) ?? null,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Sends one request after the other over one connection. */
export class RawClient {
  readonly #url: URL;
  #socket: Socket | null = null;
  #reader: RawReader | null = null;

  constructor(url: string) {
    this.#url = new URL(url);
  }

  async ask(request: RawMessage): Promise<RawMessage> {
    const reader = this.#reader ?? this.#open();
    this.#socket?.write(written(request));
    const isHead = request.start.startsWith("HEAD ");
    const answer = await reader.next((start) => isHead || /^\S+ (?:1..|204|304)/.test(start));
    if (answer === null) throw new Error("the connection ended without an answer");
    if (answer.fields.some(([name]) => name.toLowerCase() === "connection")) this.close();
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
    this.#reader = null;
  }

  #open(): RawReader {
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    socket.on("error", () => socket.destroy());
    this.#socket = socket;
    this.#reader = new RawReader(socket);
    return this.#reader;
  }
}
