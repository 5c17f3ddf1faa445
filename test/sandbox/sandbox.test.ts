/** The whole sandbox: the real Worker at several locations, steered through the API. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type QaDocument, qaSchema } from "../../src/domain/proof/qa-document.ts";
import type { CaughtPoint, Sandbox, TrafficReport } from "../../src/sandbox/index.ts";
import { startSandbox } from "../../src/sandbox/index.ts";
import { PAGES_ORIGIN } from "../../src/sandbox/types.ts";
import { untilLive } from "../support/live.ts";
import { PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";

const NO_LAG = { min: 0, max: 0 };
let sandbox: Sandbox;

beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({ lagMs: NO_LAG, rateLimits: false, logs: false, seed: 7 });
});
afterAll(() => sandbox.close());
afterEach(async () => {
  await sandbox.control.heal();
  sandbox.control.setKv({ lagMs: NO_LAG, catchUp: true });
  await putLive({ percent: 10 });
});

async function api(path: string, init: RequestInit = {}): Promise<Response> {
  const { apiBaseUrl, accountId, apiToken } = sandbox.description;
  const headers = { authorization: `Bearer ${apiToken}`, ...init.headers };
  return fetch(`${apiBaseUrl}/accounts/${accountId}${path}`, { ...init, headers });
}

async function putState(state: {
  percent: number;
  emergency?: boolean;
  revision?: string;
}): Promise<void> {
  const body = JSON.stringify({
    canary_percent: state.percent,
    canary_tag: "B2a",
    emergency_proxy: state.emergency ?? false,
    last_updated: new Date().toISOString(),
    ...(state.revision === undefined ? {} : { revision: state.revision }),
  });
  const path = `/storage/kv/namespaces/${sandbox.description.kvNamespaceId}/values/config`;
  expect((await api(path, { method: "PUT", body })).status).toBe(200);
  for (const { colo } of sandbox.description.locations) await qa(colo);
}

/** Visitors everywhere are decided by it from now on. */
async function putLive(state: { percent: number; revision?: string }): Promise<void> {
  await putState(state);
  await untilLive(sandbox.description, state);
}

async function qa(colo: string) {
  const { edgeUrl, qaToken } = sandbox.description;
  const headers = { authorization: `Bearer ${qaToken}`, "x-sandbox-location": colo };
  const response = await fetch(`${edgeUrl}/qa`, { headers });
  return qaSchema().parse(await response.json());
}

/** A look waits 250 ms for KV, and then shows what the isolate remembers. */
async function untilShown(colo: string, wanted: Partial<QaDocument["canary"]>): Promise<void> {
  await expect.poll(async () => (await qa(colo)).canary, PATIENCE).toMatchObject(wanted);
}

const native = { "x-canary": "1" };
const loggedIn = () => ({ ...native, cookie: sandbox.description.session });

describe("locations", () => {
  test("each answers with its own colo, directly and behind the one address", async () => {
    for (const { colo, url } of sandbox.description.locations) {
      await untilShown(colo, { percent: 10, source: "kv" });
      expect((await qa(colo)).colo).toBe(colo);
      const direct = await fetch(`${url}/qa`, {
        headers: { authorization: `Bearer ${sandbox.description.qaToken}` },
      });
      expect(await direct.json()).toMatchObject({ colo, canary: { percent: 10, source: "kv" } });
    }
    const headers = { "x-sandbox-location": "XXX" };
    expect((await fetch(sandbox.description.edgeUrl, { headers })).status).toBe(400);
  });

  test("a write reaches a location when its lag is over, and no other one before", async () => {
    sandbox.control.setKv({ lagMs: { min: 600_000, max: 600_000 }, location: "AMS" });
    await putState({ percent: 33 });
    await untilShown("FRA", { percent: 33 });
    expect((await qa("AMS")).canary.percent).toBe(10);
    sandbox.control.setKv({ catchUp: true });
    await untilShown("AMS", { percent: 33 });
    sandbox.control.setKv({ lagMs: NO_LAG, location: "AMS" });
  });

  test("a location whose KV throws or hangs still answers, and says so", async () => {
    sandbox.control.setKv({ reads: "throw", location: "IAD" });
    await untilShown("IAD", { source: "last-good" });
    sandbox.control.setKv({ reads: "hang", location: "IAD" });
    expect((await qa("IAD")).canary.source).toBe("last-good");
    await untilShown("FRA", { source: "kv" });
  });

  test("a frozen location keeps the old state", async () => {
    sandbox.control.setKv({ frozen: true, location: "AMS" });
    await putState({ percent: 0, emergency: true });
    await untilShown("FRA", { emergency_proxy: true });
    expect((await qa("AMS")).canary.emergency_proxy).toBe(false);
    sandbox.control.setKv({ frozen: false });
    await untilShown("AMS", { emergency_proxy: true });
  });
});

/** On a busy machine native may run into a limit of its own, and proxy or nobody answers in its place. */
function brokenByLimits({ failed, fellBack }: TrafficReport["flows"]): number {
  const unanswered = Object.entries(failed).filter(([step]) => / (0|502)$/.test(step));
  return unanswered.reduce((sum, [, count]) => sum + count, fellBack.broken);
}

describe("upload flows", () => {
  test("sticky visitors keep their backend while the share changes", async () => {
    await putLive({ percent: 50 });
    const running = sandbox.control.runUploadFlows({ count: 150, concurrency: 10 });
    for (const percent of [20, 80, 40]) await putState({ percent });
    const { flows, requests } = await running;
    expect(flows).toMatchObject({ started: 150, drifts: 0, moved: { ok: 0, broken: 0 } });
    expect(flows.completed + brokenByLimits(flows), JSON.stringify(flows)).toBe(150);
    expect(Object.keys(requests.byCohort)).toEqual(expect.arrayContaining(["native", "proxy"]));
  });

  test("mixed cohorts really break an upload", async () => {
    await putLive({ percent: 50 });
    const { flows } = await sandbox.control.runUploadFlows({ count: 60, keepCookies: false });
    expect(flows.moved.broken).toBeGreaterThan(0);
    const sum = flows.completed + flows.moved.broken + brokenByLimits(flows);
    expect(sum, JSON.stringify(flows)).toBe(60);
    expect(flows.drifts).toBe(0);
  });

  test("a stop in the middle moves native visitors, and they are counted", async () => {
    const intents = () => sandbox.control.points().filter((p) => p.blobs[0] === "intent").length;
    const stopped = async (thinkMs: number) => {
      await putLive({ percent: 100 });
      const before = intents();
      const running = sandbox.control.runUploadFlows({ count: 20, concurrency: 20, thinkMs });
      await expect.poll(() => intents() - before, PATIENCE).toBeGreaterThan(0);
      await putState({ percent: 0, emergency: true });
      const { flows } = await running;
      expect(flows.drifts).toBe(0);
      return flows.moved.ok + flows.moved.broken;
    };
    // Until it comes before the last step, however long it takes here.
    let moved = 0;
    for (const thinkMs of [1_000, 4_000, 16_000, 60_000]) moved ||= await stopped(thinkMs);
    expect(moved).toBeGreaterThan(0);
  });

  test("traffic runs until it is stopped, and reports by cohort and status", async () => {
    await putLive({ percent: 50 });
    await sandbox.control.startTraffic({ visitors: 10, ratePerS: 100, actionsPerVisitor: 3 });
    await vi.waitFor(() => {
      const { requests, visitors } = sandbox.control.trafficReport();
      expect(requests.total).toBeGreaterThan(40);
      expect(visitors).toBeGreaterThan(10);
      expect(Object.keys(requests.byCohort)).toEqual(expect.arrayContaining(["native", "proxy"]));
    }, PATIENCE);
    const report = await sandbox.control.stopTraffic();
    expect(report.running).toBe(false);
    expect(sandbox.control.trafficReport()).toEqual(report);
  });
});

describe("faults behind the Worker", () => {
  const jobs = (path = "/api/jobs") =>
    fetch(sandbox.description.edgeUrl + path, { headers: loggedIn() });

  test("native errors fall back to proxy, and count as errors of native", async () => {
    sandbox.control.setNative({ errorShare: 1 });
    const before = sandbox.control.points().length;
    const response = await jobs();
    expect(response.status).toBe(200);
    expect(response.headers.get("x-pix-decision")).toContain("fell back to proxy");
    await expect
      .poll(() => sandbox.control.points().slice(before), PATIENCE)
      .toContainEqual(expect.objectContaining({ doubles: [500, expect.any(Number)] }));
  });

  test("native errors after the body are an honest 502", async () => {
    sandbox.control.setNative({ errorShare: 1, failAfterBody: true });
    const url = `${sandbox.description.edgeUrl}/api/pixcapture/upload/intent`;
    const body = JSON.stringify({ filename: "a.jpg", content_type: "image/jpeg", size: 1 });
    expect((await fetch(url, { method: "POST", headers: loggedIn(), body })).status).toBe(502);
  });

  test("database and R2 down are seen by /qa and in the points", async () => {
    sandbox.control.setNative({ databaseDown: true });
    const response = await jobs();
    expect(response.headers.get("x-pix-decision")).toContain("fell back to proxy");
    await expect
      .poll(() => sandbox.control.points().some(({ blobs }) => blobs[0] === "db_failure"), PATIENCE)
      .toBe(true);
    sandbox.control.setNative({ databaseDown: false, r2Down: true });
    // Who goes native is drawn: go on until somebody has.
    const failed = async () => {
      await sandbox.control.runUploadFlows({ count: 30 });
      return sandbox.control.points().some(({ blobs }) => blobs[0] === "r2_failure");
    };
    await expect.poll(failed, PATIENCE).toBe(true);
  });

  test("an origin that is down, fails, refuses preflights, or works", async () => {
    const other = (init = {}) => fetch(`${sandbox.description.edgeUrl}/api/other`, init);
    expect(await (await other()).json()).toMatchObject({ backend: "legacy", path: "/api/other" });
    const headers = { origin: PAGES_ORIGIN, "access-control-request-method": "POST" };
    const preflight = async () => {
      const answer = await other({ method: "OPTIONS", headers });
      return [answer.status, answer.headers.get("access-control-allow-origin")];
    };
    expect(await preflight()).toEqual([204, PAGES_ORIGIN]);
    sandbox.control.setOrigin({ preflightsRefused: true });
    expect(await preflight()).toEqual([403, null]);
    expect((await other()).status).toBe(200);
    sandbox.control.setOrigin({ errorShare: 1 });
    expect((await other()).status).toBe(500);
    sandbox.control.setOrigin({ down: true });
    expect((await other()).status).toBe(502);
  });

  test("each decided request leaves one point of kind request, at its location", async () => {
    const revision = "01REVISIONOFTHISTEST";
    await putLive({ percent: 10, revision });
    const places = () => {
      const mine = ({ blobs }: CaughtPoint) => blobs[0] === "request" && blobs.includes(revision);
      const other = ({ blobs }: CaughtPoint) => blobs.includes("/api/*");
      const points = sandbox.control.points().filter((point) => mine(point) && other(point));
      return points.map(({ colo }) => colo);
    };
    const headers = { "x-sandbox-location": "AMS" };
    for (let i = 0; i < 25; i++) {
      await (await fetch(`${sandbox.description.edgeUrl}/api/other`, { headers })).text();
    }
    await expect.poll(places, PATIENCE).toEqual(Array(25).fill("AMS"));
  });
});

test("the WebSocket upgrade passes through the front, the Worker and the proxy", async () => {
  const url = `${sandbox.description.edgeUrl.replace("http", "ws")}/api/ws`;
  const socket = new WebSocket(url);
  const echoed = await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => reject(new Error("no WebSocket"));
  });
  socket.close();
  expect(echoed).toBe("hello");
});

test("the cron handler can be run at a location", async () => {
  await expect(sandbox.control.runScheduled("AMS")).resolves.toBeUndefined();
});

test("what the Workers print is caught, and not printed", async () => {
  const wanted = () => sandbox.control.logLines().some((line) => line.includes('"rayID"'));
  await expect.poll(wanted, PATIENCE).toBe(true);
});

const servers = () =>
  process.getActiveResourcesInfo().filter((resource) => resource === "TCPServerWrap").length;

test("a start that fails ends what it had started, and wrong options are named", async () => {
  const before = servers();
  const databaseUrl = "postgres://postgres:postgres@127.0.0.1:1/postgres";
  await expect(startSandbox({ databaseUrl })).rejects.toThrow("ECONNREFUSED");
  await expect.poll(servers, PATIENCE).toBe(before);
  await expect(startSandbox({ locations: ["FRA", "FRA"] })).rejects.toThrow("must differ");
  await expect(startSandbox({ lagMs: { min: 2, max: 1 } })).rejects.toThrow("min must not exceed");
});

test("closing leaves no port, no file and no process behind, even under every fault", async () => {
  const children = () => process.getActiveResourcesInfo().filter((r) => r === "ProcessWrap").length;
  const before = { children: children(), servers: servers() };
  const folder = await mkdtemp(join(tmpdir(), "pixcanary-closing-"));
  vi.stubEnv("TMPDIR", folder);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });
  const other = await startSandbox({ locations: ["FRA"], lagMs: NO_LAG });
  expect(await readdir(folder)).not.toEqual([]);
  expect(children()).toBeGreaterThan(before.children);
  expect(servers()).toBeGreaterThan(before.servers);
  const { control, description } = other;
  await control.startTraffic({ ratePerS: 100, thinkMs: 5_000 });
  await control.addFault({ kind: "hang" });
  control.setKv({ reads: "hang" });
  control.setNative({ databaseLatencyMs: 5_000 });
  const hanging = fetch(`${description.apiBaseUrl}/user`, {
    headers: { authorization: "Bearer x" },
  });
  hanging.catch(() => undefined);
  await other.close();
  await other.close();
  await expect(hanging).rejects.toThrow();
  // The ports that it had may be another process's by now: only what is still ours counts.
  await expect.poll(() => ({ children: children(), servers: servers() }), PATIENCE).toEqual(before);
  expect(await readdir(folder)).toEqual([]);
});
