import { afterEach, beforeEach, expect, test } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import { createVisitorHttp } from "../../src/adapters/visitor-http.ts";
import { HANG_MS } from "../support/patience.ts";
import * as fault from "./server.ts";
import { startServer, type TestServer, text } from "./server.ts";

const TOKEN = "qa-secret-token-123456";
const never = new AbortController().signal;

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

const http = (token: Secret | null = new Secret(TOKEN, "test"), requestMs = HANG_MS) =>
  createVisitorHttp({
    qaUrls: [`${server.url}/qa`],
    token,
    clock: createClock(),
    version: "9.9.9",
    requestMs,
  });

test("the token goes to the configured /qa alone, and only when asked for", async () => {
  server.reply(text(200, "ok"));
  await http().send({ method: "GET", url: `${server.url}/qa`, qaToken: true }, { signal: never });
  await http().send({ method: "GET", url: `${server.url}/qa` }, { signal: never });
  await http(null).send(
    { method: "GET", url: `${server.url}/qa`, qaToken: true },
    { signal: never },
  );
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
    `Bearer ${TOKEN}`,
    undefined,
    undefined,
  ]);
  const elsewhere = { method: "GET", url: `${server.url}/api/jobs`, qaToken: true } as const;
  await expect(http().send(elsewhere, { signal: never })).rejects.toMatchObject({
    kind: "rejected",
  });
  expect(server.seen).toHaveLength(3);
});

test("nothing is sent in the clear but on loopback", async () => {
  const sent = http().send({ method: "PUT", url: "http://pix.example/x" }, { signal: never });
  await expect(sent).rejects.toMatchObject({ kind: "rejected" });
});

test("headers, several cookies and bytes as they came; a redirect is not followed", async () => {
  server.reply((res) => {
    res.writeHead(302, { location: "/elsewhere", "set-cookie": ["a=1; Path=/", "b=2"] });
    res.end(Buffer.from([0, 255]));
  });
  const answer = await http().send(
    {
      method: "POST",
      url: `${server.url}/x`,
      headers: { origin: "https://a.example" },
      body: "{}",
    },
    { signal: never },
  );
  expect(answer).toMatchObject({ status: 302, setCookies: ["a=1; Path=/", "b=2"] });
  expect([...answer.body]).toEqual([0, 255]);
  expect(answer.header("Location")).toBe("/elsewhere");
  expect(server.seen).toMatchObject([
    { method: "POST", body: "{}", headers: { origin: "https://a.example" } },
  ]);
});

test.each([
  ["never answers", fault.hang, /no complete answer within 0.3 s/],
  ["drips", fault.drip, /no complete answer within 0.3 s/],
  ["never ends", fault.endless, /the answer is too long/],
  ["resets", fault.reset, /reset|closed/],
])("a server that %s", async (_, reply, says) => {
  server.reply(reply);
  const visitor = http(null, says.source.includes("0.3 s") ? 300 : HANG_MS);
  const sent = visitor.send({ method: "GET", url: `${server.url}/x` }, { signal: never });
  await expect(sent).rejects.toMatchObject({
    kind: "unavailable",
    message: expect.stringMatching(says),
  });
});
