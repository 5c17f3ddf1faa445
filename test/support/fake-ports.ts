/**
 * Ports for races: a KV store whose every call is one step of a fast-check scheduler, and whose reads
 * may answer an older version. Real commands run on it; nothing else of the world is needed.
 */
import type { Scheduler } from "fast-check";
import type { CanaryConfig, RawState, StopDocument } from "../../src/domain/state.ts";
import type { Clock, Ports, StateStore } from "../../src/ports.ts";

/** What a key held, oldest first; the last one is what is stored. */
export interface ModelKv {
  config: (string | null)[];
  stop: (string | null)[];
}

export function stored(kv: ModelKv): RawState {
  return { config: kv.config.at(-1) ?? null, stop: kv.stop.at(-1) ?? null };
}

/** `staleness` says for each read in turn how many versions it lags behind. */
export function modelStore(kv: ModelKv, scheduler: Scheduler, staleness: number[]): StateStore {
  let reads = 0;
  const version = (versions: (string | null)[], lag: number): string | null =>
    versions[Math.max(0, versions.length - 1 - lag)] ?? null;
  return {
    async read() {
      const lag = staleness[reads % Math.max(1, staleness.length)] ?? 0;
      reads += 1;
      await scheduler.schedule(Promise.resolve(), "read");
      return { config: version(kv.config, lag), stop: version(kv.stop, lag) };
    },
    async writeStop(stop: StopDocument) {
      await scheduler.schedule(Promise.resolve(), "put stop");
      kv.stop.push(JSON.stringify(stop));
    },
    async writeConfig(config: CanaryConfig) {
      await scheduler.schedule(Promise.resolve(), "put config");
      kv.config.push(JSON.stringify(config));
    },
  };
}

/**
 * The broken twin: the stop lives inside `config`, as with the seed's single key. Both writes of a
 * stop land there, and the next rewrite of `config` wipes it out.
 */
export function singleKeyStore(kv: ModelKv, scheduler: Scheduler, staleness: number[]): StateStore {
  const store = modelStore(kv, scheduler, staleness);
  const emergencyIn = (text: string | null): boolean =>
    (JSON.parse(text ?? "{}") as { emergency_proxy?: boolean }).emergency_proxy === true;
  return {
    ...store,
    async read(options) {
      const { config } = await store.read(options);
      return { config, stop: JSON.stringify({ active: emergencyIn(config) }) };
    },
    async writeStop(stop) {
      await scheduler.schedule(Promise.resolve(), "put stop into config");
      const present = JSON.parse(kv.config.at(-1) ?? "{}") as Record<string, unknown>;
      kv.config.push(JSON.stringify({ ...present, emergency_proxy: stop.active }));
    },
  };
}

let ids = 0;

export function modelPorts(store: StateStore): Ports {
  // One per race: signals derived from a lasting one would pile up on it.
  const never = new AbortController().signal;
  const clock: Clock = {
    now: () => 1_763_000_000_000 + ids,
    monotonic: () => 0,
    timeout: () => never,
    sleep: async () => undefined,
  };
  return {
    target: {
      env: "model",
      accountId: "0".repeat(32),
      namespaceId: "1".repeat(32),
      worker: "pix",
      canaryTag: "B2a",
      normalPercent: 10,
      protected: false,
      qaUrls: [],
      apiBaseUrl: "http://127.0.0.1",
      configPath: null,
      contacts: { onCall: null, slack: null, docs: null },
    },
    identity: { actor: "tester", host: "here", tool: "test" },
    store,
    journal: {
      append: async () => [],
      recent: async () => ({ entries: [], warnings: [] }),
    },
    qa: { urls: [], look: () => Promise.reject(new Error("nobody looks in a race")) },
    account: {
      token: () => Promise.reject(new Error("not asked")),
      namespace: () => Promise.reject(new Error("not asked")),
      writable: () => Promise.reject(new Error("not asked")),
    },
    clock,
    rng: {
      next: () => 0.5,
      ulid: () => {
        ids += 1;
        return `01JCQ${String(ids).padStart(21, "0")}`;
      },
    },
    progress: { stage: () => undefined, note: () => undefined, warn: () => undefined },
    nodeVersion: "24.0.0",
    interrupt: never,
  };
}
