/** What visitors get when native, the origin or a backend fails. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FetchInit, WorkerUnderTest } from "./harness.ts";
import { session, startWorker } from "./harness.ts";

const INTENT = "/api/pixcapture/upload/intent";
const PHOTO = JSON.stringify({ filename: "a.jpg", content_type: "image/jpeg", size: 1 });

let orders: Record<string, unknown> = {};
let asked: string[] = [];
const chaos = (url: URL): Record<string, unknown> => {
  asked.push(`${url.pathname}?${decodeURIComponent(url.search.slice(1))}`);
  return orders;
};

async function ask(worker: WorkerUnderTest, path: string, init: FetchInit = {}) {
  const cookie = `${await worker.cookie("native")}; ${session("anna")}`;
  const answer = await worker.fetch(path, { ...init, headers: { cookie } });
  return {
    status: answer.status,
    canary: answer.headers.get("x-pix-canary"),
    shown: answer.headers.get("x-pix-decision"),
    body: (await answer.json()) as Record<string, unknown>,
  };
}

describe("native that fails", () => {
  let worker: WorkerUnderTest;
  beforeAll(async () => {
    worker = await startWorker({
      config: { canary_percent: 100 },
      database: true,
      chaos,
      points: true,
    });
  });
  beforeEach(() => {
    orders = {};
    asked = [];
    worker.points.clear();
    worker.logs.clear();
    worker.origin.requests.length = 0;
  });
  afterAll(() => worker.dispose());

  test("before it has consumed the request: proxy serves, native's failure is counted and logged", async () => {
    orders = { fail: true, message: "Cannot read properties of undefined (reading 'id')" };
    const answer = await ask(worker, INTENT, { method: "POST", body: PHOTO });
    expect(answer).toMatchObject({
      status: 200,
      canary: "1;tag=B2a;cohort=native;reason=cookie",
      shown: "native (cookie; fell back to proxy)",
      body: { served_by: "origin" },
    });
    expect(worker.origin.requests[0]?.body.toString()).toBe(PHOTO);
    expect(asked).toEqual([`/native?route=${INTENT}`]);
    const [point] = await worker.points.take(1);
    expect(point).toMatchObject({ kind: "request", cohort: "native", phase: "b1a", status: 500 });
    const [line] = await worker.logs.take(1);
    expect(line).toMatchObject({
      level: "ERROR",
      status: 500,
      cohort: "native",
      error_msg: orders.message,
      context: { error: "Error" },
      sample_rate: 1,
    });
  });

  test("after it has consumed the request: an honest 502, and the origin is not asked", async () => {
    orders = { fail_after: true, message: "lost" };
    const answer = await ask(worker, INTENT, { method: "POST", body: PHOTO });
    expect(answer).toMatchObject({
      status: 502,
      shown: "native (cookie)",
      body: { error: "native_failed" },
    });
    expect(worker.origin.requests).toEqual([]);
    const [line] = await worker.logs.take(1);
    expect(line).toMatchObject({ level: "ERROR", status: 502, error_msg: "lost" });
  });

  test("proxied routes are never asked about, and a broken hook changes nothing", async () => {
    orders = { fail: true };
    expect((await ask(worker, "/api/other")).shown).toBe("native (cookie)");
    expect(asked).toEqual([]);
    orders = { delay_ms: "soon", fail: "no" };
    expect((await ask(worker, "/api/jobs")).status).toBe(200);
  });
});

describe("backends that fail", () => {
  test("in production the chaos hook is never asked", async () => {
    orders = { fail: true };
    asked = [];
    const worker = await startWorker({
      config: { canary_percent: 100 },
      vars: { ENVIRONMENT: "production" },
      database: true,
      chaos,
    });
    expect((await ask(worker, "/api/jobs")).shown).toBe("native (cookie)");
    expect(asked).toEqual([]);
    await worker.dispose();
  });

  test("a database that is down counts db_failure, and the visitor is served by proxy", async () => {
    const worker = await startWorker({
      config: { canary_percent: 100 },
      database: true,
      points: true,
    });
    worker.database?.goDown();
    const answer = await ask(worker, INTENT, { method: "POST", body: PHOTO });
    expect(answer).toMatchObject({ status: 200, body: { served_by: "origin" } });
    const [point] = await worker.points.take(1, (each) => each.kind === "db_failure");
    expect(point).toMatchObject({ cohort: "native", phase: "b1a", status: 0 });
    const [line] = await worker.logs.take(1);
    expect(line?.level).toBe("ERROR");
    await worker.dispose();
  });

  test("an origin that is down is an honest 502 that says whose failure it is", async () => {
    const worker = await startWorker({ vars: { ORIGIN_URL: "http://127.0.0.1:1" } });
    const answer = await worker.fetch("/api/other");
    expect([answer.status, answer.headers.get("x-pix-decision")]).toEqual([
      502,
      "proxy (0% sample)",
    ]);
    expect(await answer.json()).toMatchObject({ error: "origin_unreachable" });
    const [line] = await worker.logs.take(1);
    expect(line).toMatchObject({
      level: "ERROR",
      cohort: "proxy",
      error_msg: "the origin did not answer",
    });
    expect((await worker.fetch("/page")).status).toBe(502);
    expect((await worker.fetch("/qa?health=cached")).status).toBe(401);
    await worker.dispose();
  });
});
