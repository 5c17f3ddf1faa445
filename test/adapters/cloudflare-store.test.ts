import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createCloudflareClient } from "../../src/adapters/cloudflare-client.ts";
import { createStateStore, type StoreOptions } from "../../src/adapters/cloudflare-store.ts";
import { type Send, send } from "../../src/adapters/http.ts";
import { throughSdk } from "../../src/adapters/sdk-send.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import {
  type CanaryConfig,
  parseStop,
  type StopDocument,
} from "../../src/domain/state/documents.ts";
import { STATE_KEYS } from "../../src/domain/state/state.ts";
import type { StateStore } from "../../src/ports/api.ts";
import { UpstreamError } from "../../src/ports/errors.ts";
import { HANG_MS } from "../support/patience.ts";
import { ACCOUNT, api, kvReply, NAMESPACE, placeAt, TOKEN } from "./kv.ts";
import * as fault from "./server.ts";
import { failure, json, startServer, success, type TestServer, text } from "./server.ts";

let server: TestServer;
let elsewhere: TestServer;

// A server for each test: a request that one test cancelled must not arrive in the next.
beforeEach(async () => {
  server = await startServer();
  elsewhere = await startServer();
});
afterEach(async () => {
  await server.close();
  await elsewhere.close();
});

const CONFIG: CanaryConfig = {
  canary_percent: 5,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2025-11-15T10:30:00Z",
};
const STOP: StopDocument = { active: true, id: "01JCQ", at: "2025-11-15T10:31:02Z" };

/** Notes what it is asked to wait and does not wait; aborts after `waits` of them if told. */
function noWaiting(abortAfter = Number.POSITIVE_INFINITY) {
  const waits: number[] = [];
  const stop = new AbortController();
  const clock = {
    async sleep(ms: number, signal: AbortSignal): Promise<void> {
      waits.push(ms);
      if (waits.length >= abortAfter) stop.abort(new Error("enough"));
      signal.throwIfAborted();
    },
  };
  return { waits, clock, signal: stop.signal };
}

function store(options: Partial<StoreOptions> = {}): StateStore {
  const limits = { readMs: HANG_MS, configMs: HANG_MS, stopMs: [HANG_MS] };
  return createStateStore({ ...placeAt(server), random: () => 0.5, limits, ...options });
}

async function failureOf(work: Promise<unknown>): Promise<UpstreamError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UpstreamError)) throw new Error(`not an UpstreamError: ${String(error)}`);
  return error;
}

const never = new AbortController().signal;

describe.each([
  ["by Node alone, as for a stop", undefined],
  ["by the official SDK", throughSdk],
] as const)("%s:", (_, through) => {
  beforeEach(() => {
    api.through = through;
  });
  afterEach(() => {
    api.through = undefined;
  });

  describe("what is sent", () => {
    test("a write is one octet-stream PUT with the bare document, our user agent and the token", async () => {
      server.reply(success({}));
      await store().writeConfig(CONFIG, { signal: never });
      expect(server.seen).toHaveLength(1);
      const [seen] = server.seen;
      expect(seen?.method).toBe("PUT");
      expect(seen?.url).toBe(
        `/client/v4/accounts/${ACCOUNT}/storage/kv/namespaces/${NAMESPACE}/values/config`,
      );
      expect(seen?.headers["content-type"]).toBe("application/octet-stream");
      expect(seen?.headers["user-agent"]).toBe("pixcanary/9.9.9");
      expect(seen?.headers.authorization).toBe(`Bearer ${TOKEN}`);
      expect(JSON.parse(seen?.body ?? "")).toEqual(CONFIG);
    });

    test("variables that Cloudflare's own tools read cannot change host, credentials or headers", async () => {
      vi.stubEnv("CLOUDFLARE_BASE_URL", elsewhere.url);
      vi.stubEnv("CLOUDFLARE_API_KEY", "other-key");
      vi.stubEnv("CLOUDFLARE_EMAIL", "other@example.com");
      vi.stubEnv("CLOUDFLARE_CUSTOM_HEADERS", "Authorization: Bearer other\nx-extra: 1");
      try {
        server.reply(success({}));
        elsewhere.reply(success({}));
        await store().writeStop(STOP, { signal: never });
        const headers = server.seen[0]?.headers ?? {};
        expect(headers.authorization).toBe(`Bearer ${TOKEN}`);
        expect(Object.keys(headers).filter((name) => /^x-/.test(name))).toEqual([]);
        expect(elsewhere.seen).toHaveLength(0);
      } finally {
        vi.unstubAllEnvs();
      }
    });

    test("reading gives the texts as stored and null for a key that does not exist", async () => {
      server.reply(kvReply(new Map([["stop", '{"active":  false}']])));
      expect(await store().read({ signal: never })).toMatchObject({
        config: null,
        stop: '{"active":  false}',
      });
    });

    test("an over-long value is reported as unreadable, never as absent (AT-7)", async () => {
      server.reply(fault.endless);
      const raw = await store().read({ signal: never });
      expect(parseStop(raw.stop)).toMatchObject({ kind: "invalid", emergency: true });
    });
  });

  describe("every bad answer to a write has its kind (AT-4)", () => {
    test.each([
      ["401", failure(401, 10000, "Authentication error"), "auth"],
      ["403", failure(403, 10000, "Authentication error"), "forbidden"],
      ["404 namespace", failure(404, 10013, "namespace not found"), "not-found"],
      ["400", failure(400, 10001, "bad"), "rejected"],
      ["413 HTML", text(413, "<html>too large</html>"), "rejected"],
      ["302", text(302, "", { location: "http://127.0.0.1:1/" }), "rejected"],
      ["429", failure(429, 10429, "slow down"), "unavailable"],
      ["500", failure(500, 1, "oops"), "ambiguous"],
      ["503 HTML", text(503, "<html>", { "content-type": "text/html" }), "ambiguous"],
      [
        "200 with success false",
        json(200, { success: false, errors: [{ code: 7, message: "no" }] }),
        "ambiguous",
      ],
      ["200 with HTML", text(200, "<html>ok</html>", { "content-type": "text/html" }), "ambiguous"],
      [
        "200 with half a JSON document",
        text(200, '{"success":tr', { "content-type": "application/json" }),
        "ambiguous",
      ],
      ["200 with another JSON document", json(200, { ok: true }), "ambiguous"],
      ["200 without a body", text(200, ""), "ambiguous"],
      ["204", text(204, ""), "ambiguous"],
      ["reset", fault.reset, "ambiguous"],
      ["hang", fault.hang, "ambiguous"],
      ["truncated", fault.truncated, "ambiguous"],
      ["drip", fault.drip, "ambiguous"],
      ["slow", fault.slow, "ambiguous"],
      ["endless", fault.endless, "ambiguous"],
    ] as const)("%s", async (_name, reply, kind) => {
      server.reply(reply);
      // What never ends is ended by the limit, on a slow machine before it has arrived.
      const neverEnds = [fault.hang, fault.drip, fault.slow].includes(reply);
      const options = neverEnds ? { limits: { configMs: 400 } } : {};
      const error = await failureOf(store(options).writeConfig(CONFIG, { signal: never }));
      expect(error.kind).toBe(kind);
      if (!neverEnds) expect(server.seen).toHaveLength(1);
      expect(server.seen.length, "a configuration is sent once only").toBeLessThanOrEqual(1);
    });

    test("nothing listening, no such name and no TLS at all mean that nothing was sent", async () => {
      const port = await fault.closedPort();
      const { port: plain } = new URL(server.url);
      for (const url of [
        `http://127.0.0.1:${port}`,
        "http://no-such-host.invalid",
        `https://127.0.0.1:${plain}`,
      ]) {
        const refused = store(placeAt({ url }));
        const error = await failureOf(refused.writeConfig(CONFIG, { signal: never }));
        expect([url, error.kind]).toEqual([url, "unavailable"]);
      }
    });

    test("a connection that was never set up carried nothing; one that was may have", async () => {
      const mute = createServer(() => undefined);
      await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
      const address = mute.address();
      const port = typeof address === "object" ? address?.port : 0;
      const kindAt = async (scheme: string) => {
        const place = placeAt({ url: `${scheme}://127.0.0.1:${port}` });
        const given = { ...place, limits: { configMs: 1_000 } };
        return (await failureOf(store(given).writeConfig(CONFIG, { signal: never }))).kind;
      };
      expect(await Promise.all(["https", "http"].map(kindAt))).toEqual([
        "unavailable",
        "ambiguous",
      ]);
      mute.close();
    });

    test("a document that nobody could read back is never sent, and is not ambiguous", async () => {
      const call = { signal: new AbortController().signal };
      const [stop, config] = [
        { ...STOP, reason: "x".repeat(400), by: "y".repeat(20_000) },
        { ...CONFIG, canary_percent: 101 },
      ];
      for (const [key, work] of [
        ["stop", store().writeStop(stop, call)],
        ["stop", store().writeStop(stop, { ...call, once: true })],
        ["config", store().writeConfig(config, call)],
        ["config", store().writeConfig(config, { ...call, atWill: true })],
      ] as const) {
        const { kind, message } = await failureOf(work);
        expect(kind).toBe("rejected");
        expect(message).toMatch(new RegExp(`^write ${key}: refusing .*; nothing was sent$`));
      }
      expect(server.seen).toEqual([]);
    });

    test("a connection that is closed at once may have carried the write: ambiguous", async () => {
      const rude = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => rude.listen(0, "127.0.0.1", resolve));
      const address = rude.address();
      const port = typeof address === "object" ? address?.port : 0;
      const place = placeAt({ url: `http://127.0.0.1:${port}` });
      const error = await failureOf(store(place).writeConfig(CONFIG, { signal: never }));
      expect(error.kind).toBe("ambiguous");
      await new Promise((resolve) => rude.close(resolve));
    });

    test("a redirect to another port is not followed and carries the token nowhere (AT-19)", async () => {
      elsewhere.reply(success({}));
      for (const status of [301, 302, 303, 307, 308]) {
        server.reply(text(status, "", { location: `${elsewhere.url}/steal` }));
        const error = await failureOf(store().writeConfig(CONFIG, { signal: never }));
        expect(error.kind).toBe("rejected");
      }
      expect(elsewhere.seen).toHaveLength(0);
    });
  });

  describe("reading", () => {
    test.each([
      ["500", failure(500, 1, "oops"), "unavailable"],
      ["429", failure(429, 1, "slow"), "unavailable"],
      ["reset", fault.reset, "unavailable"],
      ["truncated", fault.truncated, "unavailable"],
      ["401", failure(401, 10000, "no"), "auth"],
      ["403", failure(403, 10000, "no"), "forbidden"],
      ["404 of a missing namespace", failure(404, 10013, "namespace not found"), "not-found"],
      ["404 in HTML is not a missing key", text(404, "<html>"), "not-found"],
    ] as const)("%s", async (_name, reply, kind) => {
      const { clock, waits } = noWaiting();
      server.reply(reply);
      const error = await failureOf(store({ clock }).read({ signal: never }));
      expect(error.kind).toBe(kind);
      if (kind !== "unavailable") expect(waits).toEqual([]);
      else expect(waits.length).toBeGreaterThanOrEqual(3);
      expect(waits.length).toBeLessThanOrEqual(3 * STATE_KEYS.length);
    });

    test("a passing failure is repeated and then read", async () => {
      const { clock } = noWaiting();
      const kv = kvReply(
        new Map([
          ["config", "c"],
          ["stop", "s"],
        ]),
      );
      server.reply(failure(503, 1, "x"), fault.reset, kv);
      expect(await store({ clock }).read({ signal: never })).toMatchObject({
        config: "c",
        stop: "s",
      });
    });

    test("the error of one key ends the reads of the others: nothing is left running", async () => {
      const { clock } = noWaiting();
      let hungUp = 0;
      server.reply((res, seen) => {
        if (seen.url.endsWith("/stop")) failure(403, 10000, "no")(res, seen);
        else res.on("close", () => (hungUp += 1));
      });
      const reading = store({ clock }).read({ signal: never });
      expect((await failureOf(reading)).kind).toBe("forbidden");
      await expect.poll(() => hungUp).toBe(STATE_KEYS.length - 1);
    });

    test("a Retry-After beyond five seconds ends the retries instead of being ignored", async () => {
      const { clock, waits } = noWaiting();
      server.reply(failure(429, 1, "x", { "retry-after": "300" }));
      const error = await failureOf(store({ clock }).read({ signal: never }));
      expect(error.retryAfterMs).toBe(300_000);
      expect(waits).toEqual([]);
    });
  });

  describe("a stop is repeated until it is stored or the signal ends it", () => {
    test("through resets, 5xx, 429, HTML, truncation and one refused login", async () => {
      const { clock, waits } = noWaiting();
      server.reply(
        fault.reset,
        failure(500, 1, "x"),
        failure(429, 1, "x"),
        text(200, "<html>"),
        fault.truncated,
        failure(401, 10000, "Authentication error"),
        success({}),
      );
      await store({ clock }).writeStop(STOP, { signal: never });
      expect(server.seen).toHaveLength(7);
      expect(server.seen.map((seen) => seen.body)).toEqual(
        server.seen.map(() => JSON.stringify(STOP)),
      );
      expect(waits).toHaveLength(6);
    });

    test("the emergency mirror in config is repeated likewise, an ordinary config is not", async () => {
      const { clock } = noWaiting();
      server.reply(failure(500, 1, "x"), success({}));
      await store({ clock }).writeConfig(CONFIG, { signal: never, atWill: true });
      expect(server.seen).toHaveLength(2);
    });

    test("a token that is refused twice ends it: auth", async () => {
      const { clock } = noWaiting();
      server.reply(failure(401, 10000, "Authentication error"));
      const error = await failureOf(store({ clock }).writeStop(STOP, { signal: never }));
      expect([error.kind, server.seen.length]).toEqual(["auth", 2]);
    });

    test.each([
      ["a missing namespace", failure(404, 10013, "x")],
      ["a rejected document", failure(400, 1, "x")],
    ])("%s ends it at once", async (_name, reply) => {
      const { clock } = noWaiting();
      server.reply(reply);
      await failureOf(store({ clock }).writeStop(STOP, { signal: never }));
      expect(server.seen).toHaveLength(1);
    });

    test("when an earlier answer was lost, a later refusal does not hide that it may be stored", async () => {
      const { clock } = noWaiting();
      server.reply(fault.reset, failure(400, 1, "x"));
      const error = await failureOf(store({ clock }).writeStop(STOP, { signal: never }));
      expect(error.kind).toBe("ambiguous");
      expect(error.message).toContain("may have been stored");
      expect(error.status).toBe(400);
    });

    test("the abort ends the waiting; 429 alone then means that nothing was written", async () => {
      const { clock, waits, signal } = noWaiting(5);
      server.reply(failure(429, 1, "x"));
      const error = await failureOf(store({ clock }).writeStop(STOP, { signal }));
      expect([error.kind, waits.length]).toEqual(["unavailable", 5]);
    });

    test("an abort while the answer is outstanding is ambiguous", async () => {
      const stop = new AbortController();
      server.reply(() => stop.abort());
      const error = await failureOf(
        store({ limits: { stopMs: [20_000] } }).writeStop(STOP, { signal: stop.signal }),
      );
      expect(error.kind).toBe("ambiguous");
    });

    test("an abort that comes with the answer does not deny the success", async () => {
      const stop = new AbortController();
      const sendThenAbort: Send = async (request) => {
        const answer = await send(request);
        answer.body.once("end", () => queueMicrotask(() => stop.abort()));
        return answer;
      };
      server.reply(success({}));
      const client = createCloudflareClient({
        apiBaseUrl: `${server.url}/client/v4`,
        token: new Secret(TOKEN, "test"),
        version: "1",
        through,
        send: sendThenAbort,
      });
      await store({ client }).writeStop(STOP, { signal: stop.signal });
      expect(stop.signal.aborted).toBe(true);
    });

    test("aborted before it began: nothing is sent, and the error says so", async () => {
      server.reply(success({}));
      const error = await failureOf(store().writeStop(STOP, { signal: AbortSignal.abort() }));
      expect(error.kind).toBe("unavailable");
      expect(error.message).toContain("before anything was sent");
      expect(server.seen).toHaveLength(0);
    });
  });

  describe("the waits", () => {
    async function waitsWith(random: number, reply: fault.Reply, count = 8): Promise<number[]> {
      const { clock, waits, signal } = noWaiting(count);
      server.reply(reply);
      await failureOf(store({ clock, random: () => random }).writeStop(STOP, { signal }));
      return waits;
    }

    test("grow from at most 150 ms to at most 2 s, drawn from zero up (AT-12)", async () => {
      const longest = await waitsWith(0.999999, failure(500, 1, "x"));
      expect(longest[0]).toBeLessThanOrEqual(150);
      expect(longest).toEqual([149, 299, 599, 1199, 1999, 1999, 1999, 1999]);
      expect(await waitsWith(0, failure(500, 1, "x"))).toEqual(Array(8).fill(0));
    });

    test("heed Retry-After, but never beyond 2 s for a stop (AT-4b)", async () => {
      const short = await waitsWith(0, failure(429, 1, "x", { "retry-after": "1" }), 2);
      expect(short).toEqual([1_000, 1_000]);
      const long = await waitsWith(0.9, failure(429, 1, "x", { "retry-after": "300" }), 2);
      expect(long).toEqual([2_000, 2_000]);
    });
  });

  describe("secrets and remote text", () => {
    const LEAKY = `bad token ${TOKEN} Bearer abcdef cfat_${"x".repeat(40)}\u001b]52;c;evil\u0007\nline`;

    test("no thrown error shows the token or a control character in any form (AT-19, AT-23)", async () => {
      const { inspect } = await import("node:util");
      for (const reply of [
        failure(400, 1, LEAKY),
        text(400, LEAKY),
        text(200, LEAKY),
        failure(401, 1, LEAKY),
        failure(500, 1, LEAKY),
        text(302, "", { location: `http://x/${TOKEN}` }),
        json(200, { success: false, errors: [{ code: 1, message: LEAKY }] }),
        fault.reset,
      ]) {
        server.reply(reply);
        const error = await failureOf(store().writeConfig(CONFIG, { signal: never }));
        const shown = [
          error.message,
          error.stack,
          String(error),
          JSON.stringify(error),
          inspect(error, { depth: 10, showHidden: true }),
        ].join("\n");
        expect(shown).not.toContain(TOKEN);
        expect(shown).not.toContain("abcdef");
        expect(shown).not.toContain("cfat_x");
        expect(error.message).not.toMatch(/\p{Cc}/u);
        expect(error.message.length).toBeLessThan(400);
      }
    });

    test("the client itself holds no token that could be printed", async () => {
      const { inspect } = await import("node:util");
      const { client } = placeAt(server);
      expect(inspect(client, { depth: 10, showHidden: true })).not.toContain(TOKEN);
    });
  });
});
