/** `verify --fleet` with locations that lag: who is named, how long it took, what is not claimed. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { VerifyData } from "../../src/commands/verify/verify.ts";
import { verify } from "../../src/commands/verify/verify.ts";
import { type MetricPoint, toDataPoint } from "../../src/domain/metrics/point.ts";
import type { FleetLocation } from "../../src/domain/proof/fleet.ts";
import { ensureCli } from "../support/cli.ts";
import { runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { AMPLE_S, ENOUGH_S, HANG_MS, PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { configText, resetLane, startLane, tokenEnv, writeConfig } from "./lane.ts";

/** Seconds that a write needs to each location; to IAD until the test lets it through. */
const LAG = { FRA: 0, AMS: 3, IAD: 600 } as const;
type Colo = keyof typeof LAG;
const COLOS = ["AMS", "FRA", "IAD"] as const satisfies Colo[];

let lane: Lane;
let config = "";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: Object.keys(LAG) });
  await untilReady(lane.sandbox.description);
  // One /qa of three, as an operator sees one location through anycast: the metrics know the rest.
  const [nearest] = lane.sandbox.description.locations;
  config = await writeConfig(lane, {
    qaUrls: [`${nearest?.url}/qa`],
    dataset: "canary_requests",
    policy: { settleSeconds: 0 },
  });
  await lane.sandbox.control.startTraffic({
    visitors: 12,
    ratePerS: 18,
    mix: { upload: 0, jobs: 0, other: 1 },
    actionsPerVisitor: 1_000,
    // Each location has visitors all the time, whoever was drawn where.
    roaming: 1,
  });
});
afterAll(async () => {
  await lane?.sandbox.control.stopTraffic();
  await lane?.close();
});
beforeEach(async () => {
  for (const colo of COLOS) lag(colo, 0);
  await resetLane(lane);
});

function lag(location: Colo, ms: number): void {
  lane.sandbox.control.setKv({ location, lagMs: { min: ms, max: ms } });
}

/** A new configuration; returns its revision. */
function change(): string {
  lane.newestMs = Math.max(Date.now(), lane.newestMs + 1);
  const revision = `R${lane.newestMs}`;
  const last_updated = new Date(lane.newestMs).toISOString();
  const more = { revision, last_updated, updated_by: "tester", reason: "ramp" };
  lane.sandbox.control.store.put("config", configText(20, more));
  return revision;
}

/** A request that was served there. */
function pointAt(colo: string, atMs: number) {
  const point: MetricPoint = {
    kind: "request",
    tag: "B2a",
    cohort: "proxy",
    phase: "proxy",
    reason: "sampled",
    status: 200,
    route: "/api/*",
    colo,
    revision: "OLD",
    workerVersion: null,
    durationMs: 1,
  };
  return { atMs, ...toDataPoint(point) };
}

const run = (...args: string[]) =>
  runHere(["verify", "--fleet", "--config", config, ...args], {
    env: { ...lane.env, ...tokenEnv(lane.sandbox) },
  });

/** The command itself, so that the test can act on what it says meanwhile. */
async function follow(onLine: (line: string) => void): Promise<VerifyData> {
  const { apiToken, qaToken } = lane.sandbox.description;
  const ports = await portsOf(config, "sandbox", {
    CLOUDFLARE_API_TOKEN: apiToken,
    PIXCANARY_QA_TOKEN: qaToken,
  });
  const progress = { ...ports.progress, note: onLine };
  const input = { ...GIVEN, fleet: true, smoke: false, timeoutMs: HANG_MS };
  const outcome = await verify.run(input, { ...ports, progress });
  expect(outcome.kind, JSON.stringify(outcome)).toBe("done");
  if (outcome.kind !== "done") throw new Error("not done");
  return outcome.data;
}

function byColo(data: VerifyData): Record<string, FleetLocation> {
  return Object.fromEntries((data.fleet?.locations ?? []).map((l) => [l.colo, l]));
}

test("lags of 0, 3 and many seconds: names who lags and for how long, and sees what reappears", async () => {
  const { control } = lane.sandbox;
  for (const colo of COLOS) lag(colo, LAG[colo] * 1_000);
  const lines: string[] = [];
  let spoiled = false;
  change();
  const impatient = run("--timeout", ENOUGH_S, "--json");
  const data = await follow((line) => {
    lines.push(line);
    // FRA has it; then its reads go back to the value before, once the other run is over.
    if (!spoiled && / [1-3] of 3 /.test(line) && !line.includes("FRA")) {
      spoiled = true;
      void impatient.then(() => {
        control.setKv({ location: "FRA", reads: "stale" });
        control.setKv({ location: "IAD", catchUp: true });
      });
    }
    if (line.includes("reappeared: FRA")) control.setKv({ location: "FRA", reads: "normal" });
  });

  expect(lines.join("\n")).toMatch(/reappeared: FRA/);
  // Nobody may have come yet, and its isolate may hold the former value for a moment; once it has shown the
  // new one, it does not lag.
  const lagging = lines.map((line) => /lagging: [^;]*FRA/.test(line));
  const shown = lagging.indexOf(false, Math.max(0, lagging.indexOf(true)));
  expect(lagging.slice(shown), lines.join("\n")).not.toContain(true);
  const locations = byColo(data);
  expect(Object.keys(locations)).toEqual([...COLOS]);
  expect(locations.FRA).toMatchObject({ state: "current", times_reappeared: 1 });
  for (const colo of ["AMS", "IAD"] as const) {
    expect(locations[colo]).toMatchObject({ state: "current", times_reappeared: 0 });
    expect(locations[colo]?.propagation_s).toBeGreaterThanOrEqual(LAG.AMS);
    expect(locations[colo]?.old_requests).toBeGreaterThan(0);
  }
  expect(data.fleet).toMatchObject({ complete: true, problem: null });

  const early = await impatient;
  expect(early, early.stdout + early.stderr).toMatchObject({ code: 21 });
  const { fleet, waitingFor } = JSON.parse(early.stdout);
  expect(waitingFor).toMatch(/the fleet .*lagging: IAD[;)]/);
  expect(waitingFor).not.toMatch(/lagging: [^;]*(FRA|AMS)/);
  expect(fleet.complete).toBe(false);
});

test("a stop: who ignores it is named; a location that nobody visits is not claimed", async () => {
  const { control } = lane.sandbox;
  control.addPoints([pointAt("SIN", Date.now() - 60_000)]);
  lag("IAD", 600_000);
  const at = new Date().toISOString();
  lane.stops.add("FLEET");
  const stop = {
    active: true,
    id: "FLEET",
    at,
    by: "oncall@laptop",
    reason: "5xx \u001b[31mspike",
  };
  control.store.put("stop", JSON.stringify(stop));
  const result = await run("--timeout", ENOUGH_S);
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 21 });
  expect(result.stdout).toMatch(/waiting for the fleet \(2 of 3 locations current; lagging: IAD\)/);
  expect(result.stdout).toMatch(/change +emergency on, \S+Z by oncall@laptop.*5xx .*spike/);
  expect(result.stdout).toMatch(/AMS +current/);
  expect(result.stdout).toMatch(/IAD +lagging +over \d+ s +\d+ +\d+, last \S+Z by RESET/);
  expect(result.stdout).toMatch(/not known SIN: no request since the change/);
  expect(result.stdout).not.toContain("\u001b");
});

describe("not claimed", () => {
  test("without metrics", async () => {
    await lane.sandbox.control.addFault({
      kind: "server-error",
      match: { pathContains: "analytics_engine" },
    });
    const result = await run("--timeout", ENOUGH_S, "--json");
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 24 });
    const report = JSON.parse(result.stdout);
    expect(report).toMatchObject({ fleet: { complete: false, holds_until: null } });
    expect(report.truth).toMatch(/live at every \/qa.*other locations are unknown/);
  });

  test("without a dataset", async () => {
    const without = await writeConfig(lane, { dataset: undefined });
    const result = await runHere(["verify", "--fleet", "--config", without], {
      env: { ...lane.env, ...tokenEnv(lane.sandbox) },
    });
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 2 });
    expect(result.stderr).toMatch(
      /no "dataset"[\s\S]*other locations are unknown[\s\S]*next: pixcanary doctor /,
    );
  });

  test("when somebody else writes meanwhile", async () => {
    const { control } = lane.sandbox;
    lag("IAD", 600_000);
    change();
    control.forgetRequests();
    const watching = run("--timeout", AMPLE_S);
    await vi.waitUntil(
      () => control.requests().some(({ path }) => path.includes("analytics_engine")),
      PATIENCE,
    );
    change();
    const result = await watching;
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 25 });
    expect(result.stderr).toMatch(/the state was changed meanwhile: .*tester/);
  });
});
