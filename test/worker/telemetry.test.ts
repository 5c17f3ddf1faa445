/** One metric point and one log line per request, with the fields of the design and nothing more. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WorkerUnderTest } from "./harness.ts";
import { bearer, startWorker } from "./harness.ts";

let worker: WorkerUnderTest;
beforeAll(async () => {
  worker = await startWorker({ config: { canary_percent: 10, revision: "r7" }, points: true });
});
beforeEach(() => {
  worker.points.clear();
  worker.logs.clear();
  worker.origin.answerWith(null);
});
afterAll(() => worker.dispose());

describe("metric points", () => {
  test("each decided request writes one, by template and never by path; a preflight decides nothing", async () => {
    const cookie = await worker.cookie("proxy");
    await worker.fetch("/api/jobs", {
      method: "OPTIONS",
      headers: { origin: "https://app.pix.immo", "access-control-request-method": "GET" },
    });
    await worker.fetch("/api/jobs/secret-id?token=1", { headers: { cookie } });
    await worker.fetch("/page");
    await worker.fetch("/qa", { headers: bearer() });
    const points = await worker.points.take(2);
    expect(points[0]).toEqual({
      index: "B2a:proxy",
      kind: "request",
      cohort: "proxy",
      phase: "b1b",
      reason: "cookie",
      route: "/api/jobs/:id",
      colo: "FRA",
      revision: "r7",
      worker_version: "version-1",
      tag: "B2a",
      cause: "",
      status: 200,
      duration_ms: expect.any(Number),
    });
    expect(points.map((point) => point.route)).toEqual(["/api/jobs/:id", "/qa"]);
  });
});

describe("log lines", () => {
  test("an error of the origin is logged in full, without query, cookie or body", async () => {
    worker.origin.answerWith((_request, response) => {
      response.writeHead(503).end("a secret body");
    });
    const cookie = await worker.cookie("proxy");
    const answer = await worker.fetch("/api/jobs/secret-id?token=secret-query", {
      headers: { cookie: `${cookie}; session=secret-cookie`, "user-agent": "Mozilla (iPhone)" },
    });
    expect([answer.status, await answer.text()]).toEqual([503, "a secret body"]);
    const [line] = await worker.logs.take(1);
    expect(line).toEqual({
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: "ERROR",
      rayID: "230b030023ae2822",
      colo: "FRA",
      cohort: "proxy",
      reason: "cookie",
      phase: "b1b",
      method: "GET",
      route: "/api/jobs/:id",
      status: 503,
      duration_ms: expect.any(Number),
      country: "DE",
      device: "mobile",
      revision: "r7",
      sample_rate: 1,
      error_msg: null,
      context: null,
    });
    expect(JSON.stringify(line)).not.toContain("secret");
  });

  test("a refusal is a warning, and every one is logged", async () => {
    for (let n = 0; n < 20; n += 1) await worker.fetch("/qa");
    const lines = await worker.logs.take(20);
    expect(lines.every((line) => line.level === "WARN" && line.sample_rate === 1)).toBe(true);
  });

  test("of successes about one in ten is logged, and says so", async () => {
    const requests = 400;
    for (let n = 0; n < requests; n += 1) await worker.fetch("/api/x");
    await worker.points.take(requests);
    const lines = worker.logs.all();
    expect(lines.every((line) => line.level === "INFO" && line.sample_rate === 0.1)).toBe(true);
    // 40 expected, standard deviation 6: five of them on either side.
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.length).toBeLessThan(70);
  });
});
