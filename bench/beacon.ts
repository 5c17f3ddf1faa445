/**
 * How fast a stop is everywhere while KV lags 60 s, and how often the beacon is asked for it. The lag of purges is
 * the sandbox's own: 50 to 300 ms.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Pool } from "undici";
import type { SandboxDescription } from "../src/sandbox/index.ts";
import { type Goal, spread } from "./statistics.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SANDBOX = fileURLToPath(new URL("sandbox-process.ts", import.meta.url));
const ROUNDS = Number(process.env.BENCH_BEACON_ROUNDS ?? 50);
const COLOS = ["FRA", "IAD", "AMS", "SIN", "GRU", "NRT", "SYD", "LHR", "CDG", "ORD"];
const RATES = [10, 100, 1_000];
const LOAD_S = 15;
/** Between two visitors of one location. */
const VISIT_MS = 20;
const LIMIT_MS = 30_000;

export async function benchBeacon(): Promise<Goal[]> {
  const goals: Goal[] = [];
  for (const locations of [3, 10]) {
    const measured = await inSandbox(COLOS.slice(0, locations), (given) => stops(given));
    console.log(`  ${locations} locations, KV 60 s late   ${spread(measured, "s")}`);
    const what = `not-aus until the last of ${locations} refuses native, worst, s`;
    goals.push({ what, value: Math.max(...measured), reach: { most: 3 } });
  }
  await inSandbox(COLOS.slice(0, 3), async (given) => {
    for (const rate of RATES) {
      const { offered, objects, api } = await underLoad(given, rate);
      const figures = `${objects.toFixed(0)} calls of the beacon, ${api.toFixed(0)} of the API per min`;
      console.log(`  3 locations, ${offered.toFixed(0)} requests/s: ${figures}`);
      const most = (3 * 60) / 10;
      const what = `calls of the beacon per min at ${rate} requests/s`;
      goals.push({ what, value: objects, reach: { most: most * 1.5 } });
    }
  });
  return goals;
}

async function inSandbox<T>(
  locations: readonly string[],
  work: (given: { d: SandboxDescription; home: string }) => Promise<T>,
): Promise<T> {
  const sandbox = spawn(process.execPath, [SANDBOX, ...locations], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const home = await mkdtemp(join(tmpdir(), "pixcanary-bench-"));
  try {
    const [line] = (await once(createInterface({ input: sandbox.stdout }), "line")) as [string];
    return await work({ d: JSON.parse(line) as SandboxDescription, home });
  } finally {
    sandbox.stdin.end();
    await once(sandbox, "exit");
    await rm(home, { recursive: true, force: true });
  }
}

interface Given {
  d: SandboxDescription;
  home: string;
}

/** Seconds from the start of the process until the last location has sent a visitor to proxy for the emergency. */
async function stops({ d, home }: Given): Promise<number[]> {
  const measured: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    await goBack(d);
    const startedMs = performance.now();
    const command = [join(ROOT, "bin/pixcanary.js"), "not-aus", "--config", d.configPath];
    const child = spawn(process.execPath, command, {
      stdio: "ignore",
      env: { PATH: process.env.PATH, HOME: home, CLOUDFLARE_API_TOKEN: d.apiToken },
    });
    const ended = once(child, "exit");
    await Promise.all(d.locations.map(({ url }) => until(url, (reason) => reason === "emergency")));
    // The first one warms up.
    if (round > 0) measured.push((performance.now() - startedMs) / 1_000);
    await ended;
  }
  return measured;
}

async function until(url: string, isSo: (reason: string) => boolean): Promise<void> {
  for (const startedMs = performance.now(); performance.now() - startedMs < LIMIT_MS; ) {
    const answer = await fetch(`${url}/api/listings`);
    await answer.body?.cancel();
    const reason = /reason=(\w+)/.exec(answer.headers.get("x-pix-canary") ?? "")?.[1] ?? "";
    if (isSo(reason)) return;
    await pause(VISIT_MS);
  }
  throw new Error(`${url}: not within ${LIMIT_MS / 1_000} s`);
}

/** The stop that is stored is released by its name; everything arrives at once, and what comes then is late again. */
async function goBack(d: SandboxDescription): Promise<void> {
  const lag = (ms: number, more: object = {}) =>
    control(d, "PUT", "/kv", { lagMs: { min: ms, max: ms }, ...more });
  await lag(0, { catchUp: true });
  const kv = `${d.apiBaseUrl}/accounts/${d.accountId}/storage/kv/namespaces/${d.kvNamespaceId}/values`;
  const headers = { authorization: `Bearer ${d.apiToken}` };
  const stored = (await (await fetch(`${kv}/stop`, { headers })).json()) as { id?: string };
  const at = new Date().toISOString();
  const names = { id: stored.id, at, stops: [{ id: stored.id }] };
  const config = { canary_percent: 100, canary_tag: "B2a", emergency_proxy: false };
  const documents = {
    stop: { active: false, id: `bench-${at}`, at, by: "bench", releases: names },
    config: {
      ...config,
      last_updated: at,
      revision: `bench-${at}`,
      updated_by: "bench",
      lifts: names.stops,
    },
  };
  for (const [key, document] of Object.entries(documents)) {
    const body = JSON.stringify(document);
    const answer = await fetch(`${kv}/${key}`, { method: "PUT", headers, body });
    if (!answer.ok) throw new Error(`${key}: HTTP ${answer.status}`);
    await answer.body?.cancel();
  }
  await Promise.all(d.locations.map(({ url }) => until(url, (reason) => reason === "sampled")));
  await lag(60_000);
}

async function control(
  { controlUrl }: SandboxDescription,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const given = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(controlUrl + path, { method, ...given });
  if (!answer.ok) throw new Error(`${method} ${path}: HTTP ${answer.status}`);
  return answer.json();
}

/** Calls per minute while visitors come at this rate to all locations together; what was really offered per second. */
async function underLoad(
  { d }: Given,
  rate: number,
): Promise<{ offered: number; objects: number; api: number }> {
  const counted = async () => {
    const { beacon, api } = (await control(d, "GET", "/state")) as {
      beacon: { calls: number };
      api: { requests: number };
    };
    return { objects: beacon.calls, api: api.requests };
  };
  const before = await counted();
  const pools = d.locations.map(({ url }) => new Pool(url, { connections: 16 }));
  const startedMs = performance.now();
  const waiting = new Set<Promise<void>>();
  let sent = 0;
  while (performance.now() - startedMs < LOAD_S * 1_000) {
    const due = ((performance.now() - startedMs) / 1_000) * rate;
    for (; sent < due && waiting.size < 200; sent += 1) {
      const pool = pools[sent % pools.length];
      const visit = visitOnce(pool).finally(() => waiting.delete(visit));
      waiting.add(visit);
    }
    await pause(5);
  }
  await Promise.all(waiting);
  const minutes = (performance.now() - startedMs) / 60_000;
  const after = await counted();
  await Promise.all(pools.map((pool) => pool.close()));
  return {
    offered: sent / (minutes * 60),
    objects: (after.objects - before.objects) / minutes,
    api: (after.api - before.api) / minutes,
  };
}

async function visitOnce(pool: Pool | undefined): Promise<void> {
  const answer = await pool?.request({ path: "/api/listings", method: "GET" });
  await answer?.body.dump();
}
