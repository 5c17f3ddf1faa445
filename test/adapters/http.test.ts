/** Connections and bodies that break off. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readCapped, send } from "../../src/adapters/http.ts";

let server: Server;
/** Of each connection, how many requests it has carried. */
const carried = new Map<Socket, number>();
/** A connection ends instead of carrying another request. */
let isImpatient = false;
let answering: ServerResponse | null = null;
beforeEach(async () => {
  isImpatient = false;
  carried.clear();
  server = createServer((request, response) => {
    const { socket } = request;
    carried.set(socket, (carried.get(socket) ?? 0) + 1);
    if (isImpatient) {
      if (carried.get(socket) === 1) response.end("all of it");
      else socket.destroy();
      return;
    }
    answering = response;
    response.writeHead(200, { "content-length": "100" });
    response.write("the first part");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Without a listener for errors: a body that nobody reads loses its error. */
const closing = (body: Readable) => new Promise((resolve) => body.on("close", resolve));

function ask(signal: AbortSignal, method = "GET") {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const at = new URL(`http://127.0.0.1:${port}`);
  return send({ method, at, path: "/", headers: {}, signal });
}

it("a body ends by the signal, before anybody reads it", async () => {
  const stop = new AbortController();
  const { body } = await ask(stop.signal);
  const closed = closing(body);
  stop.abort();
  await closed;
  await expect(readCapped(body, 1_000)).rejects.toThrow();
});

it("a body ends by the server, before anybody reads it, or while somebody does", async () => {
  const never = new AbortController().signal;
  const early = await ask(never);
  const closed = closing(early.body);
  answering?.destroy();
  await closed;
  await expect(readCapped(early.body, 1_000)).rejects.toThrow();
  const late = await ask(never);
  const reading = readCapped(late.body, 1_000);
  answering?.destroy();
  await expect(reading).rejects.toThrow();
});

it("a body ends by us, once it is longer than it may be", async () => {
  const { body } = await ask(new AbortController().signal);
  await expect(readCapped(body, 3)).rejects.toThrow("transport failure");
  expect(body.destroyed).toBe(true);
});

it("what only reads is asked again when its connection had been closed for being idle", async () => {
  isImpatient = true;
  const never = new AbortController().signal;
  const read = async (method: string) =>
    String(await readCapped((await ask(never, method)).body, 1_000));
  expect(await read("GET")).toBe("all of it");
  expect(await read("GET")).toBe("all of it");
  expect([...carried.values()]).toEqual([2, 1]);
  expect(await read("GET")).toBe("all of it");
  // Whether a write has arrived, its author has to find out.
  await expect(read("PUT")).rejects.toThrow();
});
