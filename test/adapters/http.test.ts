/** A body that broke off, whenever it did, ends whoever waits for it. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readCapped, send } from "../../src/adapters/http.ts";

let server: Server;
let answering: ServerResponse | null = null;
beforeEach(async () => {
  server = createServer((_, response) => {
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

function ask(signal: AbortSignal) {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const at = new URL(`http://127.0.0.1:${port}`);
  return send({ method: "GET", at, path: "/", headers: {}, signal });
}

it("by the signal, before anybody reads it", async () => {
  const stop = new AbortController();
  const { body } = await ask(stop.signal);
  const closed = closing(body);
  stop.abort();
  await closed;
  await expect(readCapped(body, 1_000)).rejects.toThrow();
});

it("by the server, before anybody reads it, or while somebody does", async () => {
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

it("by us, once it is longer than it may be", async () => {
  const { body } = await ask(new AbortController().signal);
  await expect(readCapped(body, 3)).rejects.toThrow("transport failure");
  expect(body.destroyed).toBe(true);
});
