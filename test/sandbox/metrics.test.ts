/** From visitors to figures: what the metrics say of known traffic is what the visitors saw. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createMetrics } from "../../src/adapters/analytics.ts";
import { createCloudflareClient } from "../../src/adapters/cloudflare-client.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import * as metrics from "../../src/domain/metrics/queries.ts";
import { type QaDocument, qaSchema } from "../../src/domain/proof/qa-document.ts";
import type { Metrics } from "../../src/ports/api.ts";
import type { Sandbox, TrafficReport } from "../../src/sandbox/index.ts";
import { DATASET } from "../../src/sandbox/types.ts";
import { errorSeries, failureSeries } from "../support/metric-series.ts";
import { HANG_MS, PATIENCE, WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const WHERE = `SEED=${SEED}`;
const SAMPLE_INTERVAL = 10;
let sandbox: Sandbox;
let port: Metrics;

beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    lagMs: { min: 0, max: 0 },
    patience: WORKER_PATIENCE,
    percent: 50,
    seed: SEED,
    rateLimits: false,
    qaMetrics: true,
  });
  const { apiBaseUrl, apiToken, accountId } = sandbox.description;
  const token = new Secret(apiToken, "test");
  const client = createCloudflareClient({ apiBaseUrl, token, version: "0" });
  port = createMetrics({ client, accountId, dataset: DATASET });
});
afterAll(() => sandbox.close());

function ask<Row>(question: (dataset: string) => metrics.Query<Row>): Promise<Row[]> {
  return port.ask(question, { signal: AbortSignal.timeout(HANG_MS) });
}

/** Without its weights, as a query that was written by somebody who forgot them. */
function unweighted<Row>(query: metrics.Query<Row>): metrics.Query<Row> {
  return { ...query, sql: query.sql.replaceAll("_sample_interval", "1") };
}

function now(): metrics.Window & { nowS: number } {
  const nowS = Math.floor(Date.now() / 1000);
  return { fromS: nowS - 600, toS: nowS + 60, nowS };
}

async function qa(colo: string, query = ""): Promise<QaDocument> {
  const { edgeUrl, qaToken } = sandbox.description;
  const headers = { authorization: `Bearer ${qaToken}`, "x-sandbox-location": colo };
  const response = await fetch(`${edgeUrl}/qa${query}`, { headers });
  return qaSchema().parse(await response.json());
}

const asked = () =>
  sandbox.control.requests().filter(({ path }) => path.includes("analytics_engine")).length;

describe("/qa", () => {
  test("with cached health asks nobody, and without points its figures are zero", async () => {
    expect(await qa("FRA", "?health=cached")).not.toHaveProperty("metrics_24h");
    expect([asked(), sandbox.control.state().metrics.started]).toEqual([0, false]);
    const { metrics_24h: figures } = await qa("FRA");
    expect(figures).toMatchObject({
      requests_native: 0,
      error_rate_native: "n/a",
      p90_latency_native_ms: null,
    });
    expect((await qa("FRA")).metrics_24h).toEqual(figures);
    expect((await qa("FRA", "?health=cached")).metrics_24h).toEqual(figures);
    expect(asked()).toBe(1);
  });
});

interface Expected {
  requests: Record<string, number>;
  /** By cohort and status; native's failures that proxy answered are native's 500. */
  errors: Record<string, number>;
  intents: number;
  finalizes: number;
}

function expectedOf(...reports: TrafficReport[]): Expected {
  const expected: Expected = { requests: {}, errors: {}, intents: 0, finalizes: 0 };
  const add = (counts: Record<string, number>, name: string, count: number): void => {
    const sum = (counts[name] ?? 0) + count;
    if (sum > 0) counts[name] = sum;
    else delete counts[name];
  };
  for (const { requests, flows } of reports) {
    for (const [cohort, statuses] of Object.entries(requests.byCohort)) {
      for (const [status, count] of Object.entries(statuses)) {
        add(expected.requests, cohort, count);
        if (Number(status) >= 400) add(expected.errors, `${cohort} ${status}`, count);
      }
    }
    for (const [status, count] of Object.entries(requests.fellBack)) {
      add(expected.errors, "native 500", count);
      if (Number(status) >= 400) add(expected.errors, `native ${status}`, -count);
    }
    // Native had done its work when it failed.
    expected.intents += flows.done.intents.native + (flows.failed["intent 502"] ?? 0);
    expected.finalizes += flows.done.finalizes.native + (flows.failed["finalize 502"] ?? 0);
  }
  return expected;
}

/** The same figures from the series; `change` may spoil the queries. */
async function measured(change = <Row>(query: metrics.Query<Row>) => query): Promise<Expected> {
  const window = now();
  const series = await ask((dataset) => change(metrics.requestSeries(dataset, window)));
  const errors = await ask((dataset) => change(errorSeries(dataset, window)));
  const kinds = await ask((dataset) => change(failureSeries(dataset, window)));
  const sum = (pairs: [string, number][]): Record<string, number> => {
    const sums: Record<string, number> = {};
    for (const [name, count] of pairs) sums[name] = (sums[name] ?? 0) + count;
    return sums;
  };
  const points = sum(kinds.map(({ cohort, kind, points }) => [`${cohort} ${kind}`, points]));
  return {
    requests: sum(series.map(({ cohort, requests }) => [cohort, requests])),
    errors: sum(errors.map(({ cohort, status, requests }) => [`${cohort} ${status}`, requests])),
    intents: points["native intent"] ?? 0,
    finalizes: points["native finalize"] ?? 0,
  };
}

/** Points arrive after the answers: until each request has its own. */
async function settled({ requests }: Expected): Promise<void> {
  const total = Object.values(requests).reduce((a, b) => a + b, 0);
  const caught = () =>
    sandbox.control.points().filter(({ blobs }) => blobs[0] === "request").length;
  await expect.poll(caught, PATIENCE).toBe(total);
}

/** Null: an intent was made when a finalize had been. */
async function flowsThatThink(thinkMs: number) {
  const { control } = sandbox;
  await control.forgetPoints();
  const { flows } = await control.runUploadFlows({ count: 16, concurrency: 16, thinkMs });
  const [intents, finalizes] = [flows.done.intents.native, flows.done.finalizes.native];
  const of = (kind: string) => control.points().filter(({ blobs }) => blobs[0] === kind);
  const timesOf = (kind: string) => of(kind).map(({ atMs }) => Math.floor(atMs / 1000));
  expect(finalizes, WHERE).toBeGreaterThan(0);
  const counts = () => [timesOf("intent").length, timesOf("finalize").length];
  await expect.poll(counts, PATIENCE).toEqual([intents, finalizes]);
  // As late as can be: a finalize is recorded later than its duration was measured.
  const boundaryS = Math.min(...timesOf("finalize"));
  return Math.max(...timesOf("intent")) < boundaryS ? { intents, finalizes, boundaryS } : null;
}

async function wander(atLeast: number, mix: { upload: number; jobs: number; other: number }) {
  await sandbox.control.startTraffic({ ratePerS: 400, visitors: 40, actionsPerVisitor: 5, mix });
  try {
    const total = () => sandbox.control.trafficReport().requests.total;
    await expect.poll(total, PATIENCE).toBeGreaterThanOrEqual(atLeast);
  } finally {
    await sandbox.control.stopTraffic();
  }
  return sandbox.control.trafficReport();
}

describe("known traffic", () => {
  beforeEach(async () => {
    await sandbox.control.heal();
    await sandbox.control.forgetPoints();
  });

  test("unsampled: the series are the visitors' own counts", async () => {
    const { control } = sandbox;
    control.setNative({ errorShare: 0.15 });
    const failing = await control.runUploadFlows({ count: 60 });
    control.setNative({ errorShare: 0.15, failAfterBody: true });
    const breaking = await control.runUploadFlows({ count: 60 });
    control.setNative({ errorShare: 0.3, failAfterBody: false });
    control.setOrigin({ errorShare: 0.2 });
    const wandering = await wander(150, { upload: 0, jobs: 1, other: 1 });
    await control.heal();
    const healthy = await control.runUploadFlows({ count: 30, roaming: 0.5 });

    const expected = expectedOf(failing, breaking, wandering, healthy);
    expect(Object.keys(expected.requests).toSorted(), WHERE).toEqual(["native", "proxy"]);
    expect(expected.errors["native 500"], WHERE).toBeGreaterThan(0);
    expect(expected.errors["native 502"], WHERE).toBeGreaterThan(0);
    expect(expected.errors["proxy 500"], WHERE).toBeGreaterThan(0);
    await settled(expected);
    await expect.poll(() => measured(), PATIENCE).toEqual(expected);
    expect(expected.intents, WHERE).toBeGreaterThan(expected.finalizes);

    const errors = (cohort: string): number =>
      Object.entries(expected.errors)
        .filter(([name]) => name.startsWith(cohort) && Number(name.slice(-3)) >= 500)
        .reduce((sum, [, count]) => sum + count, 0);
    const rate = (cohort: string): number =>
      (100 * errors(cohort)) / (expected.requests[cohort] ?? 0);
    const figures = (await qa("AMS")).metrics_24h;
    expect(figures).toMatchObject({
      requests_native: expected.requests.native,
      requests_proxy: expected.requests.proxy,
      p90_latency_native_ms: expect.any(Number),
    });
    expect(Number.parseFloat(figures?.error_rate_native ?? "")).toBeCloseTo(rate("native"), 1);
    expect(Number.parseFloat(figures?.error_rate_proxy ?? "")).toBeCloseTo(rate("proxy"), 1);
  });

  test("sampled: they are so within the sampling error, and unweighted they are not", async () => {
    sandbox.control.setMetrics({ sampleInterval: SAMPLE_INTERVAL });
    const expected = expectedOf(await wander(1_600, { upload: 0, jobs: 1, other: 9 }));
    await settled(expected);
    const weighted = await measured();
    const bare = await measured(unweighted);
    for (const [cohort, count] of Object.entries(expected.requests)) {
      // Each point is kept with p = 1/N and counts N times: variance n · (N − 1). 4 points for the skew.
      const limit = 4 * Math.sqrt(count * (SAMPLE_INTERVAL - 1)) + 4 * SAMPLE_INTERVAL;
      const off = (found: Expected) => Math.abs((found.requests[cohort] ?? 0) - count);
      expect(off(weighted), `${cohort} of ${count}, ${WHERE}`).toBeLessThan(limit);
      expect(off(bare), `${cohort} of ${count}, unweighted, ${WHERE}`).toBeGreaterThan(limit);
    }
    expect(weighted.requests).not.toEqual(expected.requests);
  });

  test("intents that were left, and those only, are orphans", async () => {
    const report = await sandbox.control.runUploadFlows({ count: 60, abandon: 0.4 });
    const { abandoned, done, completed } = report.flows;
    expect(abandoned, WHERE).toBeGreaterThan(0);
    expect(abandoned + completed).toBe(60);
    const { native } = done.intents;
    expect(native + done.intents.proxy).toBe(60);
    const { nowS, ...window } = now();
    await expect
      .poll(() => ask((dataset) => metrics.orphanedIntents(dataset, window, nowS + 60)), PATIENCE)
      .toMatchObject([{ intents: native, finalized: done.finalizes.native }]);
  });

  test("a finalize counts to the window of its intent, however late it comes", async () => {
    // Until all intents are made before the first finalize, however long they take here.
    let apart = await flowsThatThink(2_500);
    for (const thinkMs of [10_000, 60_000]) apart ??= await flowsThatThink(thinkMs);
    const { intents, finalizes, boundaryS } = apart ?? expect.fail("never apart");
    const nowS = Math.floor(Date.now() / 1000);
    const orphans = (window: metrics.Window) =>
      ask((dataset) => metrics.orphanedIntents(dataset, window, nowS + 60));
    expect(await orphans({ fromS: boundaryS - 600, toS: boundaryS })).toMatchObject([
      { intents, finalized: finalizes },
    ]);
    const later = await orphans({ fromS: boundaryS, toS: nowS + 60 });
    expect(later).toMatchObject([{ intents: 0, finalized: 0 }]);
  });
});

describe("the controls", () => {
  test("history has the times it is given, and all can be forgotten", async () => {
    const atMs = Date.UTC(2026, 0, 2, 3, 4, 5);
    const blobs = ["request", "native", "b1a", "cookie", "/", "FRA", "old", "v", "B2a"];
    const doubles = [503, 12];
    sandbox.control.addPoints([{ atMs, blobs, doubles, sampleInterval: 7 }]);
    const window = { fromS: atMs / 1000, toS: atMs / 1000 + 1 };
    expect(await ask((dataset) => errorSeries(dataset, window))).toEqual([
      { cohort: "native", phase: "b1a", status: 503, requests: 7 },
    ]);
    expect(sandbox.control.points()).not.toContainEqual(expect.objectContaining({ atMs }));
    await sandbox.control.forgetPoints();
    expect(await ask((dataset) => errorSeries(dataset, window))).toEqual([]);
  });

  test("are refused what they cannot be, and healed", async () => {
    const { control } = sandbox;
    expect(() => control.setMetrics({ sampleInterval: 0 })).toThrow();
    expect(() => control.setMetrics({ delayMs: -1 })).toThrow();
    expect(() => control.addPoints([{ atMs: -1 }])).toThrow();
    expect(() => control.addPoints([{ atMs: 1, dataset: "system.tables" }])).toThrow();
    control.setMetrics({ sampleInterval: { "B2a:native": 5 }, delayMs: 60_000 });
    expect(control.state().metrics).toMatchObject({
      sampleInterval: { "B2a:native": 5 },
      delayMs: 60_000,
    });
    await control.heal();
    expect(control.state().metrics).toMatchObject({ sampleInterval: 1, delayMs: 0 });
  });

  test("work over HTTP as well", async () => {
    const call = (method: string, path: string, body?: unknown) =>
      fetch(sandbox.description.controlUrl + path, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    expect((await call("PUT", "/metrics", { sampleInterval: 3 })).status).toBe(200);
    expect((await call("PUT", "/metrics", { sampleInterval: "x" })).status).toBe(400);
    expect((await call("POST", "/points", [{ atMs: 1_000 }])).status).toBe(201);
    const listed: unknown = await (await call("GET", "/points")).json();
    expect(listed).toBeInstanceOf(Array);
    expect((await call("DELETE", "/points")).status).toBe(200);
    expect(sandbox.control.points()).toEqual([]);
    await sandbox.control.heal();
  });
});
