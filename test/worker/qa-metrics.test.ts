/** `metrics_24h` of `/qa`: there when it can be had, absent when not, and never in the way. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { requestsByCohort } from "../../src/domain/metrics/queries.ts";
import { qaSchema } from "../../src/domain/proof/qa-document.ts";
import { type Bindings, parseSettings } from "../../worker/env.ts";
import { createMetrics24h, type Metrics24h } from "../../worker/qa/metrics.ts";
import { hang, json, type Reply, startServer, type TestServer, text } from "../adapters/server.ts";
import { bearer, startWorker, type WorkerUnderTest } from "./harness.ts";

const ACCOUNT = "a".repeat(32);
const TOKEN = "analytics-token-of-the-tests";
const DATASET = "canary_requests";
const NATIVE = { cohort: "native", requests: "12450", errors: "100", p90: 380 };
const PROXY = { cohort: "proxy", requests: "112050", errors: "560", p90: 520 };
const answered = (...data: object[]): Reply => json(200, { meta: [], data, rows: data.length });
const FIGURES = {
  requests_native: 12_450,
  requests_proxy: 112_050,
  error_rate_native: "0.8%",
  error_rate_proxy: "0.5%",
  p90_latency_native_ms: 380,
  p90_latency_proxy_ms: 520,
};

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

describe("the cache of an isolate", () => {
  let clock: { ms: number };
  let metrics: Metrics24h;
  let background: Promise<unknown>[];

  beforeEach(() => {
    clock = { ms: 1_795_514_400_000 };
    background = [];
    const sqlUrl = `${server.url}/client/v4/accounts/${ACCOUNT}/analytics_engine/sql`;
    metrics = createMetrics24h({ sqlUrl, token: TOKEN, dataset: DATASET }, () => clock.ms);
  });
  afterEach(() => Promise.all(background));
  const look = () => metrics.current((work) => background.push(work));

  test("asks for 24 hours, by cohort, with the token", async () => {
    server.reply(answered(NATIVE, PROXY));
    expect(await look()).toEqual(FIGURES);
    const toS = clock.ms / 1000 + 1;
    expect(server.seen).toMatchObject([
      {
        method: "POST",
        url: `/client/v4/accounts/${ACCOUNT}/analytics_engine/sql`,
        body: requestsByCohort(DATASET, { fromS: toS - 86_400, toS }).sql,
        headers: { authorization: `Bearer ${TOKEN}` },
      },
    ]);
  });

  test("a cohort without requests has no rate", async () => {
    server.reply(answered(PROXY));
    expect(await look()).toMatchObject({
      requests_native: 0,
      error_rate_native: "n/a",
      p90_latency_native_ms: null,
      error_rate_proxy: "0.5%",
    });
  });

  test("many at once ask once, and for 60 s nobody asks again", async () => {
    server.reply(answered(NATIVE, PROXY));
    const looks = await Promise.all(Array.from({ length: 5 }, look));
    expect(looks).toEqual(Array(5).fill(FIGURES));
    clock.ms += 60_000;
    expect(await look()).toEqual(FIGURES);
    expect(metrics.cached()).toEqual(FIGURES);
    expect(server.seen).toHaveLength(1);
  });

  test("later figures come in the background, and nobody waits for them", async () => {
    server.reply(answered(NATIVE, PROXY));
    await look();
    clock.ms += 60_001;
    let answer: (() => void) | undefined;
    const heard = new Promise<void>((resolve) => {
      server.reply((res, seen) => {
        answer = () => answered({ ...NATIVE, requests: "99" }, PROXY)(res, seen);
        resolve();
      });
    });
    expect(await look()).toEqual(FIGURES);
    await heard;
    expect(await look()).toEqual(FIGURES);
    answer?.();
    await Promise.all(background);
    expect(await look()).toMatchObject({ requests_native: 99 });
    expect(server.seen).toHaveLength(1);
  });

  test("after a failure nobody asks for 30 s, and old figures serve for 10 min", async () => {
    server.reply(answered(NATIVE, PROXY));
    await look();
    server.reply(text(503, "no"));
    clock.ms += 61_000;
    expect(await look()).toEqual(FIGURES);
    await Promise.all(background);
    clock.ms += 29_999;
    expect(await look()).toEqual(FIGURES);
    expect(server.seen).toHaveLength(1);
    clock.ms += 1;
    await look();
    await Promise.all(background);
    expect(server.seen).toHaveLength(2);
    clock.ms += 9 * 60_000;
    expect([await look(), metrics.cached()]).toEqual([undefined, undefined]);
    server.reply(answered(NATIVE, PROXY));
    clock.ms += 30_000;
    expect(await look()).toEqual(FIGURES);
  });

  test.each([
    ["no dataset yet", text(422, "unknown table")],
    ["an envelope", json(200, { success: true, result: [] })],
    ["no JSON", text(200, "<html>")],
    ["null", json(200, null)],
    ["other rows", answered({ cohort: "purple" })],
    ["a long answer", answered(...Array(2_000).fill(NATIVE))],
    ["a closed connection", ((res) => res.destroy()) satisfies Reply],
  ])("%s means none", async (_name, reply) => {
    server.reply(reply);
    expect(await look()).toBeUndefined();
    expect(await look()).toBeUndefined();
    expect(server.seen).toHaveLength(1);
  });

  test("the token follows no redirect", async () => {
    server.reply(text(302, "", { location: `${server.url}/elsewhere` }), answered(NATIVE, PROXY));
    expect(await look()).toBeUndefined();
    expect(server.seen).toHaveLength(1);
  });

  test("an API that hangs is waited for once, and then left alone", async () => {
    server.reply(hang);
    expect(await Promise.all([look(), look()])).toEqual([undefined, undefined]);
    await Promise.all(background);
    expect(await look()).toBeUndefined();
    expect(server.seen).toHaveLength(1);
  });

  test("without settings nobody asks at all", async () => {
    server.reply(answered(NATIVE));
    const none = createMetrics24h(null, () => clock.ms);
    expect([await none.current(() => undefined), none.cached()]).toEqual([undefined, undefined]);
    expect(server.seen).toHaveLength(0);
  });
});

describe("settings", () => {
  const all = {
    ANALYTICS_TOKEN: TOKEN,
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    ANALYTICS_DATASET: DATASET,
  };
  const parse = (env: Record<string, string>) => {
    const { analytics, problems } = parseSettings(env as Bindings);
    return { analytics, problem: problems.find((line) => line.includes("metrics_24h")) ?? null };
  };
  const path = `/accounts/${ACCOUNT}/analytics_engine/sql`;

  test.each([
    [{}, "https://api.cloudflare.com/client/v4"],
    [{ ANALYTICS_API_URL: "https://api.example.com/v4/" }, "https://api.example.com/v4"],
    [{ ANALYTICS_API_URL: "http://127.0.0.1:8787/client/v4" }, "http://127.0.0.1:8787/client/v4"],
    [{ ANALYTICS_API_URL: "http://localhost:1" }, "http://localhost:1"],
  ])("with %o the question goes to %s", (more, base) => {
    const analytics = { sqlUrl: base + path, token: TOKEN, dataset: DATASET };
    expect(parse({ ...all, ...more })).toEqual({ analytics, problem: null });
  });

  test("none of it is fine", () => {
    expect(parse({})).toEqual({ analytics: null, problem: null });
  });

  test.each([
    [{ ANALYTICS_TOKEN: "" }, "ANALYTICS_TOKEN is missing"],
    [{ CLOUDFLARE_ACCOUNT_ID: "" }, "CLOUDFLARE_ACCOUNT_ID"],
    [{ CLOUDFLARE_ACCOUNT_ID: "../x" }, "CLOUDFLARE_ACCOUNT_ID"],
    [{ ANALYTICS_DATASET: "a b" }, "ANALYTICS_DATASET"],
    [{ ANALYTICS_API_URL: "http://api.example.com" }, "ANALYTICS_API_URL"],
    [{ ANALYTICS_API_URL: "https://user:word@api.example.com" }, "ANALYTICS_API_URL"],
    [{ ANALYTICS_API_URL: "http://127.0.0.1.example.com" }, "ANALYTICS_API_URL"],
    [{ ANALYTICS_API_URL: "nonsense" }, "ANALYTICS_API_URL"],
  ])("half of it is told, without the token: %o", (more, word) => {
    const { analytics, problem } = parse({ ...all, ...more });
    expect(analytics).toBeNull();
    expect(problem).toContain(word);
    expect(problem).not.toContain(TOKEN);
  });
});

describe("in the Worker", () => {
  let worker: WorkerUnderTest;
  afterEach(() => worker.dispose());
  const start = async (options: { realLimits?: true } = {}) => {
    const vars = {
      ANALYTICS_TOKEN: TOKEN,
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
      ANALYTICS_DATASET: DATASET,
      ANALYTICS_API_URL: server.url,
    };
    worker = await startWorker({ vars, ...options });
  };
  const full = async () => {
    const answer = await worker.fetch("/qa", { headers: bearer() });
    expect(answer.status).toBe(200);
    return qaSchema().parse(await answer.json());
  };

  test("the figures are in the document, and cached health asks nobody for them", async () => {
    server.reply(answered(NATIVE, PROXY));
    await start();
    expect(await worker.qa()).not.toHaveProperty("metrics_24h");
    expect(server.seen).toHaveLength(0);
    expect((await full()).metrics_24h).toEqual(FIGURES);
    expect((await full()).metrics_24h).toEqual(FIGURES);
    expect((await worker.qa()).metrics_24h).toEqual(FIGURES);
    expect(server.seen).toHaveLength(1);
  });

  test("an API that hangs leaves the figures out, and /qa is there all the same", async () => {
    server.reply(hang);
    await start({ realLimits: true });
    expect(await full()).not.toHaveProperty("metrics_24h");
    expect(await full()).not.toHaveProperty("metrics_24h");
    expect(server.seen.length).toBeLessThanOrEqual(1);
  });
});
