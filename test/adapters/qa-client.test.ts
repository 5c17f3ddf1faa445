import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { createQaProbe } from "../../src/adapters/qa-client.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import { NO_QA_TOKEN, WRONG_TOKENS } from "../../src/domain/config/qa-token.ts";
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import { HANG_MS } from "../support/patience.ts";
import * as fault from "./server.ts";
import { json, startServer, type TestServer, text } from "./server.ts";

const TOKEN = "qa-secret-token-123456";
const DECISION = { "x-pix-canary": "1;tag=B2a;cohort=proxy;reason=emergency" };
const never = new AbortController().signal;

let server: TestServer;
let elsewhere: TestServer;
let probe: ReturnType<typeof createQaProbe>;
beforeEach(async () => {
  server = await startServer();
  elsewhere = await startServer();
  probe = probeFor([`${server.url}/qa`]);
});
afterEach(async () => {
  await server.close();
  await elsewhere.close();
});

function probeFor(
  urls: readonly string[],
  token: Secret | null = new Secret(TOKEN, "test"),
  lookMs = HANG_MS,
) {
  return createQaProbe({ urls, token, clock: createClock(), version: "9.9.9", lookMs });
}
const look = (health?: "cached" | "full") =>
  probe.look(`${server.url}/qa`, { signal: never, ...(health === undefined ? {} : { health }) });

const DOCUMENT: QaDocument = {
  endpoint: "worker /qa",
  schema: 1,
  timestamp: "2025-11-15T10:30:00Z",
  colo: "FRA",
  worker_version: null,
  canary: {
    sampling_active: false,
    percent: 0,
    tag: "B2a",
    cohort: "proxy",
    decision_reason: "emergency",
    emergency_proxy: true,
    revision: "01JCQ",
    last_updated: null,
    source: "kv",
    age_ms: 3,
  },
  stop: { active: true, id: null, at: null, by: null, reason: null },
  health: {
    native: { status: "unknown", db_ping_ms: null, r2_accessible: null, problem: null },
    proxy: { status: "unknown", origin_ping_ms: null, reachable: null, problem: null },
  },
  cookie_key_ids: ["k1"],
};

test("a good answer gives document, decision and location; the token is sent", async () => {
  server.reply(json(200, DOCUMENT, DECISION));
  expect(await look()).toMatchObject({
    url: `${server.url}/qa`,
    status: 200,
    colo: "FRA",
    decision: { tag: "B2a", cohort: "proxy", reason: "emergency" },
    qa: DOCUMENT,
    problem: null,
  });
  await look("cached");
  expect(server.seen.map((seen) => [seen.method, seen.url, seen.headers.authorization])).toEqual([
    ["GET", "/qa", `Bearer ${TOKEN}`],
    ["GET", "/qa?health=cached", `Bearer ${TOKEN}`],
  ]);
  expect(server.seen[0]?.headers["user-agent"]).toBe("pixcanary/9.9.9");
});

test("an emergency is read whatever its mark; what is none gets one of its own", async () => {
  const marks = ["$(touch x);id", "a b", "", "0123abcd"];
  const none = { id: null, at: null, by: null, reason: null };
  const emergencies = marks.map((mark) => ({ key: "stop", mark, ...none }));
  server.reply(json(200, { ...DOCUMENT, emergencies }, DECISION));
  const read = (await look()).qa?.emergencies?.map(({ mark }) => mark) ?? [];
  expect(read.map((mark) => /^[A-Za-z0-9_-]{1,64}$/.test(mark))).toEqual([true, true, true, true]);
  expect([new Set(read).size, read[3]]).toEqual([4, "0123abcd"]);
});

describe("refusals still carry the decision", () => {
  test.each([
    [401, "refused the QA token (HTTP 401)"],
    [403, "refused the request (HTTP 403)"],
    [429, "rate limited (HTTP 429)"],
    [503, "answered HTTP 503"],
  ])("%i", async (status, problem) => {
    server.reply(json(status, {}, DECISION));
    expect(await look()).toMatchObject({
      status,
      problem,
      qa: null,
      decision: { reason: "emergency" },
    });
  });

  test.each([
    [401, NO_QA_TOKEN, {}, "refuses every token: its QA_TOKEN is not 32 printable characters"],
    [
      429,
      WRONG_TOKENS,
      { "retry-after": "40" },
      "refuses all tokens from this address for 40 s: too many",
    ],
    [
      429,
      WRONG_TOKENS,
      { "retry-after": "a while" },
      "refuses all tokens from this address: too many",
    ],
    [429, "rate_limited", { "retry-after": "40" }, "rate limited (HTTP 429)"],
    [403, WRONG_TOKENS, {}, "refused the request (HTTP 403)"],
  ])(
    "%i %s is told by what is the matter with the token",
    async (status, error, headers, words) => {
      server.reply(json(status, { error }, { ...DECISION, ...headers }));
      expect((await look()).problem).toContain(words);
    },
  );

  test("without a token, 401 says which one it needs, and none is sent", async () => {
    probe = probeFor([`${server.url}/qa`], null);
    server.reply(json(401, {}, DECISION));
    expect((await look()).problem).toBe("needs PIXCANARY_QA_TOKEN (HTTP 401)");
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
  });
});

test("a redirect is a problem, and the token does not follow it (AT-19)", async () => {
  elsewhere.reply(json(200, DOCUMENT));
  for (const status of [301, 302, 307, 308]) {
    server.reply(
      text(status, "", { location: `${elsewhere.url}/\u0085${TOKEN}`.replace("\u0085", "") }),
    );
    const sighting = await look();
    expect(sighting.problem).toMatch(/^redirects to .*not followed/);
    expect(sighting.problem).not.toContain(TOKEN);
    expect(sighting.qa).toBeNull();
  }
  expect(elsewhere.seen).toHaveLength(0);
});

test("the token goes to configured addresses only", async () => {
  elsewhere.reply(json(200, DOCUMENT));
  const sighting = await probe.look(`${elsewhere.url}/qa`, { signal: never });
  expect(sighting).toMatchObject({ status: null, problem: "not a configured /qa URL" });
  expect(elsewhere.seen).toHaveLength(0);
});

describe("what is no document has a problem in plain words", () => {
  test.each([
    ["HTML", text(200, "<html>"), /a web page: is this the canary Worker's/, 200],
    ["plain text", text(200, "ok"), /not JSON: is this the canary Worker's/, 200],
    [
      "another document",
      json(200, { endpoint: "x" }),
      /not a \/qa document of schema 1 \(endpoint\)/,
      200,
    ],
    ["a newer schema", json(200, { ...DOCUMENT, schema: 2 }), /schema 1 \(schema\)/, 200],
    ["truncated", fault.truncated, /closed before the answer was complete|cut off/, null],
    ["reset", fault.reset, /reset|closed/, null],
    ["hang", fault.hang, /no complete answer within 0.5 s/, null],
    ["drip", fault.drip, /no complete answer within 0.5 s/, null],
    ["slow", fault.slow, /no complete answer within 0.5 s/, null],
    ["endless", fault.endless, /the answer is too long/, null],
  ] as const)("%s", async (_name, reply, problem, status) => {
    server.reply(reply);
    if (problem.source.includes("0.5 s")) probe = probeFor(probe.urls, undefined, 500);
    const sighting = await look();
    expect(sighting.problem).toMatch(problem);
    expect(sighting).toMatchObject({ status, qa: null, colo: null });
  });

  test("no listener, no such name, no TLS", async () => {
    const port = await fault.closedPort();
    const urls = [
      `http://127.0.0.1:${port}/qa`,
      "https://no-such-host.invalid/qa",
      server.url.replace("http:", "https:"),
    ];
    probe = createQaProbe({ urls, token: null, clock: createClock(), lookMs: HANG_MS });
    const problems = await Promise.all(
      urls.map(async (url) => (await probe.look(url, { signal: never })).problem),
    );
    expect(problems[0]).toBe("connection refused");
    expect(problems[1]).toMatch(/DNS/);
    expect(problems[2]).toMatch(/^no TLS connection/);
  });

  test("an address that the configuration should not hold is not asked", async () => {
    const url = `${server.url}/qa#x`;
    const { status, problem } = await probeFor([url]).look(url, { signal: never });
    expect([status, problem]).toEqual([null, "not a valid /qa URL"]);
    expect(server.seen).toEqual([]);
  });

  test("the caller's abort ends the look", async () => {
    const stop = new AbortController();
    server.reply((res, seen) => {
      stop.abort();
      json(200, DOCUMENT, DECISION)(res, seen);
    });
    const sighting = await probe.look(`${server.url}/qa`, { signal: stop.signal });
    expect(sighting).toMatchObject({ status: null, problem: "cancelled" });
  });
});

test("hostile headers and bodies show no secret and no control character (AT-19, AT-23)", async () => {
  server.reply(
    json(
      200,
      { [`\u001b]0;${TOKEN}\u0007`]: 1 },
      { "x-pix-canary": "1;tag=<script>;cohort=x;reason=y" },
    ),
  );
  const sighting = await look();
  expect(sighting.decision).toBeNull();
  expect(sighting.problem).not.toMatch(/\p{Cc}/u);
  expect(inspect(sighting)).not.toContain(TOKEN);
  expect(inspect(probe, { depth: 10, showHidden: true })).not.toContain(TOKEN);
});

test("looks share kept connections", async () => {
  const ports = new Set<number | undefined>();
  server.reply((res, seen) => {
    ports.add(res.socket?.remotePort);
    json(200, DOCUMENT, DECISION)(res, seen);
  });
  for (let n = 0; n < 8; n += 1) await look();
  expect(ports.size).toBeLessThanOrEqual(2);
});
