/**
 * `validate` on a sandbox: a day of metrics behind it, real visitors now. GO on the healthy run; on each
 * broken one NO-GO, for exactly the right reasons.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { reportText } from "../../src/cli/report.ts";
import type { Outcome } from "../../src/commands/command.ts";
import type { ValidateData } from "../../src/commands/validate/data.ts";
import { validate } from "../../src/commands/validate/validate.ts";
import type { MetricPoint } from "../../src/domain/metrics/point.ts";
import { parseStop } from "../../src/domain/state/documents.ts";
import type { Ports } from "../../src/ports/ports.ts";
import type { SandboxControl } from "../../src/sandbox/index.ts";
import { PAGES_ORIGIN } from "../../src/sandbox/types.ts";
import { ensureCli } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { storedPoint } from "../support/metric-points.ts";
import { PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import {
  configText,
  emergencies,
  resetLane,
  startLane,
  storedState,
  tokenEnv,
  writeConfig,
} from "./lane.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** In the metrics of each minute, one recorded for 60: what is real now is little beside it. */
const RECORDED = 20;
const WEIGHT = 60;
/** So that as many visitors as it takes are drawn. */
const SHARE = 50;
/** So long after its start this file may still be running. */
const AHEAD_MIN = 60;
/** A third of all time, and no other limit of `validate`. */
const PROOF_MS = 17_000;

let lane: Lane;
let control: SandboxControl;
let config = "";
const startMs = Date.now();

beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA", "AMS"] });
  await untilReady(lane.sandbox.description);
  control = lane.sandbox.control;
  const enough = { minNativeRequests: 3 * RECORDED };
  const policy = { p90OverProxyCritical: enough, p90OverProxyWarning: enough };
  const more = { dataset: "canary_requests", pagesOrigin: PAGES_ORIGIN, policy };
  config = await writeConfig(lane, more);
  addDay();
});
afterAll(() => lane?.close());
beforeEach(async () => {
  await resetLane(lane);
  await beginStage();
});

type Row = ReturnType<typeof storedPoint>;

function add(rows: readonly Row[]): void {
  const plain = rows.map(({ index, blobs, doubles, ...row }) => ({
    ...{ ...row, indexes: [index], blobs: [...blobs], doubles: [...doubles] },
  }));
  control.addPoints(plain);
}

/** From 26 hours ago until long after this file, healthy: native a little quicker than proxy, an upload now and then. */
function addDay(): void {
  const rows: Row[] = [];
  for (let minute = -26 * 60; minute < AHEAD_MIN; minute += 1) {
    const minuteMs = startMs + minute * MINUTE_MS;
    for (let nth = 0; nth < RECORDED; nth += 1) {
      const atMs = minuteMs + nth * 3_000;
      rows.push(recorded(atMs, { durationMs: 90 + nth }));
      rows.push(recorded(atMs, { cohort: "proxy", durationMs: 120 + nth }));
    }
    if (minute % 30 !== 0) continue;
    rows.push(storedPoint(minuteMs, { kind: "intent", status: 0, durationMs: 0 }));
    rows.push(storedPoint(minuteMs + 9_000, { kind: "finalize", status: 0, durationMs: 9_000 }));
  }
  add(rows);
}

function recorded(atMs: number, fields: Partial<MetricPoint>): Row {
  return storedPoint(atMs, fields, { sampleInterval: WEIGHT });
}

/** The share as a stage has it, written anew. */
async function beginStage(): Promise<void> {
  lane.newestMs = Math.max(Date.now(), lane.newestMs + 1);
  const last_updated = new Date(lane.newestMs).toISOString();
  const revision = `STAGE${lane.newestMs}`;
  control.store.put("config", configText(SHARE, { last_updated, revision }));
  // A look with the token reads anew; for whoever comes then, the share is the new one.
  await emergencies(lane.sandbox);
}

/** New visitors, as the stored share draws them. */
function drawn(counts: { native: number; proxy: number }): void {
  const { config: stored } = storedState(lane.sandbox);
  const revision = stored.kind === "valid" ? (stored.value.revision ?? null) : null;
  for (const cohort of ["native", "proxy"] as const) {
    const fields = {
      cohort,
      revision,
      reason: "sampled",
      phase: "proxy",
      route: "/api/*",
    } as const;
    add(Array.from({ length: counts[cohort] }, () => storedPoint(Date.now(), fields)));
  }
}

interface Circumstances {
  moreEnv?: Record<string, string>;
  /** The proof ends once a location was looked at so often; whoever shows the state is not asked again. */
  looks?: number;
}

async function asked(
  own: object = {},
  { moreEnv = {}, looks = Number.POSITIVE_INFINITY }: Circumstances = {},
): Promise<Outcome<ValidateData>> {
  const env = { ...lane.env, ...tokenEnv(lane.sandbox), ...moreEnv };
  const enough = new AbortController();
  const clock = patientClock();
  const timeout = (ms: number) => (ms === PROOF_MS ? enough.signal : clock.timeout(ms));
  const ports = await portsOf(config, "sandbox", env, { ...clock, timeout });
  const looked = new Map<string, number>();
  const qa: Ports["qa"] = {
    ...ports.qa,
    async look(url, options) {
      const sighting = await ports.qa.look(url, options);
      const count = (looked.get(url) ?? 0) + 1;
      looked.set(url, count);
      if (count >= looks) enough.abort();
      return sighting;
    },
  };
  const timeoutMs = 3 * PROOF_MS;
  const given = { ...GIVEN, timeoutMs, ...Object(validate.input.parse({ smoke: false, ...own })) };
  return validate.run(given, { ...ports, qa });
}

/** What stands in the way, and nothing else. */
function against(outcome: Outcome<ValidateData>): Record<string, string> {
  const reasons = "data" in outcome ? (outcome.data?.reasons ?? []) : [];
  const open = reasons.filter(({ required, verdict }) => required && verdict !== "pass");
  return Object.fromEntries(open.map(({ name, verdict }) => [name, verdict]));
}

const said = (outcome: Outcome<ValidateData>): string => {
  const { out, err } = reportText(validate, outcome);
  return `${out}${err}`;
};

test("GO on a healthy run, by the program, with the smoke checks", async () => {
  await control.runUploadFlows({ count: 60 });
  const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
  const words = ["validate", "--config", config, "--json", "--markdown"];
  const { code, stdout, stderr } = await runHere(words, { env, clock: patientClock() });
  expect(code, stdout + stderr).toBe(0);
  const document = JSON.parse(stdout) as ValidateData & { outcome: string; next: string };
  expect(document).toMatchObject({ outcome: "done", verdict: "GO", share: SHARE });
  expect(document.reasons.filter(({ required }) => required)).toHaveLength(11);
  expect(document.coverage).toEqual({ buckets: 1_440, with_native: 1_440, covered: 1_440 });
  expect(document.policy.map(({ verdict }) => verdict)).toEqual(Array(10).fill("pass"));
  // Sampled data, weighted: twenty recorded requests a minute stand for 1,200.
  // On a slow machine the visitors of now are settled by then: they count as well, one for one.
  const ours = document.native.requests - 1_440 * RECORDED * WEIGHT;
  expect(ours).toBeGreaterThanOrEqual(0);
  const observations = 1_440 * RECORDED + ours;
  expect(document.native).toMatchObject({ observations, errors: 0, error_observations: 0 });
  expect(document.next).toContain("ramp start");
  expect(document.markdown).toContain("## GO for the next step of sandbox");
  expect(document.smoke?.checks).toHaveLength(6);
});

test("a week is asked for in pieces, and put together again", async () => {
  drawn({ native: 100, proxy: 100 });
  control.forgetRequests();
  const week = await asked({ window: "7d", minCoverage: "15" });
  expect(against(week), said(week)).toEqual({});
  const asks = control.requests().filter(({ path }) => path.includes("analytics_engine"));
  // Three pieces of each of the three by minute; series, emergencies and the share in one each,
  // and the doctor's own two: what there is, and what the beacon costs.
  expect(asks.length).toBeGreaterThanOrEqual(14);
  const coverage = "data" in week ? week.data?.coverage : undefined;
  // 26 hours, less what is not settled yet.
  expect(coverage?.with_native).toBeGreaterThanOrEqual(26 * 60 - 3);
  expect(coverage?.with_native).toBeLessThanOrEqual(26 * 60 + AHEAD_MIN);
});

/** In an order in which none leaves anything to the next. */
describe("NO-GO, for exactly the right reasons", () => {
  beforeEach(() => drawn({ native: 100, proxy: 100 }));

  test("R2 down: native says so itself, and an upload fails", async () => {
    await control.setNative({ r2Down: true });
    await untilNative("failing");
    const outcome = await asked({ smoke: true, cohort: "native" });
    expect(against(outcome), said(outcome)).toEqual({
      "native ping": "fail",
      "smoke checks": "fail",
    });
    expect(said(outcome)).toContain("smoke upload: pixcanary-smoke.txt may have been left behind");
    await control.heal();
    await untilNative("healthy");
  });

  test("a location that lags behind", async () => {
    control.setKv({ location: "AMS", frozen: true });
    // A write in the very millisecond would still arrive.
    await emergencies(lane.sandbox);
    await beginStage();
    drawn({ native: 100, proxy: 100 });
    const outcome = await asked({}, { looks: 6 });
    expect(against(outcome), said(outcome)).toEqual({ live: "fail" });
    expect(said(outcome)).toMatch(/AMS: still at revision STAGE/);
    expect(outcome.next).toMatch(/pixcanary verify /);
  });

  test("a share that is not achieved", async () => {
    drawn({ native: 100, proxy: 0 });
    expect(against(await asked())).toEqual({ "achieved share": "fail" });
  });

  test("a token that may not read the metrics: authentication, and no GO", async () => {
    const outcome = await asked(
      {},
      { moreEnv: { CLOUDFLARE_API_TOKEN: control.createToken("kv-read-only") } },
    );
    expect([outcome.kind, exitCodeOf(outcome)]).toEqual(["failed", 23]);
    expect(said(outcome)).toContain("it needs Account Analytics: Read)");
    expect("data" in outcome ? outcome.data?.verdict : null).toBe("NO-GO");
  });

  test("errors 20 h ago, which a window of 19 h does not hold", async () => {
    const atMs = startMs - 20 * HOUR_MS;
    const burst = Array.from({ length: 60 }, (_, nth) =>
      storedPoint(atMs + nth * (MINUTE_MS / 10), { status: 502 }, { sampleInterval: 10 }),
    );
    add(burst);
    const outcome = await asked();
    expect(against(outcome), said(outcome)).toEqual({ policy: "fail" });
    expect(exitCodeOf(outcome)).toBe(20);
    expect(said(outcome)).toMatch(/error rate, critical: 7\.7 % at worst \(limit 3 %\)/);
    expect(outcome.next).toMatch(/logs errors .* --since \S+ --until \S+ --cohort native$/);
    expect(against(await asked({ window: "19h" }))).toEqual({});
  });

  test("hardly any native requests", async () => {
    await control.forgetPoints();
    add([
      storedPoint(startMs - 3 * HOUR_MS, {}, { sampleInterval: 600 }),
      storedPoint(startMs - 2 * HOUR_MS, { cohort: "proxy" }, { sampleInterval: 600 }),
    ]);
    drawn({ native: 100, proxy: 100 });
    const outcome = await asked();
    expect(against(outcome), said(outcome)).toEqual({
      policy: "no_data",
      targets: "no_data",
      "native sample": "no_data",
      coverage: "no_data",
    });
    expect(said(outcome)).toMatch(/600 native requests, 1 recorded \(at least\s+1,000\)/);
  });

  test("a stop that was pulled, and released again", async () => {
    await control.forgetPoints();
    addDay();
    const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
    const given = { env, clock: patientClock() };
    const stop = await runHere(["not-aus", "--config", config, "--reason", "rehearsal"], given);
    const back = ["restore", "--config", config, "--to", `${SHARE}`, "--reason", "over", "--yes"];
    const restored = await runHere(back, given);
    expect([stop.code, restored.code], restored.stdout + restored.stderr).toEqual([0, 0]);
    drawn({ native: 100, proxy: 100 });
    const outcome = await asked();
    expect(against(outcome), said(outcome)).toEqual({ "no stop": "fail" });
    expect(said(outcome)).toMatch(/not-aus by \S+: rehearsal/);

    // By hand, the journal knows nothing of it; the stop that was released does.
    for (const { name } of control.store.list({ prefix: "journal/", limit: 9 }).keys) {
      control.store.delete(name);
    }
    expect(parseStop(control.store.text("stop"))).toMatchObject({ value: { active: false } });
    const byHand = await asked({}, { moreEnv: { XDG_STATE_HOME: `${lane.dir}/elsewhere` } });
    expect(against(byHand), said(byHand)).toEqual({ "no stop": "fail" });
    expect(said(byHand)).toContain("a stop was released by");
  });
});

async function untilNative(status: string): Promise<void> {
  const headers = { authorization: `Bearer ${lane.sandbox.description.qaToken}` };
  for (const { url } of lane.sandbox.description.locations) {
    await vi.waitFor(async () => {
      const answer = await fetch(`${url}/qa`, { headers });
      expect(await answer.json()).toMatchObject({ health: { native: { status } } });
    }, PATIENCE);
  }
}
