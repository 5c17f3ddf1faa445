/** How a signed stop is sent: what is signed, what its answers come to, and the one repeat. */
import { createPublicKey, verify } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { makeKeyFile } from "../../src/adapters/operator-key.ts";
import { createStopSender } from "../../src/adapters/signed-stop.ts";
import { parseStopMessage, signedBytes } from "../../src/domain/signed-stop/message.ts";
import { UpstreamError, type UpstreamKind } from "../../src/ports/errors.ts";
import {
  closedPort,
  json,
  type Reply,
  reset,
  startServer,
  type TestServer,
  text,
  truncated,
} from "./server.ts";

let server: TestServer;
let dir: string;
beforeAll(async () => {
  server = await startServer();
  dir = await mkdtemp(join(tmpdir(), "pixcanary-send-"));
  await makeKeyFile(join(dir, "key"));
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const STOP = { id: "01JCQZ5E7M3V9X2K8R4T6W0A1B", at: "2026-03-01T11:59:59.000Z", reason: "5xx" };
const named = { id: STOP.id, at: STOP.at, by: "anna" };
const WRITTEN = { stop: named, written: { beacon: "off", kv: "written", journal: "written" } };
const signal = new AbortController().signal;

const sender = () =>
  createStopSender({
    operator: { name: "anna", keyFile: "key" },
    environment: "production",
    places: { env: {}, home: dir, cwd: dir, baseDir: dir },
    clock: { ...createClock(), now: () => NOW_MS },
    version: "1",
    redact: (message) => message,
  });
const send = (url = `${server.url}/qa?two`) => sender().send(STOP, url, { signal });
const messages = () =>
  server.seen.map(({ body }) => parseStopMessage(new Uint8Array(Buffer.from(body))));

it("signs what it sends, to /qa/stop, with nothing of the query", async () => {
  server.reply(json(200, WRITTEN));
  expect(await send()).toEqual({ kind: "written", carriers: ["kv"], lacking: [] });
  const [seen] = server.seen;
  expect([seen?.method, seen?.url]).toEqual(["POST", "/qa/stop"]);
  expect(seen?.headers).toMatchObject({ "x-pix-operator": "anna" });
  expect(seen?.headers.authorization).toBeUndefined();
  const sent_at = new Date(NOW_MS).toISOString();
  expect(messages()).toEqual([{ v: 1, ...STOP, sent_at, environment: "production" }]);
  const x = Buffer.from(await sender().publicKey(signal), "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signature = Buffer.from(String(seen?.headers["x-pix-signature"]), "base64");
  const bytes = signedBytes(new Uint8Array(Buffer.from(seen?.body ?? "")));
  expect(verify(null, bytes, key, signature)).toBe(true);
});

describe("where the Worker's clock is another", () => {
  const clock = (server_time: string) => json(409, { error: "clock", server_time });

  it("it is sent once more by that one; the stop keeps its id and its time", async () => {
    server.reply(clock("2026-03-01T13:00:00Z"), json(200, WRITTEN));
    expect(await send()).toMatchObject({ kind: "written" });
    const [first, second] = messages();
    expect(second).toEqual({ ...first, sent_at: "2026-03-01T13:00:00.000Z" });
  });

  it("and not again when that is refused as well", async () => {
    server.reply(clock("2026-03-01T13:00:00Z"));
    await expect(send()).rejects.toMatchObject({ kind: "rejected" });
    expect(server.seen).toHaveLength(2);
  });

  it("nor for a time that is none", async () => {
    server.reply(clock("now"));
    await expect(send()).rejects.toBeInstanceOf(UpstreamError);
    expect(server.seen).toHaveLength(1);
  });
});

it("a stop that was released meanwhile is said to be", async () => {
  server.reply(json(200, { stop: named, released: true }));
  expect(await send()).toEqual({ kind: "released" });
});

const notWritten = { beacon: "off", kv: { problem: "KV\u001b[2J is down" }, journal: "off" };
const ANSWERS: readonly [string, Reply, UpstreamKind, RegExp][] = [
  ["401", json(401, { error: "unauthorized" }), "auth", /signature was refused/],
  ["another environment", json(409, { error: "environment" }), "rejected", /another environment/],
  ["an older Worker", text(404, "no"), "not-found", /no \/qa\/stop there/],
  ["429", json(429, { error: "rate_limited" }), "unavailable", /rate limited/],
  ["no carrier", json(503, { error: "not_written", written: notWritten }), "unavailable", /KV/],
  ["503 of another", text(503, "busy"), "ambiguous", /HTTP 503/],
  ["a web page", text(200, "<html>"), "rejected", /not that of the canary Worker/],
  [
    "the answer to another stop",
    json(200, { ...WRITTEN, stop: { ...named, id: "X" } }),
    "rejected",
    /./,
  ],
  ["a redirect", text(302, "", { location: "https://elsewhere.invalid/" }), "rejected", /302/],
  ["no answer", reset, "ambiguous", /reset/],
  ["half an answer", truncated, "ambiguous", /./],
];
it.each(ANSWERS)("%s is no stop", async (_name, reply, kind, message) => {
  server.reply(reply);
  const failed = await send().catch((error: unknown) => error);
  expect(failed).toMatchObject({ kind, message: expect.stringMatching(message) });
  expect(String(failed)).not.toContain("\u001b");
  expect(server.seen).toHaveLength(1);
});

it("what was never sent is not in doubt", async () => {
  const url = `http://127.0.0.1:${await closedPort()}/qa`;
  await expect(send(url)).rejects.toMatchObject({ kind: "unavailable" });
  await expect(send("ftp://nowhere/qa")).rejects.toMatchObject({ kind: "rejected" });
});
