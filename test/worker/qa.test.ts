import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseCanaryHeader } from "../../src/domain/decision/headers.ts";
import { qaSchema } from "../../src/domain/proof/qa-document.ts";
import type { WorkerUnderTest } from "./harness.ts";
import { bearer, configText, QA_TOKEN, startWorker } from "./harness.ts";

const CONFIG = { canary_percent: 10, revision: "01JCQREV" };

describe("/qa behind its guard", () => {
  let worker: WorkerUnderTest;
  beforeAll(async () => {
    worker = await startWorker({ config: CONFIG, database: true });
  });
  afterAll(() => worker.dispose());

  test.each(["/qa", "/api/qa"])("%s shows state and health in the agreed schema", async (path) => {
    const answer = await worker.fetch(path, { headers: bearer() });
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const document = qaSchema().parse(await answer.json());
    expect(document).toMatchObject({
      colo: "FRA",
      worker_version: "version-1",
      canary: {
        sampling_active: true,
        percent: 10,
        tag: "B2a",
        emergency_proxy: false,
        revision: "01JCQREV",
        source: "kv",
      },
      stop: { active: false },
      health: {
        native: { status: "healthy", r2_accessible: true },
        proxy: { status: "healthy", reachable: true },
      },
      cookie_key_ids: ["k2", "k1"],
      guardian: "observe",
    });
    expect(document).not.toHaveProperty("metrics_24h");
    expect(document.canary.cohort).toBe(
      parseCanaryHeader(answer.headers.get("x-pix-canary"))?.cohort,
    );
  });

  test.each([
    ["no token", {}],
    ["a wrong token", bearer("wrong")],
    ["a longer token", bearer(`${QA_TOKEN}-and-more`)],
    ["another scheme", { authorization: "Basic cWE=" }],
  ])("with %s it is 401, and still carries both decision headers", async (_name, headers) => {
    const answer = await worker.fetch("/qa", { headers });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({ error: "unauthorized" });
    expect(parseCanaryHeader(answer.headers.get("x-pix-canary"))).not.toBeNull();
    expect(answer.headers.get("x-pix-decision")).toMatch(/\(10% sample\)$/);
  });

  test("a token reads KV afresh, so the next request of anybody sees it", async () => {
    for (const revision of ["r1", "r2", "r3"]) {
      await worker.putKeys({ config: configText({ revision }) });
      expect((await worker.qa()).canary.revision).toBe(revision);
    }
    await worker.putState(CONFIG);
  });

  test("a stop is shown with its author", async () => {
    const stop = { active: true, id: "01J", at: "2026-01-01T00:00:00Z", by: "me", reason: "5xx" };
    await worker.putState(undefined, stop);
    const document = await worker.qa();
    expect(document.stop).toEqual(stop);
    expect(document.canary).toMatchObject({
      emergency_proxy: true,
      sampling_active: false,
      cohort: "proxy",
      decision_reason: "emergency",
    });
    await worker.putState(undefined, { active: false, at: "2026-01-02T00:00:00Z" });
  });

  test("only listed origins get CORS headers, and a preflight needs no token (AT-21)", async () => {
    const preflight = async (origin: string) => {
      const answer = await worker.fetch("/qa", { method: "OPTIONS", headers: { origin } });
      return {
        status: answer.status,
        vary: answer.headers.get("vary"),
        origin: answer.headers.get("access-control-allow-origin"),
        headers: answer.headers.get("access-control-allow-headers"),
        decided: answer.headers.has("x-pix-canary") && answer.headers.has("x-pix-decision"),
      };
    };
    const shared = { status: 204, vary: "Origin", decided: true };
    const listed = "https://app.pix.immo";
    expect(await preflight(listed)).toEqual({
      ...shared,
      origin: listed,
      headers: "Authorization",
    });
    for (const origin of ["https://evil.example", "null", "https://app.pix.immo.evil.example"]) {
      expect(await preflight(origin)).toEqual({ ...shared, origin: null, headers: null });
    }
    const answer = await worker.fetch("/qa", { headers: { ...bearer(), origin: listed } });
    expect(answer.headers.get("access-control-allow-origin")).toBe(listed);
    expect(answer.headers.get("access-control-expose-headers")).toContain("X-Pix-Canary");
  });

  test("other methods are 405 for token holders", async () => {
    const answer = await worker.fetch("/qa", { method: "POST", headers: bearer() });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });

  test("after ten wrong tokens an address waits, even with the right one; others do not", async () => {
    const ask = async (address: string, token: string) => {
      const headers = { ...bearer(token), "x-test-address": address };
      const answer = await worker.fetch("/qa?health=cached", { headers });
      return { status: answer.status, answer };
    };
    const guesser = "198.51.100.9";
    for (let n = 0; n < 10; n += 1) expect((await ask(guesser, `${n}`)).status).toBe(401);
    const { answer, status } = await ask(guesser, QA_TOKEN);
    expect(status).toBe(429);
    expect(await answer.json()).toEqual({ error: "too_many_wrong_tokens" });
    expect(Number(answer.headers.get("retry-after"))).toSatisfy((s: number) => s > 0 && s <= 60);
    expect(parseCanaryHeader(answer.headers.get("x-pix-canary"))).not.toBeNull();
    expect((await ask("198.51.100.10", QA_TOKEN)).status).toBe(200);
    const without = await worker.fetch("/qa", { headers: { "x-test-address": guesser } });
    expect(without.status).toBe(401);
  });
});

describe("/qa in other settings", () => {
  // Which tokens are none: settings.test.ts.
  test("a QA_TOKEN that is none opens nothing, /qa says so, and nobody is limited for it", async () => {
    const token = "s".repeat(31);
    const worker = await startWorker({ vars: { QA_TOKEN: token }, kv: async () => ({}) });
    const tries = [bearer(token), {}, bearer(""), bearer("null"), bearer("undefined")];
    for (const headers of [...tries, ...Array<object>(8).fill(bearer(token))]) {
      const answer = await worker.fetch("/qa", { headers: { ...headers } });
      expect([answer.status, await answer.json()]).toEqual([401, { error: "no_usable_token" }]);
      expect(parseCanaryHeader(answer.headers.get("x-pix-canary"))).not.toBeNull();
    }
    await worker.dispose();
  });

  // What switches the guard off, and what does not: settings.test.ts.
  test("without its guard a caller without a token gets 200, and reads what is not bound", async () => {
    const worker = await startWorker({ vars: { FEATURE_QA_GUARD: "false" } });
    const answer = await worker.fetch("/qa");
    expect(answer.status).toBe(200);
    const { health } = qaSchema().parse(await answer.json());
    expect(health.native).toMatchObject({ status: "failing", problem: "database: not bound" });
    await worker.dispose();
  });

  test("the eleventh anonymous call in a minute is 429, still decided, and token holders go on", async () => {
    const worker = await startWorker({ limits: { anon: 10, token: 30 } });
    const minute = (): number => Math.floor(Date.now() / 60_000);
    const first = minute();
    let refused = 0;
    let limited = await worker.fetch("/api/qa");
    for (; limited.status === 401; refused += 1) limited = await worker.fetch("/api/qa");
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "60"]);
    // Ten in each minute: a new one may have begun meanwhile.
    expect(refused).toBeGreaterThanOrEqual(10);
    expect(refused).toBeLessThanOrEqual(10 * (minute() - first + 1));
    expect(parseCanaryHeader(limited.headers.get("x-pix-canary"))).not.toBeNull();
    expect(limited.headers.has("x-pix-decision")).toBe(true);
    for (let n = 0; n < 11; n += 1) expect((await worker.qa()).schema).toBe(1);
    await worker.dispose();
  });

  test("failing parts are reported as failing, and /qa itself answers 200", async () => {
    const worker = await startWorker({
      database: true,
      vars: { ORIGIN_URL: "http://127.0.0.1:1" },
    });
    worker.database?.goDown();
    expect((await worker.qa("?health=cached")).health).toMatchObject({
      native: { status: "unknown" },
      proxy: { status: "unknown" },
    });
    const document = await worker.qa("");
    expect(document.health.native).toMatchObject({
      status: "failing",
      db_ping_ms: null,
      r2_accessible: true,
      problem: expect.stringMatching(/^database: /),
    });
    expect(document.health.proxy).toEqual({
      status: "failing",
      origin_ping_ms: null,
      reachable: false,
      problem: "origin: unreachable",
    });
    expect((await worker.qa("?health=cached")).health.proxy.status).toBe("failing");
    await worker.dispose();
  });

  test("an origin that answers its health path with an error is failing", async () => {
    const worker = await startWorker();
    worker.origin.answerWith((_request, response) => {
      response.writeHead(503).end();
    });
    expect((await worker.qa("")).health.proxy).toMatchObject({
      status: "failing",
      problem: "origin: answered HTTP 503",
    });
    expect(worker.origin.requests[0]?.url).toBe("/health");
    await worker.dispose();
  });
});
