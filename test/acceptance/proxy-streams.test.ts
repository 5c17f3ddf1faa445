/** AT-29: long streams, WebSockets, and targets that every URL parser changes. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { Miniflare } from "miniflare";
import { WebSocket } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { echoWebSocket } from "../../src/sandbox/origin/websocket-echo.ts";
import { HANG_MS } from "../support/patience.ts";
import type { WorkerUnderTest } from "../worker/harness.ts";
import { startWorker } from "../worker/harness.ts";
import type { PlannedOrigin } from "./proxy-peers.ts";
import { send, startPlannedOrigin } from "./proxy-peers.ts";

const STREAM_MIB = 100;
/** The goal of AT-29; what is asserted leaves room for the runtime's own heap. */
const GOAL_MIB = 32;
const BOUND_MIB = 64;

let origin: PlannedOrigin;
let worker: WorkerUnderTest;
beforeAll(async () => {
  origin = await startPlannedOrigin();
  worker = await startWorker({ vars: { ORIGIN_URL: origin.url } });
});
afterAll(async () => {
  await worker.dispose();
  await origin.close();
});

/** Resident memory of the workerd processes that this process has started; null elsewhere than on Linux. */
function workerdRssMib(): number | null {
  let pages = 0;
  try {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      pages += rssIfOurs(pid);
    }
  } catch {
    return null;
  }
  return pages === 0 ? null : pages / 1_024;
}

function rssIfOurs(pid: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const ours = new RegExp(`^PPid:\\t${process.pid}$`, "m").test(status);
    const isWorkerd = /^Name:\tworkerd/m.test(status);
    return ours && isWorkerd ? Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) : 0;
  } catch {
    return 0;
  }
}

/** Remembers the highest of what it is shown. */
class Peak {
  highest = 0;
  #chunks = 0;

  sample(): void {
    this.#chunks += 1;
    if (this.#chunks % 64 === 0) this.highest = Math.max(this.highest, workerdRssMib() ?? 0);
  }
}

/** Chunks that differ, so that a lost or doubled one changes the digest. */
function* chunks(totalMib: number): Generator<Buffer> {
  for (let at = 0; at < totalMib * 16; at += 1) yield Buffer.alloc(65_536, at % 251);
}

interface Writable {
  write(chunk: Buffer): boolean;
  end(): unknown;
  once(event: "drain", listener: () => void): unknown;
}

async function pour(into: Writable, totalMib: number): Promise<void> {
  for (const chunk of chunks(totalMib)) {
    if (!into.write(chunk)) await new Promise<void>((resolve) => into.once("drain", resolve));
  }
  into.end();
}

async function drain(from: IncomingMessage, peak: Peak): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of from) {
    hash.update(chunk as Buffer);
    peak.sample();
  }
  return hash.digest("hex");
}

function digestOf(totalMib: number): string {
  const hash = createHash("sha256");
  for (const chunk of chunks(totalMib)) hash.update(chunk);
  return hash.digest("hex");
}

function open(method: string, url: string): ClientRequest {
  return httpRequest(url, { method, agent: false, signal: AbortSignal.timeout(HANG_MS) });
}

async function upload(url: string, totalMib: number, peak: Peak): Promise<string> {
  const answered = new Promise<string>((resolve, reject) => {
    origin.otherwise((request, response) => {
      drain(request, peak).then((digest) => {
        response.end("stored");
        resolve(digest);
      }, reject);
    });
  });
  const request = open("POST", `${url}/api/stream-up`);
  const responded = once(request, "response") as Promise<[IncomingMessage]>;
  await pour(request, totalMib);
  const [message] = await responded;
  await message.toArray();
  return answered;
}

async function download(url: string, totalMib: number, peak: Peak): Promise<string> {
  origin.otherwise((_request, response) => void pour(response, totalMib));
  const request = open("GET", `${url}/api/stream-down`);
  request.end();
  const [message] = (await once(request, "response")) as [IncomingMessage];
  return drain(message, peak);
}

/** By how much workerd grows while the stream passes; null where that cannot be measured. */
async function riseMib(stream: typeof upload, url: string): Promise<number | null> {
  // Warms the runtime up: its first buffers are not the stream's.
  expect(await stream(url, 4, new Peak())).toBe(digestOf(4));
  const before = workerdRssMib();
  const peak = new Peak();
  expect(await stream(url, STREAM_MIB, peak)).toBe(digestOf(STREAM_MIB));
  return before === null ? null : Math.max(0, peak.highest - before);
}

describe("streams", () => {
  test.each([
    ["upload", upload],
    ["download", download],
  ] as const)("a chunked %s of 100 MiB passes whole, and is never held", async (name, stream) => {
    const rise = await riseMib(stream, worker.url);
    const shown = rise === null ? "cannot be measured here" : `${rise.toFixed(1)} MiB`;
    console.log(`AT-29: ${name} of ${STREAM_MIB} MiB: workerd grew by ${shown} (goal ${GOAL_MIB})`);
    expect(rise ?? 0).toBeLessThanOrEqual(BOUND_MIB);
  });

  test("a proxy that holds the body is caught, where memory can be measured", async () => {
    const holding = new Miniflare({
      cf: false,
      modules: true,
      compatibilityDate: "2026-07-01",
      script: `export default { async fetch(request) {
        const body = await request.arrayBuffer();
        return fetch("${origin.url}/api/stream-up", { method: "POST", body });
      } }`,
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    });
    try {
      const rise = await riseMib(upload, (await holding.unsafeGetDirectURL()).origin);
      expect(rise ?? BOUND_MIB + 1).toBeGreaterThan(BOUND_MIB);
    } finally {
      await holding.dispose();
    }
  });

  test("the first bytes of an answer arrive before its last ones are sent", async () => {
    let finish = (): void => undefined;
    origin.otherwise((_request, response) => {
      response.write("first");
      finish = () => void response.end("last");
    });
    const request = open("GET", `${worker.url}/api/stream-slow`);
    request.end();
    const [message] = (await once(request, "response")) as [IncomingMessage];
    const [first] = (await once(message, "data")) as [Buffer];
    expect(first.toString()).toBe("first");
    finish();
    const [last] = (await once(message, "data")) as [Buffer];
    expect(last.toString()).toBe("last");
  });
});

describe("WebSocket", () => {
  async function talk(url: string, messages: readonly (string | Buffer)[]): Promise<string[]> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/api/socket?x=%zz`);
    socket.binaryType = "arraybuffer";
    const heard: string[] = [];
    const all = new Promise<void>((resolve, reject) => {
      socket.addEventListener("error", () => reject(new Error("the WebSocket failed")));
      socket.addEventListener("message", ({ data }) => {
        heard.push(
          typeof data === "string" ? data : Buffer.from(data as ArrayBuffer).toString("hex"),
        );
        if (heard.length === messages.length) resolve();
      });
    });
    await once(socket, "open");
    for (const message of messages) socket.send(message);
    await all;
    const closed = once(socket, "close");
    socket.close(1000, "done");
    await closed;
    return heard;
  }

  test("text and binary frames of every length come back as without the Worker", async () => {
    const asked: string[] = [];
    origin.onUpgrade((request, socket, head) => {
      asked.push(`${request.method} ${request.url}`);
      echoWebSocket(request, socket, head);
    });
    const messages = [
      "",
      "küche",
      Buffer.from([0, 255, 128]),
      "x".repeat(125),
      "y".repeat(126),
      "z".repeat(60_000),
    ];
    const direct = await talk(origin.url, messages);
    expect(await talk(worker.url, messages)).toEqual(direct);
    expect(direct).toHaveLength(messages.length);
    expect(asked).toEqual(["GET /api/socket?x=%zz", "GET /api/socket?x=%zz"]);
  });
});

describe("targets that a URL parser changes, at the edge as in a browser", () => {
  test.each([
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/%2e%2E/b", "/b"],
    ['/a"b<c>', "/a%22b%3Cc%3E"],
    ["/a\\b", "/a/b"],
  ])("%s reaches the origin as %s", async (asked, received) => {
    const body = Buffer.alloc(0);
    origin.plan("targets", { kind: "plain", status: 200, headers: [], body, chunked: false });
    await send(worker.url, "targets", {
      method: "GET",
      rest: asked,
      headers: [],
      body: null,
      chunkBytes: null,
      trailers: false,
    });
    expect(origin.seen("targets")?.start).toBe(`GET /api/targets${received}`);
  });
});
