/** Questions to the SQL API, whatever it answers: bounded, asked again where that helps, and in words. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMetrics } from "../../src/adapters/analytics.ts";
import { requestsByCohort } from "../../src/domain/metrics/queries.ts";
import type { Metrics } from "../../src/ports/api.ts";
import type { UpstreamError } from "../../src/ports/errors.ts";
import { HANG_MS } from "../support/patience.ts";
import { ACCOUNT, placeAt, TOKEN } from "./kv.ts";
import {
  closedPort,
  failure,
  hang,
  json,
  reset,
  startServer,
  type TestServer,
  text,
  truncated,
} from "./server.ts";

const WINDOW = { fromS: 1_795_514_400, toS: 1_795_514_460 };
const ROW = { cohort: "native", requests: "12345678901", errors: "3", p90: 12.5 };
const READ = { cohort: "native", requests: 12_345_678_901, errors: 3, p90: 12.5 };
const answered = json(200, { meta: [], data: [ROW], rows: 1 });
const sql = (dataset: string) => requestsByCohort(dataset, WINDOW);

let server: TestServer;
let slept: number[];
beforeEach(async () => {
  server = await startServer();
  slept = [];
});
afterEach(() => server.close());

function metrics(dataset: string | null = "canary_requests"): Metrics {
  const { client, accountId } = placeAt(server);
  const clock = { sleep: async (ms: number) => void slept.push(ms) };
  return createMetrics({ client, accountId, dataset, clock, random: () => 0.5 });
}

function ask(signal = AbortSignal.timeout(HANG_MS), port = metrics()) {
  return port.ask(sql, { signal });
}

async function problem(promise: Promise<unknown>): Promise<UpstreamError> {
  return promise.then(
    () => expect.fail("no error"),
    (error: UpstreamError) => error,
  );
}

test("sends the text as it is, with the token, and reads 64-bit integers", async () => {
  server.reply(answered);
  expect(await ask()).toEqual([READ]);
  expect(server.seen).toMatchObject([
    {
      method: "POST",
      url: `/client/v4/accounts/${ACCOUNT}/analytics_engine/sql`,
      body: sql("canary_requests").sql,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "text/plain" },
    },
  ]);
});

test("no rows, and quantiles of nothing", async () => {
  server.reply(json(200, { meta: [], data: [], rows: 0 }));
  expect(await ask()).toEqual([]);
  server.reply(json(200, { data: [{ ...ROW, p90: null }] }));
  expect(await ask()).toEqual([{ ...READ, p90: 0 }]);
});

describe("asks again", () => {
  test.each([
    ["a server error", failure(503, 10001, "try later")],
    ["too many requests", failure(429, 971, "slow down", { "retry-after": "1" })],
    ["a lost answer", reset],
    ["half an answer", truncated],
  ])("after %s", async (_name, bad) => {
    server.reply(bad, bad, answered);
    expect(await ask()).toEqual([READ]);
    expect(server.seen).toHaveLength(3);
    expect(slept).toHaveLength(2);
  });

  test("but three times in all, and not when that would only be refused again", async () => {
    server.reply(failure(500, 10001, "no"));
    expect(await problem(ask())).toMatchObject({ kind: "unavailable", status: 500 });
    expect(server.seen).toHaveLength(3);
    server.reply(failure(429, 971, "spent", { "retry-after": "300" }));
    expect(await problem(ask())).toMatchObject({ kind: "unavailable", retryAfterMs: 300_000 });
    expect(server.seen).toHaveLength(1);
  });

  test("not when asked to ask once", async () => {
    server.reply(failure(503, 10001, "try later"), answered);
    const signal = AbortSignal.timeout(HANG_MS);
    const asked = metrics().ask(sql, { signal, once: true });
    expect(await problem(asked)).toMatchObject({ kind: "unavailable" });
    expect(server.seen).toHaveLength(1);
  });

  test("not after a refusal", async () => {
    for (const [status, kind] of [
      [401, "auth"],
      [403, "forbidden"],
      [404, "not-found"],
      [400, "rejected"],
    ] as const) {
      server.reply(failure(status, 10000, "no"));
      expect(await problem(ask())).toMatchObject({ kind, status });
      expect(server.seen).toHaveLength(1);
    }
  });
});

describe("no metrics yet", () => {
  test.each([
    text(422, "Input was invalid: unknown table: canary_requests\n", {
      "content-type": "text/plain",
    }),
    text(400, "Table default.canary_requests does not exist", {
      "content-type": "text/plain; charset=utf-8",
    }),
    failure(422, 1, "unable to find table canary_requests"),
  ])("is not-found, in whatever words the API says so", async (reply) => {
    server.reply(reply);
    const error = await problem(ask());
    expect(error.kind).toBe("not-found");
    expect(error.message).toContain("no metrics yet");
    expect(error.message).toContain("canary_requests");
  });

  test("an environment without a dataset asks nobody", async () => {
    const error = await problem(ask(undefined, metrics(null)));
    expect([error.kind, server.seen.length]).toEqual(["not-found", 0]);
    expect(error.message).toContain('"dataset"');
  });

  test("another refusal is told in the API's words, shortened and harmless", async () => {
    const words = `Input was invalid: ${TOKEN} \u001b[2J ${"x".repeat(5_000)}`;
    server.reply(text(422, words, { "content-type": "text/plain" }));
    const { kind, message } = await problem(ask());
    expect(kind).toBe("rejected");
    expect(message).toContain("Input was invalid");
    expect(message).not.toContain(TOKEN);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(message).not.toMatch(/[\u0000-\u001f]/);
    expect(message.length).toBeLessThan(500);
  });
});

describe("an answer of another shape", () => {
  test.each([
    ["no JSON", text(200, "<html>", { "content-type": "text/html" })],
    ["an envelope", json(200, { success: true, errors: [], result: [] })],
    ["no rows", json(200, { meta: [], data: "none" })],
    ["other columns", json(200, { data: [{ cohort: "native" }] })],
    ["another cohort", json(200, { data: [{ ...ROW, cohort: "purple" }] })],
    ["words for numbers", json(200, { data: [{ ...ROW, requests: "many" }] })],
    ["too many rows", json(200, { data: Array(10_001).fill(ROW) })],
  ])("is rejected: %s", async (_name, reply) => {
    server.reply(reply);
    const error = await problem(ask());
    expect(error.kind).toBe("rejected");
    expect(error.message).toContain("requests by cohort");
    expect(server.seen).toHaveLength(1);
  });

  test("a redirect is not followed", async () => {
    server.reply(text(302, "", { location: `${server.url}/elsewhere` }));
    expect(await problem(ask())).toMatchObject({ kind: "rejected", status: 302 });
    expect(server.seen).toHaveLength(1);
  });
});

describe("ends", () => {
  test("with the signal, also while it waits for an answer", async () => {
    server.reply(hang);
    const error = await problem(ask(AbortSignal.timeout(50)));
    expect(error.message).toContain("stopped waiting");
    expect(server.seen.length).toBeLessThanOrEqual(1);
  });

  test("before it has begun, when the signal is aborted", async () => {
    expect((await problem(ask(AbortSignal.abort()))).message).toContain("cancelled");
    expect(server.seen).toHaveLength(0);
  });

  test("when nobody listens", async () => {
    const port = await closedPort();
    const { client, accountId } = placeAt({ url: `http://127.0.0.1:${port}` });
    const clock = { sleep: async (ms: number) => void slept.push(ms) };
    const dead = createMetrics({ client, accountId, dataset: "d", clock });
    expect(await problem(ask(undefined, dead))).toMatchObject({ kind: "unavailable" });
    expect(slept).toHaveLength(2);
  });
});

test("a name that is no dataset's is refused before anything is sent", async () => {
  await expect(ask(undefined, metrics("a; DROP"))).rejects.toThrow(RangeError);
  expect(server.seen).toHaveLength(0);
});
