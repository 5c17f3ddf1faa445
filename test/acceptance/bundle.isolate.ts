/**
 * Runs in workerd: the real bundle with KV, clock, chance and origin in our hands, so that ten
 * minutes of failing KV pass in a moment. Each order uses a copy of the bundle that is still cold.
 */
import type { Random } from "../../src/sandbox/random.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import { programOf } from "./program.ts";

export type KvMode = "answers" | "throws" | "answers 5xx" | "hangs" | "answers nonsense";

export type BundleOrder =
  | { kind: "fail"; copy: number; mode: KvMode; warm: boolean; requests: number }
  | { kind: "share"; copy: number; seed: number; draws: Record<string, number> }
  | { kind: "life"; copy: number; seed: number };

export interface FailResult {
  requests: number;
  /** By `cohort;reason`. */
  decisions: Record<string, number>;
  /** Answers that did not come from the origin. */
  notFromOrigin: number;
  threw: number;
  /** Since the last good read, when a request was last decided by it; null if none was. */
  lastGoodForMs: number | null;
  /** On the fake clock: what a request had to wait, at most and for how many. */
  longestWaitMs: number;
  waited: number;
  reads: number;
  /** Whether the configuration was in force again 10 s after KV had recovered. */
  recovered: boolean;
}

export interface LifeResult {
  /** `reason` and whether a cookie was set, by name of the moment. */
  moments: Record<string, string>;
}

interface WorkerModule {
  default: {
    fetch(request: Request, env: unknown, context: unknown): Response | Promise<Response>;
  };
}

const START_MS = Date.parse("2026-01-01T00:00:00Z");
const TAG_OF_TESTS = "B2a";

/** The isolate's clock, timers and chance, taken over. */
const world = {
  nowMs: START_MS,
  timers: new Map<number, { atMs: number; callback: () => void }>(),
  handles: 0,
  random: seededRandom(1) as Random,
};

function takeOver(): void {
  Date.now = () => world.nowMs;
  Math.random = () => world.random.next();
  const scope = globalThis as Record<string, unknown>;
  scope.fetch = async () => new Response("legacy", { headers: { "x-from": "origin" } });
  scope.setTimeout = (callback: () => void, delayMs = 0) => {
    world.handles += 1;
    world.timers.set(world.handles, { atMs: world.nowMs + delayMs, callback });
    return world.handles;
  };
  scope.clearTimeout = (handle: number) => world.timers.delete(handle);
  console.log = () => undefined;
}

function pass(ms: number): void {
  world.nowMs += ms;
  for (const [handle, timer] of [...world.timers]) {
    if (timer.atMs > world.nowMs) continue;
    world.timers.delete(handle);
    timer.callback();
  }
}

interface FakeKv {
  mode: KvMode;
  config: Record<string, unknown> | null;
  reads: number;
  get(keys: string[]): Promise<Map<string, unknown>>;
}

function fakeKv(): FakeKv {
  return {
    mode: "answers",
    config: null,
    reads: 0,
    get(keys) {
      this.reads += 1;
      if (this.mode === "throws") throw new TypeError("the binding is broken");
      if (this.mode === "answers 5xx") {
        return Promise.reject(new Error("KV GET failed: 503 Service Unavailable"));
      }
      if (this.mode === "hangs") return new Promise(() => undefined);
      if (this.mode === "answers nonsense") {
        return Promise.resolve(new Map(keys.map((key) => [key, { not: "text" }])));
      }
      const text = this.config === null ? null : JSON.stringify(this.config);
      return Promise.resolve(new Map(keys.map((key) => [key, key === "config" ? text : null])));
    },
  };
}

function configOf(percent: number, tag = TAG_OF_TESTS): Record<string, unknown> {
  return {
    canary_percent: percent,
    canary_tag: tag,
    emergency_proxy: false,
    last_updated: new Date(world.nowMs).toISOString(),
  };
}

interface Visit {
  /** Undefined when the Worker threw. */
  response: Response | undefined;
  canary: string;
  cookie: string | null;
  waitedMs: number;
}

/** More than any request needs that waits for nothing but promises that are settled already. */
const TURNS_PER_TICK = 200;
const TICK_MS = 10;

class Visitor {
  readonly #worker: Promise<WorkerModule>;
  readonly #env: Record<string, unknown>;

  constructor(copy: number, kv: FakeKv) {
    takeOver();
    const name = `./worker-${copy}.js`;
    this.#worker = import(name) as Promise<WorkerModule>;
    this.#env = {
      ENVIRONMENT: "staging",
      ORIGIN_URL: "https://legacy.example",
      CANARY_OVERRIDE: "off",
      COOKIE_KEYS: JSON.stringify({ k1: btoa("k".repeat(32)) }),
      KV_CANARY_CONFIG: kv,
      METRICS: { writeDataPoint: () => undefined },
    };
  }

  /** The clock moves on only while the Worker waits for it. */
  async ask(cookie: string | null = null): Promise<Visit> {
    const { default: worker } = await this.#worker;
    const headers = new Headers(cookie === null ? {} : { cookie });
    const request = new Request("https://api.example/api/other", { headers });
    const startedAtMs = world.nowMs;
    let open = true;
    let response: Response | undefined;
    const context = { waitUntil: () => undefined, passThroughOnException: () => undefined };
    void (async () => worker.fetch(request, this.#env, context))()
      .then((answer) => {
        response = answer;
      })
      .catch(() => undefined)
      .finally(() => {
        open = false;
      });
    for (let turn = 1; open; turn += 1) {
      await null;
      if (turn % TURNS_PER_TICK === 0) pass(TICK_MS);
    }
    const canary = response?.headers.get("x-pix-canary") ?? "";
    const setCookie = response?.headers.get("set-cookie") ?? null;
    return {
      response,
      canary: canary.replace(/^1;tag=[^;]*;cohort=/, "").replace("reason=", ""),
      cookie: setCookie?.split(";", 1)[0] ?? null,
      waitedMs: world.nowMs - startedAtMs,
    };
  }
}

const BETWEEN_MS = 100;

async function fail(order: BundleOrder & { kind: "fail" }): Promise<FailResult> {
  const kv = fakeKv();
  kv.config = configOf(100);
  const visitor = new Visitor(order.copy, kv);
  let goodAtMs = world.nowMs;
  if (order.warm) {
    await visitor.ask();
    goodAtMs = world.nowMs;
  }
  kv.mode = order.mode;
  const result: FailResult = {
    requests: 0,
    decisions: {},
    notFromOrigin: 0,
    threw: 0,
    lastGoodForMs: null,
    longestWaitMs: 0,
    waited: 0,
    reads: 0,
    recovered: false,
  };
  for (; result.requests < order.requests; pass(BETWEEN_MS)) {
    const visit = await visitor.ask();
    result.requests += 1;
    result.decisions[visit.canary] = (result.decisions[visit.canary] ?? 0) + 1;
    if (visit.response === undefined) result.threw += 1;
    else if (visit.response.headers.get("x-from") !== "origin") result.notFromOrigin += 1;
    if (visit.canary.startsWith("native")) result.lastGoodForMs = world.nowMs - goodAtMs;
    result.longestWaitMs = Math.max(result.longestWaitMs, visit.waitedMs);
    if (visit.waitedMs > 0) result.waited += 1;
  }
  result.reads = kv.reads;
  kv.mode = "answers";
  for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 1_000) {
    pass(1_000);
    await visitor.ask();
  }
  result.recovered = (await visitor.ask()).canary === "native;sampled";
  return result;
}

/** Natives among the draws, by percentage. */
async function share(order: BundleOrder & { kind: "share" }): Promise<Record<string, number>> {
  world.random = seededRandom(order.seed);
  const kv = fakeKv();
  const visitor = new Visitor(order.copy, kv);
  const natives: Record<string, number> = {};
  for (const [percent, draws] of Object.entries(order.draws)) {
    pass(60_000);
    kv.config = configOf(Number(percent));
    let native = 0;
    for (let n = 0; n < draws; n += 1) {
      const { canary } = await visitor.ask();
      if (canary === "native;sampled") native += 1;
      else if (canary !== "proxy;sampled") throw new Error(`not sampled: ${canary}`);
    }
    natives[percent] = native;
  }
  return natives;
}

const DAY_MS = 86_400_000;

async function life(order: BundleOrder & { kind: "life" }): Promise<LifeResult> {
  world.random = seededRandom(order.seed);
  const kv = fakeKv();
  kv.config = configOf(50);
  const visitor = new Visitor(order.copy, kv);
  const moments: Record<string, string> = {};
  const first = await visitor.ask();
  const look = async (moment: string, cookie: string | null): Promise<Visit> => {
    const visit = await visitor.ask(cookie);
    const kept = visit.canary.startsWith(first.canary.split(";", 1)[0] ?? "");
    const shown = visit.canary.endsWith("cookie")
      ? `cookie, ${kept ? "kept" : "moved"}`
      : "sampled";
    moments[moment] = `${shown}, ${visit.cookie === null ? "no cookie set" : "cookie set"}`;
    return visit;
  };
  const issuedAtMs = world.nowMs;
  for (let hour = 1; hour < 24; hour += 1) {
    world.nowMs = issuedAtMs + hour * 3_600_000;
    await look(`after ${hour} h`, first.cookie);
  }
  world.nowMs = issuedAtMs + DAY_MS - 1;
  await look("1 ms before 24 h", first.cookie);
  world.nowMs = issuedAtMs + DAY_MS;
  const second = await look("at 24 h", first.cookie);
  await look("with the new cookie", second.cookie);
  kv.config = configOf(50, "B2b");
  pass(60_000);
  const third = await look("of the tag before", second.cookie);
  await look("of the new tag", third.cookie);
  return { moments };
}

export default programOf((order: BundleOrder): Promise<unknown> => {
  if (order.kind === "fail") return fail(order);
  return order.kind === "share" ? share(order) : life(order);
});
