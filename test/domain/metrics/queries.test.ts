/** The queries themselves: weighted, quoted, and understood by ClickHouse as they are meant. */
import { afterAll, describe, expect, test } from "vitest";
import * as metrics from "../../../src/domain/metrics/queries.ts";
import * as windowMetrics from "../../../src/domain/metrics/window-queries.ts";
import { AnalyticsEngine, type StoredPoint } from "../../../src/sandbox/analytics/engine.ts";
import { checkSql } from "../../../src/sandbox/analytics/sql.ts";
import { storedPoint } from "../../support/metric-points.ts";
import * as series from "../../support/metric-series.ts";

const FROM_S = 1_795_514_400;
const WINDOW = { fromS: FROM_S, toS: FROM_S + 600 };
type AnyQuery = metrics.Query<Record<string, unknown>>;

/** Every question of both modules; a new one that is missing here fails a test below. */
const QUERIES: Record<string, (dataset: string, window?: metrics.Window) => AnyQuery> = {
  requestSeries: (dataset, window = WINDOW) => wide(metrics.requestSeries(dataset, window)),
  requestsByCohort: (dataset, window = WINDOW) => wide(metrics.requestsByCohort(dataset, window)),
  errorSeries: (dataset, window = WINDOW) => wide(series.errorSeries(dataset, window)),
  failureSeries: (dataset, window = WINDOW) => wide(series.failureSeries(dataset, window)),
  healthBuckets: (dataset, window = WINDOW) => wide(metrics.healthBuckets(dataset, window, 60)),
  failureBuckets: (dataset, window = WINDOW) => wide(metrics.failureBuckets(dataset, window, 60)),
  orphanedIntents: (dataset, window = WINDOW) =>
    wide(metrics.orphanedIntents(dataset, window, window.toS + 60)),
  shareOfCohorts: (dataset, window = WINDOW) =>
    wide(metrics.shareOfCohorts(dataset, window, "01REV")),
  locationsByRevision: (dataset, window = WINDOW) =>
    wide(metrics.locationsByRevision(dataset, window)),
  requestsByLocation: (dataset, window = WINDOW) =>
    wide(metrics.requestsByLocation(dataset, window)),
  orphanBuckets: (dataset, window = WINDOW) =>
    wide(
      windowMetrics.orphanBuckets(dataset, window, { bucketSeconds: 60, nowS: window.toS + 60 }),
    ),
  decidedByEmergency: (dataset, window = WINDOW) =>
    wide(windowMetrics.decidedByEmergency(dataset, window)),
  visitorsByCohort: (dataset, window = WINDOW) =>
    wide(windowMetrics.visitorsByCohort(dataset, window)),
};
const NAMED = Object.entries(QUERIES);

function wide<Row extends object>(query: metrics.Query<Row>): AnyQuery {
  const read = (rows: readonly unknown[]) => query.read(rows) as Record<string, unknown>[];
  return { ...query, read };
}

test("all of them are looked at", () => {
  const both = { ...metrics, ...windowMetrics, ...series };
  const functions = Object.entries(both).filter(([, value]) => typeof value === "function");
  const questions = functions.map(([name]) => name).filter((name) => name !== "isPlainText");
  expect(Object.keys(QUERIES).toSorted()).toEqual(questions.toSorted());
});

/** Rows as they are stored. */
const OBSERVATIONS = /\bcount(If)?\([^()]*\) AS (\w+O|o)bservations\b/g;

describe.each(NAMED)("%s", (_name, make) => {
  const { sql } = make("canary_requests");

  test("has only what Analytics Engine has, and one table", () => {
    expect(checkSql(sql)).toMatchObject({ ok: true, datasets: ["canary_requests"] });
  });

  test("weighs every aggregate but what was really seen", () => {
    const weighed = sql.replaceAll(OBSERVATIONS, "");
    expect(weighed).not.toMatch(/\b(count|countIf|avg|avgIf|uniq\w*|quantile|topK|any)\s*\(/i);
    for (const [, argument] of sql.matchAll(/\bsum(?:If)?\s*\(\s*(\w+)/gi)) {
      expect(argument).toBe("_sample_interval");
    }
    for (const [, argument] of sql.matchAll(/\b(?:min|max)\s*\(\s*(\w+)/gi)) {
      expect(argument).toBe("timestamp");
    }
    for (const [, weight] of sql.matchAll(/\bquantileExactWeighted\([\d.]+\)\(\w+, (\w+)\)/g)) {
      expect(weight).toBe("_sample_interval");
    }
  });

  test("takes no dataset and no time that is not one", () => {
    const hostile = ["", "a-b", "a b", "a;", "a'", "system.tables", "file('x')", "a/**/", "1a"];
    for (const dataset of [...hostile, "x".repeat(65), "ä"]) {
      expect(() => make(dataset), dataset).toThrow(RangeError);
    }
    for (const time of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 60]) {
      expect(() => make("ok", { fromS: time, toS: WINDOW.toS })).toThrow(RangeError);
      expect(() => make("ok", { fromS: FROM_S, toS: time })).toThrow(RangeError);
    }
  });
});

test("buckets and revisions are checked as well", () => {
  for (const seconds of [0, 0.5, -60, 3_601, Number.NaN]) {
    expect(() => metrics.healthBuckets("ok", WINDOW, seconds)).toThrow(RangeError);
    expect(() => metrics.failureBuckets("ok", WINDOW, seconds)).toThrow(RangeError);
  }
  for (const revision of ["", "a'b", "a\\", "x".repeat(65), "a b"]) {
    expect(() => metrics.shareOfCohorts("ok", WINDOW, revision)).toThrow(RangeError);
    expect(metrics.isPlainText(revision)).toBe(false);
  }
});

describe("on ClickHouse", () => {
  const engine = new AnalyticsEngine({ next: () => 0, between: (min) => min });
  afterAll(() => engine.close());

  async function run(query: AnyQuery, sql = query.sql): Promise<Record<string, unknown>[]> {
    const checked = checkSql(sql);
    if (!checked.ok) throw new Error(checked.problem);
    const { data } = JSON.parse(await engine.select(checked)) as { data: unknown[] };
    return query.read(data);
  }

  /** Five written points for each row, or one row that stands for five. */
  const TIMES = 5;
  const rows = script();
  engine.add(rows.flatMap((row) => Array(TIMES).fill({ ...row, dataset: "written" })));
  engine.add(rows.map((row) => ({ ...row, dataset: "sampled", sampleInterval: TIMES })));

  test.each(NAMED)("%s gives the same of sampled points", async (_name, make) => {
    const written = await run(make("written"));
    expect(written.length).toBeGreaterThan(0);
    const sampled = (await run(make("sampled"))).map((row) =>
      // The one figure that must differ: it is there to know how much was sampled.
      "squares" in row ? { ...row, squares: Number(row.squares) / TIMES } : row,
    );
    // Observations are the stored rows: five of five written points, one of the row that stands for them.
    const times = (row: Record<string, unknown>) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          /observations$/i.test(name) ? Number(value) * TIMES : value,
        ]),
      );
    expect(sampled.map(times)).toEqual(written);
  });

  test.each(NAMED)("%s without its weights would not", async (_name, make) => {
    const query = make("sampled");
    const unweighted = query.sql.replaceAll("_sample_interval", "1");
    expect(await run(query, unweighted)).not.toEqual(await run(make("written")));
  });

  test("the figures are those of the script", async () => {
    const of = (name: string) => run((QUERIES[name] ?? expect.fail(name))("sampled"));
    expect(await of("requestSeries")).toContainEqual({
      cohort: "native",
      phase: "b1a",
      requests: 50,
      errors: 10,
      p50: 500,
      p90: 900,
      p99: 1_000,
      observations: 10,
    });
    // All phases, but no looks at /qa.
    expect(await of("requestsByCohort")).toEqual([
      { cohort: "native", requests: 50, errors: 10, p90: 900 },
      { cohort: "proxy", requests: 20, errors: 0, p90: 40 },
    ]);
    expect(await of("errorSeries")).toEqual([
      { cohort: "native", phase: "b1a", status: 499, requests: 5 },
      { cohort: "native", phase: "b1a", status: 500, requests: 10 },
      { cohort: "proxy", phase: "proxy", status: 404, requests: 5 },
    ]);
    expect(await of("healthBuckets")).toContainEqual({
      bucket: FROM_S,
      cohort: "native",
      ...{ requests: 50, errors: 10, p50: 500, p90: 900, p99: 1_000 },
      ...{ observations: 10, errorObservations: 2 },
    });
    expect(await of("failureSeries")).toContainEqual({
      cohort: "native",
      kind: "r2_failure",
      cause: "limit",
      points: 5,
    });
    const none = { nativeLeft: 0, proxyLeft: 0, leftObservations: 0 };
    expect(await of("failureBuckets")).toEqual([
      {
        bucket: FROM_S,
        ...{ r2: 0, database: 0, drift: 0, r2Observations: 0, databaseObservations: 0 },
        ...{ nativeLeft: 5, proxyLeft: 0, leftObservations: 1 },
      },
      {
        ...none,
        bucket: FROM_S + 60,
        ...{ r2: 5, database: 10, drift: 5 },
        ...{ r2Observations: 1, databaseObservations: 2 },
      },
    ]);
    expect(await of("orphanedIntents")).toEqual([{ intents: 15, finalized: 5, requests: 50 }]);
    expect(await of("orphanBuckets")).toEqual([
      // By when they began: the first did so before.
      { bucket: FROM_S, intents: 0, finalized: 0, requests: 45 },
      { bucket: FROM_S + 60, intents: 10, finalized: 5, requests: 0 },
      { bucket: FROM_S + 540, intents: 5, finalized: 0, requests: 5 },
    ]);
    expect(await of("decidedByEmergency")).toEqual([
      { requests: 20, firstS: FROM_S + 120, lastS: FROM_S + 123 },
    ]);
    // Also who hung up; each point stands for five.
    expect(await of("visitorsByCohort")).toEqual([
      { cohort: "native", drawn: 55, failed: 10 },
      { cohort: "proxy", drawn: 0, failed: 0 },
    ]);
    expect(await of("locationsByRevision")).toContainEqual({
      colo: "AMS",
      revision: "01REV",
      mode: "emergency",
      requests: 20,
      native: 0,
      firstS: FROM_S + 120,
      lastS: FROM_S + 123,
    });
  });

  test("of no points at all, rows are absent or zero", async () => {
    const later = { fromS: WINDOW.toS + 1_000, toS: WINDOW.toS + 2_000 };
    for (const [name, make] of NAMED) {
      const found = await run(make("written", later));
      expect(found, name).toEqual(ZERO[name] ?? []);
    }
  });
});

const ZERO: Record<string, Record<string, number>[]> = {
  orphanedIntents: [{ intents: 0, finalized: 0, requests: 0 }],
  decidedByEmergency: [{ requests: 0, firstS: 0, lastS: 0 }],
};

/** A little of everything, some of it just outside of the window. */
function script(): StoredPoint[] {
  const at = (seconds: number): number => (FROM_S + seconds) * 1000 + 250;
  const native = Array.from({ length: 10 }, (_, i) =>
    storedPoint(at(i), { reason: "sampled", durationMs: 100 * (i + 1), status: i < 2 ? 500 : 200 }),
  );
  const proxied = Array.from({ length: 4 }, (_, i) =>
    storedPoint(at(120 + i), {
      cohort: "proxy",
      reason: "emergency",
      phase: "proxy",
      colo: "AMS",
      durationMs: 10 * (i + 1),
      status: i === 0 ? 404 : 200,
    }),
  );
  const odd = { status: 0, durationMs: 0 };
  return [
    ...native,
    ...proxied,
    storedPoint(at(5), { route: "/qa", phase: "proxy", durationMs: 9_999 }),
    // Hung up, after a long time: neither an error nor slow.
    storedPoint(at(30), { reason: "sampled", durationMs: 60_000, status: 499 }),
    storedPoint(at(60), { ...odd, kind: "r2_failure", cause: "limit" }),
    storedPoint(at(61), { ...odd, kind: "db_failure" }),
    storedPoint(at(62), { ...odd, kind: "db_failure" }),
    storedPoint(at(63), { ...odd, kind: "drift" }),
    storedPoint(at(100), { ...odd, kind: "intent" }),
    storedPoint(at(101), { ...odd, kind: "intent" }),
    storedPoint(at(599), { ...odd, kind: "intent" }),
    // Of the intent at 101 s; of one before the window; of one after it.
    storedPoint(at(130), { kind: "finalize", status: 0, durationMs: 29_000 }),
    storedPoint(at(20), { kind: "finalize", status: 0, durationMs: 30_000 }),
    storedPoint(at(630), { kind: "finalize", status: 0, durationMs: 10_000 }),
    storedPoint(at(-1), {}),
    storedPoint(at(600), {}),
  ];
}
