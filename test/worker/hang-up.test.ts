/** Visitors who hang up, with real sockets: a kind of their own, and nobody's failure. */
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { CaughtPoint, WorkerUnderTest } from "./harness.ts";
import { session, startWorker } from "./harness.ts";

let worker: WorkerUnderTest;
let cookie: string;
/** What the chaos hook says, which native asks first: here it waits for the visitor to leave. */
let onAsked: () => Promise<Record<string, unknown>> = async () => ({});
beforeAll(async () => {
  worker = await startWorker({
    config: { canary_percent: 100 },
    database: true,
    points: true,
    chaos: () => onAsked(),
  });
  cookie = `${await worker.cookie("native")}; ${session("anna")}`;
});
afterEach(() => {
  onAsked = async () => ({});
  worker.points.clear();
  worker.logs.clear();
});
afterAll(() => worker.dispose());

const ENDS = ["closed", "reset"] as const;

/** Sends the head of a request and a piece of its body. */
async function begin(
  head: string,
  body: string | Buffer = "",
  { url: workerUrl } = worker,
): Promise<Socket> {
  const url = new URL(workerUrl);
  const socket = connect(Number(url.port), url.hostname);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(`${head}\r\nHost: pix.test\r\n`);
  socket.write(body);
  return socket;
}

function leave(socket: Socket, how: (typeof ENDS)[number]): void {
  if (how === "reset") socket.resetAndDestroy();
  else socket.destroy();
}

/** A reset takes with it what nobody has read yet: the request must have come so far. */
function whenAsked(): Promise<void> {
  return new Promise((resolve) => {
    onAsked = async () => {
      resolve();
      return {};
    };
  });
}

/** The one point of the request; what else it has made is looked at as well. */
async function pointOfRequest(): Promise<CaughtPoint> {
  const [point] = await worker.points.take(1, ({ kind }) => kind === "request");
  // Its other points, if any, were written before it.
  const odd = worker.points.all().filter(({ kind }) => /failure/.test(kind));
  expect(odd).toEqual([]);
  return point ?? expect.fail();
}

async function intent(size: number): Promise<string> {
  const answer = await worker.fetch("/api/pixcapture/upload/intent", {
    method: "POST",
    headers: { cookie },
    body: JSON.stringify({ filename: "a.jpg", content_type: "image/jpeg", size }),
  });
  const { upload_url } = (await answer.json()) as { upload_url: string };
  await worker.points.take(2);
  worker.points.clear();
  return upload_url;
}

describe.each(ENDS)("a connection that is %s", (how) => {
  test.each(["Content-Length: 1000000", "Transfer-Encoding: chunked"])(
    "during an upload to native (%s) is 499, and the upload can be made again",
    async (length) => {
      const url = await intent(1_000_000);
      const piece = length.startsWith("T") ? "5\r\nhello\r\n" : Buffer.alloc(50_000);
      const asked = whenAsked();
      const socket = await begin(`PUT ${url} HTTP/1.1\r\nCookie: ${cookie}\r\n${length}`, "\r\n");
      socket.write(piece);
      await asked;
      leave(socket, how);
      expect(await pointOfRequest()).toMatchObject({ status: 499, cohort: "native" });
      const whole = { method: "PUT", headers: { cookie }, body: Buffer.alloc(1_000_000) } as const;
      expect((await worker.fetch(url, whole)).status).toBe(204);
      expect(worker.logs.all().filter(({ level }) => level === "ERROR")).toEqual([]);
    },
  );

  test.each(["intent", "finalize"])("in the JSON of %s is 499", async (step) => {
    const path = `/api/pixcapture/upload/${step}`;
    const head = `POST ${path} HTTP/1.1\r\nCookie: ${cookie}\r\nContent-Length: 100`;
    const asked = whenAsked();
    const socket = await begin(head, "\r\n{");
    await asked;
    leave(socket, how);
    expect(await pointOfRequest()).toMatchObject({ status: 499, route: path });
  });

  test.each(["Content-Length: 1000000", "Transfer-Encoding: chunked"])(
    "during an upload that is proxied (%s) is 499, and the origin sees no whole body",
    async (length) => {
      worker.origin.requests.length = 0;
      const piece = length.startsWith("T") ? "5\r\nhello\r\n" : Buffer.alloc(50_000);
      const begun = worker.origin.nextHead();
      const socket = await begin(`PUT /api/other HTTP/1.1\r\n${length}`, "\r\n");
      socket.write(piece);
      await begun;
      leave(socket, how);
      expect(await pointOfRequest()).toMatchObject({ status: 499, route: "/api/*" });
      expect(worker.origin.requests).toEqual([]);
    },
  );

  test("during a download is no failure of R2", async () => {
    const size = 20_000_000;
    const url = await intent(size);
    const headers = { cookie };
    await worker.fetch(url, { method: "PUT", headers, body: Buffer.alloc(size) });
    const done = await worker.fetch("/api/pixcapture/upload/finalize", {
      method: "POST",
      headers,
      body: JSON.stringify({ intent_id: url.split("/").pop()?.split("?")[0] }),
    });
    const { job_id } = (await done.json()) as { job_id: string };
    const job = await worker.fetch(`/api/jobs/${job_id}`, { headers });
    const { download_url } = (await job.json()) as { download_url: string };
    await worker.points.take(4);
    worker.points.clear();
    const socket = await begin(`GET ${download_url} HTTP/1.1\r\nCookie: ${cookie}`, "\r\n");
    await once(socket, "data");
    leave(socket, how);
    await (await worker.fetch("/api/jobs", { headers })).text();
    await worker.points.take(1, ({ route }) => route === "/api/jobs");
    expect(await pointOfRequest()).toMatchObject({ status: 200 });
  });
});

test("a connection that is reset before native has answered is 499", async () => {
  const asked = new Promise<void>((resolve) => {
    onAsked = () => {
      resolve();
      return new Promise(() => undefined);
    };
  });
  const socket = await begin(`GET /api/jobs HTTP/1.1\r\nCookie: ${cookie}`, "\r\n");
  await asked;
  socket.resetAndDestroy();
  expect(await pointOfRequest()).toMatchObject({ status: 499, route: "/api/jobs" });
});

test("an origin that breaks off an upload is the origin's failure still", async () => {
  worker.origin.answerWith((request) => request.socket.resetAndDestroy());
  const answer = await worker.fetch("/api/other", { method: "PUT", body: Buffer.alloc(100_000) });
  worker.origin.answerWith(null);
  expect(answer.status).toBe(502);
  expect(await pointOfRequest()).toMatchObject({ status: 502 });
});

describe("a database that never answers", () => {
  const silent = createServer();
  let hanging: WorkerUnderTest;
  beforeAll(async () => {
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    hanging = await startWorker({
      config: { canary_percent: 100 },
      databaseUrl: `postgres://a:b@127.0.0.1:${port}/c?sslmode=disable`,
      points: true,
    });
  });
  afterAll(async () => {
    await hanging.dispose();
    silent.close();
  });

  /** What the runtime does for who has left, or does not, it has done then. */
  async function serveAnother(): Promise<void> {
    const known = hanging.points.all().length;
    await (await hanging.fetch("/api/other")).text();
    await hanging.points.take(known + 1);
  }

  test.each([
    ["GET /api/jobs", "\r\n"],
    ["POST /api/pixcapture/upload/intent", "Content-Length: 2\r\n\r\n{}"],
  ])(
    "is a failure of it though the visitor of %s has left, and the origin is spared",
    async (line, rest) => {
      hanging.points.clear();
      hanging.origin.requests.length = 0;
      const reached = once(silent, "connection");
      const socket = await begin(`${line} HTTP/1.1\r\nCookie: ${cookie}`, rest, hanging);
      const [connection] = (await reached) as [Socket];
      leave(socket, "reset");
      const [request] = await hanging.points.take(1, ({ kind }) => kind === "request");
      expect(request).toMatchObject({ status: 499, cohort: "native" });
      await serveAnother();
      connection.resetAndDestroy();
      const [failure] = await hanging.points.take(1, ({ kind }) => kind === "db_failure");
      expect(failure).toMatchObject({ cohort: "native", cause: "upstream" });
      await serveAnother();
      expect(new Set(hanging.origin.requests.map(({ url }) => url))).toEqual(
        new Set(["/api/other"]),
      );
    },
  );
});
