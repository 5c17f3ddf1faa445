/**
 * One HTTP request, by Node's own client. Not fetch: to load it takes a third of a stop's time, and it would
 * unpack what is stored compressed and tidy up a path. A redirect is an answer like any other.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { NeverSent, TransportError } from "./transport.ts";

export interface HttpRequest {
  method: string;
  /** Where to, by its protocol, host and port. */
  at: URL;
  /** As it is sent: encoded, with a slash in front, and the query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
  /** Ends it, also while the body is read. */
  signal: AbortSignal;
  /**
   * On a connection that nothing else uses: a server that refuses a body unread closes the connection, and the
   * next request on it would be lost.
   */
  alone?: true;
}

export interface HttpAnswer {
  status: number;
  /** Of a header that came more than once: all of it, after commas. */
  header(name: string): string | null;
  setCookies: readonly string[];
  /** Has to be read or destroyed. */
  body: Readable;
}

/** Resolves with the answer's head. Throws what Node throws, inside NeverSent where that is certain. */
export type Send = (request: HttpRequest) => Promise<HttpAnswer>;

export const send: Send = async (request) => {
  const answer = await headOf(request);
  const found = answer.headers;
  return {
    status: answer.statusCode ?? 0,
    header: (name) => found[name.toLowerCase()]?.toString() ?? null,
    setCookies: found["set-cookie"] ?? [],
    body: answer,
  };
};

async function headOf(asked: HttpRequest): Promise<IncomingMessage> {
  const { method, at, path, headers, body, signal, alone } = asked;
  const { request } = process.getBuiltinModule(
    at.protocol === "https:" ? "node:https" : "node:http",
  );
  return new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({
      method,
      protocol: at.protocol,
      hostname: at.hostname.replace(/^\[|\]$/g, ""),
      port: at.port,
      path,
      headers: { "accept-encoding": "identity", ...headers },
      joinDuplicateHeaders: true,
      signal,
      ...(alone ? { agent: false } : {}),
    });
    const maySend = watchConnection(sent);
    let isAnswered = false;
    sent.on("response", (answer) => {
      isAnswered = true;
      resolve(answer);
    });
    // Kept: a connection can also fail after the head.
    sent.on("error", (cause) => {
      if (isAnswered) return;
      // The server had closed it for being idle. What only reads may be asked again.
      const isStale = sent.reusedSocket && method === "GET" && !signal.aborted;
      if (isStale) resolve(headOf({ ...asked, alone: true }));
      else reject(maySend() ? cause : new NeverSent("no connection", { cause }));
    });
    sent.end(body);
  });
}

/** Whether the request has had a connection that it may have gone through; in doubt it has. */
function watchConnection(sent: ClientRequest): () => boolean {
  let open = false;
  sent.on("socket", (socket: ClientRequest["socket"]) => {
    const event = socket !== null && "encrypted" in socket ? "secureConnect" : "connect";
    if (socket?.connecting === true) socket.once(event, () => (open = true));
    else open = true;
  });
  return () => open;
}

/** What follows the host in a request's first line. */
export function pathOf({ pathname, search }: URL): string {
  return pathname + search;
}

/**
 * The whole body. Throws TransportError when there is more than `maxBytes`; the rest is not read. A body that
 * broke off before anybody read it throws as well: it has no event left to wait for.
 */
export async function readCapped(body: Readable, maxBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.byteLength;
    chunks.push(bytes);
    if (size > maxBytes) {
      body.destroy();
      throw new TransportError("maybe-sent", "the answer is too long", { tooLarge: true });
    }
  }
  return Buffer.concat(chunks);
}

/** As a browser reads it: without the mark that may stand before it. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}
