/** What the sandbox asks of its own runtime loses no answer to the state of a connection, and ends with the sandbox. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { flowsSchema } from "../../src/sandbox/control/schema.ts";
import { Backstage } from "../../src/sandbox/edge/backstage.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import { Sessions } from "../../src/sandbox/sessions.ts";
import { Traffic } from "../../src/sandbox/traffic/traffic.ts";
import { WORKER_PATIENCE } from "../support/patience.ts";

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function visit(url: string): Traffic {
  const [random, sessions] = [seededRandom(1), new Sessions()];
  return new Traffic({ urls: [url], random, sessions, patience: WORKER_PATIENCE });
}

/** Whose connections are gone after one answer, as a runtime's when it starts anew. */
function serveOncePerConnection(answer: RequestListener): Promise<string> {
  const used = new WeakSet<object>();
  return serve((request, response) => {
    if (used.has(request.socket)) return request.socket.destroy();
    used.add(request.socket);
    answer(request, response);
  });
}

test("a visitor's request needs no connection that was there before", async () => {
  const url = await serveOncePerConnection((request, response) => {
    const intent = { intent_id: "1", upload_url: "/upload/1" };
    response.writeHead(request.method === "PUT" ? 204 : 201).end(JSON.stringify(intent));
  });
  const traffic = visit(url);
  const { flows, requests } = await traffic.runUploadFlows(flowsSchema.parse({ count: 20 }));
  expect(flows).toMatchObject({ completed: 20, failed: {} });
  expect(requests.total).toBe(60);
  await traffic.close();
});

test("nor does a look into a bucket", async () => {
  const page = { objects: [], truncated: false, delimitedPrefixes: [] };
  const url = await serveOncePerConnection((_, response) => response.end(JSON.stringify(page)));
  const backstage = new Backstage(new URL(url), async () => undefined);
  const bucket = backstage.bucket("logs");
  for (let look = 1; look <= 5; look += 1) expect(await bucket.list()).toEqual(page);
  await backstage.close();
});

test("a visitor is as patient as the sandbox", async () => {
  const limits = vi.spyOn(AbortSignal, "timeout");
  const traffic = visit(await serve((_, response) => response.writeHead(500).end()));
  await traffic.runUploadFlows(flowsSchema.parse({ count: 1 }));
  await traffic.close();
  expect(limits.mock.calls).toEqual([[15_000 * WORKER_PATIENCE]]);
  limits.mockRestore();
});

test("closing ends a request that is never answered", async () => {
  let ask = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const traffic = visit(await serve(() => ask()));
  const running = traffic.runUploadFlows(flowsSchema.parse({ count: 1 }));
  await asked;
  await traffic.close();
  expect((await running).flows.failed).toEqual({ "intent 0": 1 });
});
