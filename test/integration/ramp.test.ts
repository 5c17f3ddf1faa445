/**
 * Ramps by the real program against the real Worker, in real time: locations that lag, visitors who come
 * and go, steps of seconds. A "minute" of the policy is one second here.
 */
import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { RampDocument } from "../../src/domain/ramp-document.ts";
import { parseRamp } from "../../src/domain/ramp-document.ts";
import { parseConfig } from "../../src/domain/state.ts";
import type { CaughtPoint } from "../../src/sandbox/edge/services.ts";
import type { SandboxControl } from "../../src/sandbox/index.ts";
import { type CliResult, ensureCli, runCli } from "../support/cli.ts";
import { untilReady } from "../support/live.ts";
import { PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { configText, resetLane, startLane, stopIsStored, tokenEnv, writeConfig } from "./lane.ts";

const POLICY = {
  bucketSeconds: 1,
  settleSeconds: 0,
  minNativeRequests: 4,
  errorRateCritical: { minErrors: 1 },
  errorRateWarning: { minErrors: 1 },
  // Latencies of a busy machine are not what is tested.
  p90OverProxyCritical: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90OverProxyWarning: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90Warning: { limitMs: 60_000, minNativeRequests: 1 },
};
const RATE_PER_S = 50;

let lane: Lane;
let control: SandboxControl;
let config = "";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA", "AMS", "IAD"] });
  await untilReady(lane.sandbox.description);
  control = lane.sandbox.control;
  config = await writeConfig(lane, { dataset: "canary_requests", policy: POLICY });
});
afterAll(async () => {
  await control?.stopTraffic();
  await lane?.close();
});
beforeEach(async () => {
  await control.stopTraffic();
  await resetLane(lane);
  control.setKv({ lagMs: { min: 0, max: 800 } });
  await control.forgetPoints();
  // New visitors all the time: the share is about them.
  await control.startTraffic({
    visitors: 60,
    ratePerS: RATE_PER_S,
    mix: { upload: 0, jobs: 1, other: 0 },
    actionsPerVisitor: 2,
  });
});

function run(words: string, onStart?: (child: ChildProcess) => void): Promise<CliResult> {
  const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
  const args = [...words.split(" "), "--config", config];
  return runCli(args, { env, ...(onStart === undefined ? {} : { onStart }) });
}

const ramp = (): RampDocument | null => parseRamp(control.store.text("ramp"));

function until(step: number, phase: RampDocument["phase"] = "hold"): Promise<void> {
  return vi.waitFor(
    () => expect(ramp()).toMatchObject({ state: "running", step, phase }),
    PATIENCE,
  );
}

interface Drawn {
  native: number;
  all: number;
}

/** Visitors that this revision drew. */
function drawnBy(revision: string): Drawn {
  const drawn = control
    .points()
    .filter(({ blobs }) => blobs[6] === revision && blobs[3] === "sampled");
  return { native: drawn.filter(isNative).length, all: drawn.length };
}

function isNative({ blobs }: CaughtPoint): boolean {
  return blobs[1] === "native";
}

test("a healthy ramp goes from 5 to 100 %, and each step reaches its share of new visitors", async () => {
  lane.newestMs += 1;
  const last_updated = new Date(lane.newestMs).toISOString();
  control.store.put("config", configText(1, { last_updated, revision: "ONE" }));
  const result = await run(
    "ramp start --plan 5:3s,40:2s,100:2s --min-requests 4 --yes --reason up",
  );
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
  const done = ramp();
  expect(done).toMatchObject({ state: "done", step: 2 });
  const shares = (done?.plan ?? []).map(({ percent, revision }) => {
    const { native, all } = drawnBy(revision);
    const p = percent / 100;
    const fourSigma = 400 * Math.sqrt((p * (1 - p)) / all);
    expect(all).toBeGreaterThan(40);
    expect(Math.abs((native * 100) / all - percent)).toBeLessThanOrEqual(Math.max(1, fourSigma));
    return `${percent} %: ${((native * 100) / all).toFixed(1)} % of ${all}`;
  });
  console.log(`ramp: ${shares.join(", ")}`);
  const stored = parseConfig(control.store.text("config"));
  expect(stored).toMatchObject({ kind: "valid", value: { canary_percent: 100 } });
});

test("native fails at the third step: the stop is pulled, and fewer than its share were served badly", async () => {
  const running = run(
    "ramp start --plan 20:2s,40:2s,70:60s,100 --min-requests 4 --yes --reason up",
  );
  await until(2);
  const before = control.trafficReport().requests.total;
  control.setNative({ errorShare: 1 });
  const result = await running;
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 20 });
  expect(result.stdout).toMatch(/not-aus: error rate, critical/);
  expect(stopIsStored(lane.sandbox)).toBe(true);
  expect(ramp()).toMatchObject({ state: "failed" });
  const served = control.trafficReport().requests.total - before;
  const bad = control
    .points()
    .filter((point) => isNative(point) && (point.doubles[0] ?? 0) >= 500).length;
  // Without the gate, the step's minute would have gone on like this.
  const exposed = Math.round(RATE_PER_S * 60 * 0.7);
  console.log(`ramp: ${bad} bad of ${served} requests; ${exposed} in the step's whole minute`);
  expect(bad).toBeGreaterThan(0);
  expect(bad).toBeLessThan(exposed / 2);
});

test("a stop from another process ends the ramp at once, and its author is named", async () => {
  const running = run("ramp start --plan 30:600s,100 --min-requests 4 --yes --reason up");
  await until(0);
  expect(await run("not-aus --reason elsewhere")).toMatchObject({ code: 0 });
  const result = await running;
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 25 });
  expect(result.stderr).toMatch(/the stop was pulled at .*"elsewhere"/);
  expect(lane.written.filter((key) => key === "config")).toHaveLength(2);
});

test("killed again and again, and resumed: each step is written once", async () => {
  const start = "ramp start --plan 15:2s,40:2s,100 --force --yes --reason killed";
  const kill = async (words: string, when: () => Promise<unknown>) => {
    let child: ChildProcess | null = null;
    const running = run(words, (started) => {
      child = started;
    });
    await when();
    (child as ChildProcess | null)?.kill("SIGKILL");
    return running;
  };
  const share = (percent: number) => () =>
    vi.waitFor(() => {
      const stored = parseConfig(control.store.text("config"));
      expect(stored).toMatchObject({ kind: "valid", value: { canary_percent: percent } });
    }, PATIENCE);
  // Right after a write, while it waits for a location, and in the middle of a hold.
  expect(await kill(start, share(15))).toMatchObject({ signal: "SIGKILL" });
  expect(await kill("ramp resume --yes", () => until(0))).toMatchObject({ signal: "SIGKILL" });
  expect(await kill("ramp resume --yes", share(40))).toMatchObject({ signal: "SIGKILL" });
  const result = await run("ramp resume --yes");
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
  expect(ramp()).toMatchObject({ state: "done", step: 2 });
  expect(lane.written.filter((key) => key === "config")).toHaveLength(3);
  const { keys } = control.store.list({ prefix: "journal/", limit: 1_000 });
  const revisions = ramp()?.plan.map(({ revision }) => revision) ?? [];
  const entries = keys
    .map(({ name }) => name)
    .filter((name) => revisions.some((r) => name.endsWith(r)));
  expect(entries).toHaveLength(3);
});

test("a laptop that dies: the Worker falls back by itself, and the ramp can still be ended", async () => {
  let process: ChildProcess | null = null;
  const running = run(
    "ramp start --plan 40:600s,100 --min-requests 4 --lease 6s --yes --reason up",
    (child) => {
      process = child;
    },
  );
  await until(0);
  (process as ChildProcess | null)?.kill("SIGKILL");
  expect(await running).toMatchObject({ signal: "SIGKILL" });
  const shown = await run("ramp status --json");
  expect(JSON.parse(shown.stdout)).toMatchObject({ alive: false, ramp: { state: "running" } });
  await vi.waitFor(async () => expect(await sharesAtQa()).toEqual([10, 10, 10]), PATIENCE);
  const again = await run("ramp start --plan 50:1s,100 --yes --reason again");
  expect(again.code, again.stderr).toBe(25);
  const ended = await run("ramp abort --reason gone");
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 });
  expect(ramp()).toMatchObject({ state: "aborted" });
});

async function sharesAtQa(): Promise<unknown[]> {
  const headers = { authorization: `Bearer ${lane.sandbox.description.qaToken}` };
  return Promise.all(
    lane.sandbox.description.locations.map(async ({ url }) => {
      const answer = await fetch(`${url}/qa?health=cached`, { headers });
      const { canary } = (await answer.json()) as { canary: { percent: unknown } };
      return canary.percent;
    }),
  );
}
