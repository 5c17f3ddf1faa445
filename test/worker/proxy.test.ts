/** AT-29, the basics: what reaches the origin and what comes back. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { gzipSync } from "node:zlib";
import { WebSocket } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WorkerUnderTest } from "./harness.ts";
import { startWorker } from "./harness.ts";
import type { SeenRequest } from "./origin.ts";

/** The opcode of a WebSocket frame. */
const CLOSE = 8;

let worker: WorkerUnderTest;
beforeAll(async () => {
  worker = await startWorker();
});
beforeEach(() => {
  worker.origin.requests.length = 0;
  worker.origin.answerWith(null);
});
afterAll(() => worker.dispose());

/** Collected by hand, not from the table: it must not be the judge of itself. */
const CLAIMS = (
  "True-Client-IP X-Client-IP Client-IP X-Cluster-Client-IP Fastly-Client-IP X-Azure-ClientIP X-Real-IP " +
  "X-Remote-IP X-Remote-Addr X-Originating-IP X-Envoy-External-Address X-Appengine-User-IP " +
  "X-ProxyUser-Ip WL-Proxy-Client-IP Proxy-Client-IP HTTP-Client-IP X-True-Client-IP Incap-Client-IP " +
  "CF-Connecting-IPv6 CF-Pseudo-IPv4 X-Nf-Client-Connection-Ip Fly-Client-IP X-Custom-IP-Authorization " +
  "CloudFront-Viewer-Address X-Vercel-Forwarded-For Forwarded-For X-Forward-For X-Original-Forwarded-For " +
  "Forwarded X-Forwarded X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Server X-Forwarded-Ssl " +
  "X-Forwarded-Scheme X-Forwarded-Path X-Forwarded-Uri X-Forwarded-User X-Forwarded-Client-Cert " +
  "X-Original-URL X-Original-URI X-Original-Host X-Original-Proto X-Original-Method X-Rewrite-URL " +
  "X-Override-URL X-Host X-Host-Override X-HTTP-Host-Override X-Scheme X-URL-Scheme Front-End-Https " +
  "X-ARR-SSL X-ARR-ClientCert X-Script-Name X-Path-Info X-HTTP-Method-Override X-HTTP-Method " +
  "X-Method-Override Remote-User X-Remote-User X-Authenticated-User X-WebAuth-User X-Auth-Request-Email " +
  "X-MS-Client-Principal X-MS-Client-Principal-Name X-Goog-Authenticated-User-Email X-Amzn-Oidc-Data " +
  "X-SSL-Client-S-DN SSL-Client-Cert Client-Cert X-Client-Cert CF-Access-Authenticated-User-Email " +
  "CF-Worker X-Middleware-Subrequest X-Accel-Mapping X-Sendfile-Type Proxy X-Azure-FDID Fastly-FF " +
  "X-Original-For X-Auth-Email OAM_REMOTE_USER X-Endpoint-API-UserInfo Teleport-Jwt-Assertion $WSRA"
).split(" ");

const OWN_BUSINESS = (
  "accept-language authorization referer user-agent origin via x-requested-with x-request-id traceparent " +
  "x-api-key x-csrf-token x-client-version x-client-info x-original-filename x-ms-client-request-id " +
  "idempotency-key dnt sec-fetch-site content-language x_own x-shipping x-user-id " +
  "accept x-auth-token x-auth-signature"
).split(" ");

/** Sends exactly these headers, which fetch would refuse to. */
async function raw(
  path: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: string } = {},
): Promise<{ message: IncomingMessage; body: Buffer }> {
  const { hostname, port } = new URL(worker.url);
  const { method = "GET", headers = {} } = options;
  const request = httpRequest({ hostname, port, path, method, headers, agent: false });
  request.end(options.body);
  const [message] = (await once(request, "response")) as [IncomingMessage];
  return { message, body: Buffer.concat(await message.toArray()) };
}

function seen(): SeenRequest {
  const [request] = worker.origin.requests;
  if (request === undefined) throw new Error("nothing reached the origin");
  return request;
}

describe("what reaches the origin", () => {
  test("method, path, query, body and ordinary headers as they were", async () => {
    await raw("/api/a%20b/%2e?x=%zz&y=[1]+2", {
      method: "PATCH",
      headers: { "x-own": "1", range: "bytes=0-1", "content-type": "text/plain" },
      body: "abc",
    });
    expect(seen()).toMatchObject({
      method: "PATCH",
      headers: { "x-own": "1", range: "bytes=0-1" },
    });
    expect(seen().url).toMatch(/^\/api\/a%20b\/.*\?x=%zz&y=\[1\]\+2$/);
    expect(seen().body.toString()).toBe("abc");
    await raw("/api/bare?");
    expect(worker.origin.requests[1]?.url).toBe("/api/bare?");
  });

  test("a GET with a body, and headers sent twice", async () => {
    await raw("/api/x", { headers: { "content-length": "3", "x-two": ["1", "2"] }, body: "abc" });
    expect(seen().body.toString()).toBe("abc");
    expect(seen().headers["x-two"]).toBe("1, 2");
  });

  test("no hop-by-hop header, nor what Connection lists, nor interim expectations (M11)", async () => {
    await raw("/api/x", {
      headers: {
        connection: "close, X-Evil",
        "x-evil": "1",
        te: "trailers",
        "keep-alive": "timeout=5",
        "proxy-authorization": "Basic x",
        expect: "100-continue",
      },
    });
    for (const name of ["x-evil", "te", "keep-alive", "proxy-authorization", "expect"]) {
      expect(seen().headers).not.toHaveProperty(name);
    }
  });

  test("forwarding headers are the edge's, not the visitor's (M11)", async () => {
    await raw("/api/x", {
      headers: {
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-proto": "gopher",
        "x-forwarded-host": "evil.example",
        "x-real-ip": "6.6.6.6",
        forwarded: "for=6.6.6.6",
      },
    });
    expect(seen().headers).toMatchObject({
      "x-forwarded-for": "203.0.113.7",
      "x-forwarded-proto": "http",
      "x-forwarded-host": new URL(worker.url).host,
    });
    expect(seen().headers).not.toHaveProperty("forwarded");
    expect(seen().headers).not.toHaveProperty("x-real-ip");
  });

  test.each(CLAIMS)("no visitor can claim %s", async (name) => {
    const [dashed, underscored] = [name, name.replaceAll("-", "_")];
    await raw("/api/x", { headers: { [dashed]: "6.6.6.6", [underscored]: "6.6.6.6" } });
    expect(seen().rawHeaders).not.toContain("6.6.6.6");
    expect(seen().headers["cf-connecting-ip"]).toBe("203.0.113.7");
  });

  test("where a visitor is, and by which scheme he asks, is said again by the edge", async () => {
    await raw("/api/x", {
      headers: { "cf-ipcountry": "XX", "cf-visitor": "{}", "cf-ipcity": "X" },
    });
    expect(seen().headers).toMatchObject({
      "cf-ipcountry": "DE",
      "cf-visitor": '{"scheme":"http"}',
    });
    expect(seen().headers).not.toHaveProperty("cf-ipcity");
  });

  test("Connection cannot hide what the edge says", async () => {
    const names =
      "CF-Connecting-IP, X-Forwarded-For, X-Forwarded-Host, CF-Ray, cf-ipcountry, CF-Visitor";
    const again = { "cf-ipcountry": "XX", "cf-visitor": "{}" };
    await raw("/api/x", { headers: { connection: `close, ${names}`, ...again } });
    expect(seen().headers).toMatchObject({
      "cf-connecting-ip": "203.0.113.7",
      "x-forwarded-for": "203.0.113.7",
      "x-forwarded-host": new URL(worker.url).host,
      "cf-ray": "230b030023ae2822-FRA",
      "cf-ipcountry": "DE",
      "cf-visitor": '{"scheme":"http"}',
    });
  });

  test("no second spelling of what says how to read a body reaches the origin", async () => {
    const claimed = { content_length: "1", Content_Type: "text/html", "content.encoding": "gzip" };
    const headers = { "content-type": "text/plain", "content-length": "3", ...claimed };
    await raw("/api/x", { method: "POST", headers, body: "abc" });
    expect(seen().headers).toMatchObject({ "content-type": "text/plain", "content-length": "3" });
    expect(Object.keys(seen().headers).filter((name) => /^content[^-]/.test(name))).toEqual([]);
    expect(seen().body.toString()).toBe("abc");
  });

  test("what a visitor says of himself is his own business", async () => {
    const own = Object.fromEntries(OWN_BUSINESS.map((name) => [name, `${name} of his`]));
    await raw("/api/x", { headers: own });
    expect(seen().headers).toMatchObject(own);
  });

  test("a flood of names changes nothing for those that matter", async () => {
    for (let round = 0; round < 60; round += 1) {
      const names = Array.from({ length: 20 }, (_, n) => [`x-flood-${round}-${n}`, "1"]);
      await raw("/api/x", { headers: { ...Object.fromEntries(names), "x-late-ip": "6.6.6.6" } });
    }
    const last = worker.origin.requests.at(-1)?.headers;
    expect(last).toHaveProperty("x-flood-59-19");
    await raw("/api/x", { headers: { "x-later-ip": "6.6.6.6", "x-own": "1" } });
    expect(worker.origin.requests.at(-1)?.headers).toMatchObject({ "x-own": "1" });
    expect(worker.origin.requests.at(-1)?.headers).not.toHaveProperty("x-later-ip");
  });

  test.each(["/api/x", "/page"])("neither cohort cookie nor X-Canary* on %s", async (path) => {
    const cookie = `a=1; ${await worker.cookie("proxy")}; b=2`;
    await raw(path, { headers: { cookie, "x-canary": "1", "X-Canary-Other": "1" } });
    expect(seen().headers.cookie).toBe("a=1; b=2");
    expect(seen().rawHeaders.join("\n").toLowerCase()).not.toContain("x-canary");
    await raw(path, { headers: { cookie: await worker.cookie("proxy") } });
    expect(worker.origin.requests[1]?.headers).not.toHaveProperty("cookie");
  });
});

describe("what comes back", () => {
  test("redirects are not followed", async () => {
    worker.origin.answerWith((_request, response) => {
      response.writeHead(302, { location: "https://elsewhere.example/" }).end("moved");
    });
    const { message, body } = await raw("/api/x");
    expect([message.statusCode, message.headers.location, body.toString()]).toEqual([
      302,
      "https://elsewhere.example/",
      "moved",
    ]);
    expect(worker.origin.requests).toHaveLength(1);
  });

  test("several Set-Cookie stay several, and ours comes on top", async () => {
    worker.origin.answerWith((_request, response) => {
      response.setHeader("set-cookie", ["a=1; Path=/", "b=2"]);
      response.end();
    });
    const { message } = await raw("/api/x");
    const cookies = message.headers["set-cookie"] ?? [];
    expect(cookies.slice(0, 2)).toEqual(["a=1; Path=/", "b=2"]);
    expect(cookies[2]).toMatch(/^_canary_cohort=/);
  });

  test("compressed bodies pass byte by byte", async () => {
    const packed = gzipSync("hello ".repeat(100));
    worker.origin.answerWith((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length });
      response.end(packed);
    });
    const { message, body } = await raw("/api/x", { headers: { "accept-encoding": "gzip" } });
    expect(message.headers["content-encoding"]).toBe("gzip");
    expect(message.headers["content-length"]).toBe(String(packed.length));
    expect(body.equals(packed)).toBe(true);
  });

  test.each([204, 304])("%i passes with its headers", async (status) => {
    worker.origin.answerWith((_request, response) => {
      response.writeHead(status, { etag: '"x"' }).end();
    });
    const { message, body } = await raw("/api/x");
    expect([message.statusCode, message.headers.etag, body.length]).toEqual([status, '"x"', 0]);
  });

  test("HEAD keeps the length it speaks of", async () => {
    worker.origin.answerWith((_request, response) => {
      response.writeHead(200, { "content-length": "12345" }).end();
    });
    const { message, body } = await raw("/api/x", { method: "HEAD" });
    expect([message.headers["content-length"], body.length]).toEqual(["12345", 0]);
    expect(seen().method).toBe("HEAD");
  });

  test("partial content passes", async () => {
    worker.origin.answerWith((request, response) => {
      response.writeHead(206, { "content-range": `${request.headers.range?.replace("=", " ")}/9` });
      response.end("bc");
    });
    const { message, body } = await raw("/api/x", { headers: { range: "bytes=1-2" } });
    expect([message.statusCode, message.headers["content-range"], body.toString()]).toEqual([
      206,
      "bytes 1-2/9",
      "bc",
    ]);
  });

  test("a WebSocket passes in both directions", async () => {
    worker.origin.onUpgrade((request, socket) => {
      const accept = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      socket.on("data", (frame: Buffer) => {
        socket.write(unmaskedCopy(frame));
        if (((frame[0] ?? 0) & 0x0f) === CLOSE) socket.end();
      });
    });
    const socket = new WebSocket(`${worker.url.replace("http", "ws")}/api/ws`);
    await once(socket, "open");
    socket.send("over the wire");
    const [event] = (await once(socket, "message")) as [{ data: unknown }];
    expect(event.data).toBe("over the wire");
    const closed = once(socket, "close");
    socket.close();
    await closed;
  });
});

/** Echoes a short text frame as a server must send it: without a mask. */
function unmaskedCopy(frame: Buffer): Buffer {
  const length = (frame[1] ?? 0) & 0x7f;
  const mask = frame.subarray(2, 6);
  const payload = frame.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([frame[0] ?? 0, length]), payload]);
}
