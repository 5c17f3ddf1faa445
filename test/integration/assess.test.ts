/**
 * `assess` on a sandbox with visitors, each fault by itself: the right finding and command and nothing
 * else. A "minute" of the policy is one or two seconds here.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { reportText } from "../../src/cli/report.ts";
import { type AssessData, assess } from "../../src/commands/assess.ts";
import type { Outcome } from "../../src/commands/command.ts";
import type { MetricPoint } from "../../src/domain/metrics/point.ts";
import type { SandboxControl, TrafficInput } from "../../src/sandbox/index.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilLive } from "../support/live.ts";
import { storedPoint } from "../support/metric-points.ts";
import { HANG_MS } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { configText, resetLane, startLane, stopIsStored, tokenEnv, writeConfig } from "./lane.ts";

const VISITORS: TrafficInput = {
  visitors: 40,
  ratePerS: 22,
  mix: { upload: 1, jobs: 1, other: 0 },
  actionsPerVisitor: 4,
};
/** Samples of seconds, not of minutes; how quick this machine is, is not what visitors are to show. */
const POLICY = {
  bucketSeconds: 1,
  settleSeconds: 0,
  minNativeRequests: 20,
  p90OverProxyCritical: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90OverProxyWarning: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90Warning: { limitMs: 60_000, minNativeRequests: 1 },
  proxyUnhealthy: { minProxyRequests: 10 },
};

/** Where a fault leaves uploads half-way, their intents are orphans before long: not what is asked. */
const ORPHANS_ASIDE = { orphanedIntents: { limit: 10_000 } };

let lane: Lane;
let control: SandboxControl;
beforeAll(async () => {
  await ensureBundle();
  lane = await startLane({ locations: ["FRA"] });
  control = lane.sandbox.control;
});
afterAll(() => lane?.close());
beforeEach(async () => {
  await control.stopTraffic();
  await resetLane(lane);
  await share(70);
  await control.forgetPoints();
});

async function share(percent: number): Promise<void> {
  lane.newestMs = Math.max(Date.now(), lane.newestMs + 1);
  const last_updated = new Date(lane.newestMs).toISOString();
  const revision = `AT${lane.newestMs}`;
  control.store.put("config", configText(percent, { last_updated, revision }));
  await untilLive(lane.sandbox.description, { revision });
}

const configure = (policy: object = {}) =>
  writeConfig(lane, { dataset: "canary_requests", policy: { ...POLICY, ...policy } });

async function asked(config: string): Promise<Outcome<AssessData>> {
  return assess.run(GIVEN, await portsOf(config, "sandbox", tokenEnv(lane.sandbox)));
}

function problemsOf(outcome: Outcome<AssessData>): string[] {
  return "data" in outcome ? (outcome.data?.problems ?? []).map(({ rule }) => rule) : [];
}

/** The first assessment that names all of `expected`; until then none names anything but `meanwhile`. */
async function untilNamed(
  config: string,
  expected: readonly string[],
  meanwhile: readonly string[] = expected,
): Promise<Outcome<AssessData>> {
  const deadline = Date.now() + HANG_MS;
  for (;;) {
    const outcome = await asked(config);
    const named = problemsOf(outcome);
    if (expected.every((rule) => named.includes(rule))) return outcome;
    expect(named.filter((rule) => !meanwhile.includes(rule))).toEqual([]);
    if (Date.now() > deadline) throw new Error(`not named: ${JSON.stringify(outcome, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** Visitors on a healthy native, for as many buckets as any row takes that names a fault below. */
async function healthyVisitors(config: string): Promise<AssessData> {
  await control.startTraffic(VISITORS);
  const deadline = Date.now() + HANG_MS;
  for (;;) {
    const outcome = await asked(config);
    expect(problemsOf(outcome)).toEqual([]);
    const data = "data" in outcome ? outcome.data : undefined;
    const passes = data?.findings.every(({ verdict }) => verdict === "pass") === true;
    const longest = data?.findings.find(({ rule }) => rule === "p90_over_proxy_warning");
    const measured = longest?.values.every((value) => value !== null) === true;
    if (data !== undefined && passes && measured) return data;
    if (Date.now() > deadline) throw new Error(`not measured: ${JSON.stringify(outcome, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

const said = (outcome: Outcome<unknown>) => reportText(assess, outcome).out;

describe("without traffic", () => {
  test("nothing is known, and that is said", async () => {
    const config = await configure();
    const outcome = await asked(config);
    expect([outcome.kind, exitCodeOf(outcome)]).toEqual(["unhealthy", 20]);
    // Its own looks at /qa may be in the metrics already, or not.
    expect(said(outcome)).toMatch(/^✖ assess: no data on native: (?:no metrics|0 native requests)/);
    expect(said(outcome)).toContain("? the stored share is 70 %: are there visitors?");
    expect(said(outcome)).toMatch(/; \/qa shows 70 % at FRA$/m);
    expect(said(outcome).match(/^\? no_data /gm)).toHaveLength(9);

    // As an operator runs it.
    const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
    const words = ["assess", "--config", config, "--json"];
    const { code, stdout } = await runHere(words, { env, clock: patientClock() });
    expect([code, JSON.parse(stdout)]).toEqual([
      20,
      expect.objectContaining({
        outcome: "unhealthy",
        verdict: "no_data",
        recommendation: "none",
        command: "assess",
        recommended_command: null,
        problems: [],
        in_force: { emergency: false, percent: 70 },
      }),
    ]);
  });

  test("metrics that cannot be had are not taken for a dataset without points", async () => {
    control.addFault({ kind: "server-error", match: { pathContains: "analytics_engine" } });
    const outcome = await asked(await configure());
    expect([outcome.kind, exitCodeOf(outcome)]).toEqual(["failed", 24]);
    expect(outcome).toMatchObject({ truth: expect.stringContaining("native's health is unknown") });
  });
});

describe("with recorded requests, 75 a second", () => {
  /** Of native's each 12th is spoilt. */
  function record(spoilt: Partial<MetricPoint>, durationMs: number): void {
    const fromMs = Date.now() - 60_000;
    // For 10 min more: however long it takes to be named, there are requests all the time.
    const rows = Array.from({ length: 660 * 75 * 2 }, (_, nth) => {
      const own = nth % 2 === 0 ? { durationMs, ...(nth % 24 === 0 ? spoilt : {}) } : {};
      const cohort = nth % 2 === 0 ? ("native" as const) : ("proxy" as const);
      const atMs = fromMs + Math.floor(nth / 150) * 1_000;
      const { index, ...row } = storedPoint(atMs, { cohort, ...own });
      return { ...row, blobs: [...row.blobs], doubles: [...row.doubles], indexes: [index] };
    });
    control.addPoints(rows);
  }
  const policy = { bucketSeconds: 2, settleSeconds: 0 };
  const config = () => writeConfig(lane, { dataset: "canary_requests", policy });

  test("errors of 8 %", async () => {
    record({ status: 500 }, 100);
    const outcome = await untilNamed(await config(), ["error_rate_critical"]);
    expect(problemsOf(outcome)).toEqual(["error_rate_critical"]);
    expect(said(outcome)).toMatch(
      /→ next: pixcanary not-aus --config \S+ --env sandbox --reason 'error rate, critical [\d.]+ %: over 3 % in each of 3 × 2 s'$/,
    );
  });

  test("300 ms more", async () => {
    record({}, 400);
    const path = await config();
    const outcome = await untilNamed(path, ["p90_over_proxy_critical"]);
    expect(problemsOf(outcome)).toEqual(["p90_over_proxy_critical"]);
    expect(said(outcome)).toContain("✖ assess: p90 over proxy, critical ");
    expect(said(outcome)).toContain(`not-aus --config ${path} --env sandbox --reason 'p90 over `);
  });
});

describe("with visitors", () => {
  test("a healthy native gives no finding", async () => {
    const config = await configure({
      minNativeRequests: 1,
      // On a busy machine an upload outlasts the grace.
      orphanedIntents: { graceMinutes: 1, limit: 10_000 },
    });
    const data = await healthyVisitors(config);
    expect(data).toMatchObject({
      verdict: "pass",
      recommendation: "none",
      recommended_command: null,
    });
  });

  test.each([
    ["R2 down", { r2Down: true }, "r2_failures", "R2 failures"],
    ["the database down", { databaseDown: true }, "database_failures", "database failures"],
  ] as const)("%s", async (_, fault, rule, label) => {
    const config = await configure(ORPHANS_ASIDE);
    await control.setNative(fault);
    await control.startTraffic(VISITORS);
    const outcome = await untilNamed(config, [rule]);
    expect(problemsOf(outcome)).toEqual([rule]);
    expect(exitCodeOf(outcome)).toBe(20);
    expect(said(outcome)).toContain(`✖ assess: ${label} `);
    expect(said(outcome)).toContain(`not-aus --config ${config} --env sandbox --reason '${label} `);
  });

  test("orphaned intents", async () => {
    const config = await configure({ orphanedIntents: { graceMinutes: 1 } });
    await control.startTraffic({ ...VISITORS, abandon: 1 });
    const outcome = await untilNamed(config, ["orphaned_intents"]);
    expect(problemsOf(outcome)).toEqual(["orphaned_intents"]);
    expect(said(outcome)).toContain(` disable --config ${config} --env sandbox --reason 'orphaned`);
  });

  test("proxy failing as well: assess says so, and so does the stop, which obeys", async () => {
    const config = await configure(ORPHANS_ASIDE);
    await control.setNative({ r2Down: true });
    control.setOrigin({ errorShare: 0.5 });
    await control.startTraffic(VISITORS);
    const outcome = await untilNamed(config, ["r2_failures", "proxy_unhealthy"]);
    expect(problemsOf(outcome)).toEqual(["r2_failures", "proxy_unhealthy"]);
    expect(said(outcome)).toContain("! WARNING: the legacy origin (proxy) is failing too");
    expect(said(outcome)).toMatch(/→ next: pixcanary not-aus /);

    // What proxy's metrics say is never waited for (proxy-health.test.ts): a slow answer is not said, and the stop obeys.
    const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
    const words = ["not-aus", "--config", config];
    const { code, stdout } = await runHere(words, { env, clock: patientClock() });
    expect([code, stdout]).toEqual([0, expect.stringContaining("✔ not-aus: done")]);
    expect(stopIsStored(lane.sandbox)).toBe(true);
  });
});
