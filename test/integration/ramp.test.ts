/**
 * Ramps by the real program against the real Worker, in real time: locations that lag, visitors who come
 * and go, steps of seconds. A "minute" of the policy is four seconds here.
 */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { RampDocument } from "../../src/domain/ramp/document.ts";
import { parseRamp } from "../../src/domain/ramp/document.ts";
import { parseConfig } from "../../src/domain/state/documents.ts";
import type { CaughtPoint } from "../../src/sandbox/edge/services.ts";
import type { SandboxControl } from "../../src/sandbox/index.ts";
import { type CliResult, ensureCli, runCli } from "../support/cli.ts";
import { untilReady } from "../support/live.ts";
import { storedPoint } from "../support/metric-points.ts";
import { PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { configText, resetLane, startLane, stopIsStored, tokenEnv, writeConfig } from "./lane.ts";

const POLICY = {
  bucketSeconds: 4,
  settleSeconds: 0,
  minNativeRequests: 4,
  errorRateCritical: { minErrors: 1 },
  errorRateWarning: { minErrors: 1 },
  // Latencies of a busy machine are not what is tested.
  p90OverProxyCritical: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90OverProxyWarning: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90Warning: { limitMs: 60_000, minNativeRequests: 1 },
};
const PER_S = 5;
const WEIGHT = 100;

let lane: Lane;
let control: SandboxControl;
let config = "";
let recorder: NodeJS.Timeout | undefined;
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA", "AMS", "IAD"] });
  await untilReady(lane.sandbox.description);
  control = lane.sandbox.control;
  config = await writeConfig(lane, { dataset: "canary_requests", policy: POLICY });
  recorder = setInterval(record, 200);
});
afterAll(async () => {
  clearInterval(recorder);
  await control?.stopTraffic();
  await lane?.close();
});
beforeEach(async () => {
  // Until all is forgotten nothing is recorded: it would be of the test before.
  recordedS = Number.POSITIVE_INFINITY;
  await control.stopTraffic();
  await resetLane(lane);
  control.setKv({ lagMs: { min: 0, max: 800 } });
  await control.forgetPoints();
  nativeStatus = 200;
  recordedS = Math.floor(Date.now() / 1_000) - 60;
  record();
});

let nativeStatus = 200;
let recordedS = Number.POSITIVE_INFINITY;

/**
 * What the gate judges: the same number of requests in each second, decided by the stored revision, made
 * up for when this process was late. Beside them, what real visitors measure is nothing.
 */
function record(): void {
  const stored = parseConfig(control.store.text("config"));
  const revision = stored.kind === "valid" ? (stored.value.revision ?? null) : null;
  const rows = [];
  for (const nowS = Math.floor(Date.now() / 1_000); recordedS < nowS; recordedS += 1) {
    for (let nth = 0; nth < PER_S * 2; nth += 1) {
      const own =
        nth % 2 === 0 ? { status: nativeStatus } : { cohort: "proxy" as const, status: 200 };
      const { index, ...row } = storedPoint(
        recordedS * 1_000 + 999,
        { ...own, revision },
        { sampleInterval: WEIGHT },
      );
      rows.push({ ...row, blobs: [...row.blobs], doubles: [...row.doubles], indexes: [index] });
    }
  }
  if (rows.length > 0) control.addPoints(rows);
}

function run(words: string, onStart?: (child: ChildProcess) => void): Promise<CliResult> {
  const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
  const args = [...words.split(" "), "--config", config];
  return runCli(args, { env, ...(onStart === undefined ? {} : { onStart }) });
}

const ramp = (): RampDocument | null => parseRamp(control.store.text("ramp"));

/** Until the ramp that this run carries out has got there; throws what it said when it ends before. */
async function until(step: number, running: Promise<CliResult>): Promise<void> {
  const over = new AbortController();
  const early = running.then(({ stdout, stderr }) => {
    over.abort();
    throw new Error(`it ended before step ${step}: ${stdout}${stderr}`);
  });
  const there = vi.waitFor(() => {
    if (over.signal.aborted) return;
    expect(ramp()).toMatchObject({ state: "running", step, phase: "hold" });
  }, PATIENCE);
  early.catch(() => undefined);
  await Promise.race([early, there]);
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
  // New visitors all the time: the share is about them.
  await control.startTraffic({
    visitors: 60,
    ratePerS: 50,
    mix: { upload: 0, jobs: 1, other: 0 },
    actionsPerVisitor: 2,
  });
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
    // And 4 draws for the skew of so few at so small a share, however few they were.
    const fourSigma = 4 * Math.sqrt(all * p * (1 - p)) + 4;
    expect(Math.abs(native - all * p)).toBeLessThanOrEqual(fourSigma);
    return `${percent} %: ${((native * 100) / all).toFixed(1)} % of ${all}`;
  });
  console.log(`ramp: ${shares.join(", ")}`);
  const stored = parseConfig(control.store.text("config"));
  expect(stored).toMatchObject({ kind: "valid", value: { canary_percent: 100 } });
});

test("native fails at the third step: the stop is pulled", async () => {
  const running = run(
    "ramp start --plan 20:1s,40:1s,70:600s,100 --min-requests 4 --yes --reason up",
  );
  await until(2, running);
  nativeStatus = 500;
  const result = await running;
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 20 });
  expect(result.stdout).toMatch(/not-aus: error rate, critical/);
  expect(stopIsStored(lane.sandbox)).toBe(true);
  expect(ramp()).toMatchObject({ state: "failed", step: 2 });
});

test("a stop from another process ends the ramp at once, and its author is named", async () => {
  const running = run("ramp start --plan 30:600s,100 --min-requests 4 --yes --reason up");
  await until(0, running);
  expect(await run("not-aus --reason elsewhere")).toMatchObject({ code: 0 });
  const result = await running;
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 25 });
  expect(result.stderr).toMatch(/a stop was set at .*"elsewhere"/);
  expect(lane.written.filter((key) => key === "config")).toHaveLength(2);
});

test("killed again and again, and resumed: each step is written once", async () => {
  const start = "ramp start --plan 15:2s,40:2s,100 --force --yes --reason killed";
  let child: ChildProcess | null = null;
  let moment = (_key: string, _text: string): boolean => false;
  // In the middle of the write: its answer does not reach the program any more.
  control.store.onWrite(({ key, entry }) => {
    const text = entry === null ? "" : new TextDecoder().decode(entry.value);
    if (moment(key, text)) child?.kill("SIGKILL");
  });
  const kill = async (words: string, when: typeof moment) => {
    moment = when;
    const result = await run(words, (started) => {
      child = started;
    });
    moment = () => false;
    return result;
  };
  const share = (percent: number) => (key: string, text: string) => {
    const config = key === "config" ? parseConfig(text) : null;
    return config?.kind === "valid" && config.value.canary_percent === percent;
  };
  const held = (key: string, text: string) =>
    key === "ramp" && parseRamp(text)?.step === 0 && parseRamp(text)?.phase === "hold";
  // Right after a share was written, at the beginning of a hold, and after the next share.
  expect(await kill(start, share(15))).toMatchObject({ signal: "SIGKILL" });
  expect(await kill("ramp resume --yes", held)).toMatchObject({ signal: "SIGKILL" });
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
    "ramp start --plan 40:600s,100 --min-requests 4 --lease 12s --yes --reason up",
    (child) => {
      process = child;
    },
  );
  await until(0, running);
  (process as ChildProcess | null)?.kill("SIGKILL");
  expect(await running).toMatchObject({ signal: "SIGKILL" });
  const shown = await run("ramp status --json");
  const document = { alive: false, state: "silent", ramp: { state: "running" } };
  expect(JSON.parse(shown.stdout)).toMatchObject(document);
  const paused = await run("ramp pause --reason wait");
  expect(paused, paused.stdout + paused.stderr).toMatchObject({ code: 21 });
  expect(paused.stdout).toMatch(
    /has died; (?:the share stays at 40 % until .*, then the lease lowers it|at most 10 % is in force)/,
  );
  await vi.waitFor(async () => expect(await sharesAtQa()).toEqual([10, 10, 10]), PATIENCE);
  const again = await run("ramp start --plan 50:1s,100 --yes --reason again");
  expect(again.code, again.stderr).toBe(25);
  const ended = await run("ramp abort --reason gone");
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 });
  expect(ramp()).toMatchObject({ state: "aborted" });
});

test("killed, and taken over by three laptops at once on old reads: one goes on, and an abort ends it", async () => {
  const start = "ramp start --plan 15:600s,100 --force --yes --reason killed";
  let first: ChildProcess | null = null;
  const running = run(start, (child) => {
    first = child;
  });
  await until(0, running);
  (first as ChildProcess | null)?.kill("SIGKILL");
  await running;
  // Nothing has been heard of it for an hour.
  const updated_at = new Date(Date.now() - 3_600_000).toISOString();
  control.store.put("ramp", JSON.stringify({ ...ramp(), updated_at }));
  const path = { pathContains: "/values/ramp" };
  await control.setFaults([
    { kind: "stale-read", match: { method: "GET", ...path }, after: 3, times: 6 },
    { kind: "delay", ms: 300, match: { method: "PUT", ...path } },
  ]);
  const ended: CliResult[] = [];
  const laptops = ["ada", "bo", "cy"].map(async (name) => {
    const env = { ...lane.env, ...tokenEnv(lane.sandbox), XDG_STATE_HOME: join(lane.dir, name) };
    const args = ["ramp", "resume", "--yes", "--config", config];
    ended.push(await runCli(args, { env }));
  });
  await vi.waitFor(() => expect(ended).toHaveLength(2), PATIENCE);
  // Whoever comes after the first one has shown itself gets its answer, and leaves the ramp there.
  for (const { code, stdout, stderr } of ended) {
    expect(`${code} ${stdout}${stderr}`).toMatch(
      /^25 .*taken over by .* this process stops|^0 .*ramp resume: running on/s,
    );
  }
  expect(ramp()).toMatchObject({ state: "running", step: 0, phase: "hold" });
  expect(lane.written.filter((key) => key === "config")).toHaveLength(1);
  const aborted = await run("ramp abort --reason gone");
  expect(aborted, aborted.stdout + aborted.stderr).toMatchObject({ code: 0 });
  await Promise.all(laptops);
  expect(ended[2]?.stderr).toMatch(/aborted by .*: gone/);
  expect(ramp()).toMatchObject({ state: "aborted" });
  // The file of the first one still says that it is running.
  const shown = await run("ramp status");
  expect(shown, shown.stdout + shown.stderr).toMatchObject({ code: 25 });
  const again = await run("ramp start --plan 50:1s,100 --yes --reason again --dry-run");
  expect(again.stderr + again.stdout).not.toMatch(/already running/);
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
