/**
 * Ports for races: a KV store whose every call is one step of a fast-check scheduler, and whose reads
 * may answer an older version. Real commands run on it; nothing else of the world is needed.
 */

import type { Scheduler } from "fast-check";
import { NO_CONTACTS } from "../../src/domain/config/contacts.ts";
import { DEFAULT_POLICY } from "../../src/domain/policy/numbers.ts";
import type { CanaryConfig, StopDocument } from "../../src/domain/state/documents.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import type { StateStore } from "../../src/ports/api.ts";
import type { Clock } from "../../src/ports/machine.ts";
import type { Ports } from "../../src/ports/ports.ts";

/** What a key held, oldest first; the last one is what is stored. */
export interface ModelKv {
  config: (string | null)[];
  stop: (string | null)[];
  /** The cron's raise; none unless given. */
  share?: string[];
  /** Of the guardian; left out where it does not take part. */
  cap?: (string | null)[];
}

export function stored(kv: ModelKv): RawState {
  return {
    config: kv.config.at(-1) ?? null,
    stop: kv.stop.at(-1) ?? null,
    rampShare: kv.share?.at(-1) ?? null,
    cap: kv.cap?.at(-1) ?? null,
  };
}

/** For who tests no race: each step is taken as it comes. */
export const AT_ONCE = {
  schedule: (work: Promise<unknown>) => work,
} as unknown as Scheduler;

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
      return {
        config: version(kv.config, lag),
        stop: version(kv.stop, lag),
        rampShare: version(kv.share ?? [], lag),
        cap: version(kv.cap ?? [null], lag),
      };
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
 * Takes the scheduler's steps, one at a time, until `work` has settled; before each, everything has
 * run that was able to, so that each step is drawn from all that could come next. Node takes its next
 * tick only when no promise job is left: exact, and ten times cheaper than `scheduler.waitFor`, which
 * lets 50 jobs pass instead. Throws when the work waits for something that is no step.
 */
export async function playOut<T>(scheduler: Scheduler, work: Promise<T>): Promise<T> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  work.then(settle, settle);
  for (;;) {
    await new Promise<void>((resolve) => process.nextTick(resolve));
    if (settled) return work;
    await scheduler.waitOne();
  }
}

/**
 * The broken twin: the stop lives inside `config`, as with the seed's single key. Both writes of a
 * stop land there, and the next rewrite of `config` wipes it out.
 */
export function singleKeyStore(kv: ModelKv, scheduler: Scheduler, staleness: number[]): StateStore {
  const store = modelStore(kv, scheduler, staleness);
  const stopIn = (text: string | null): object => {
    const { emergency_proxy: active, stop } = JSON.parse(text ?? "{}") as {
      emergency_proxy?: boolean;
      stop?: object;
    };
    return { ...stop, active: active === true };
  };
  return {
    ...store,
    async read(options) {
      const { config } = await store.read(options);
      return { config, stop: JSON.stringify(stopIn(config)) };
    },
    async writeStop(stop) {
      await scheduler.schedule(Promise.resolve(), "put stop into config");
      const present = JSON.parse(kv.config.at(-1) ?? "{}") as Record<string, unknown>;
      kv.config.push(JSON.stringify({ ...present, emergency_proxy: stop.active, stop }));
    },
  };
}

async function* noLines(): AsyncGenerator<never> {}

/** One for all: to note where each was made would be a tenth of a race. */
const NO_METRICS = new Error("not asked in these tests");

let ids = 0;

export function modelPorts(store: StateStore): Ports {
  // One per race: signals derived from a lasting one would pile up on it.
  const never = AbortSignal.any([]);
  const clock: Clock = {
    now: () => 1_763_000_000_000 + ids,
    monotonic: () => 0,
    uptime: () => 0,
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
      dataset: null,
      zone: null,
      legacyHosts: [],
      policy: DEFAULT_POLICY,
      ramps: {},
      rampMinNativeRequests: 200,
      pagesOrigin: null,
      configPath: null,
      contacts: NO_CONTACTS,
    },
    identity: { actor: "tester", host: "here", tool: "test" },
    store,
    documents: { get: async () => null, put: async () => undefined },
    journal: {
      append: async () => [],
      appendHere: async () => [],
      openIncident: async () => null,
      recent: async () => ({ entries: [], warnings: [] }),
    },
    qa: { urls: [], look: () => Promise.reject(new Error("nobody looks in a race")) },
    stopSender: null,
    metrics: { ask: () => Promise.reject(NO_METRICS) },
    visitor: {
      hasQaToken: false,
      hasSession: false,
      send: () => Promise.reject(new Error("nobody visits in these tests")),
    },
    debts: {
      background: true,
      keep: async () => true,
      drop: async () => undefined,
      leave: async () => undefined,
      waiting: async () => 0,
      takeOver: async () => [],
      passOn: async () => undefined,
    },
    notifier: {
      channels: [],
      unready: async () => [],
      notify: async () => [],
      report: async () => [],
    },
    screen: {
      inPlace: false,
      json: false,
      columns: 80,
      rows: 24,
      show: () => undefined,
      line: () => undefined,
      document: () => undefined,
      close: () => undefined,
      clear: () => undefined,
    },
    logs: {
      archive: {
        place: null,
        list: () => noLines(),
        read: () => Promise.reject(new Error("no logs in these tests")),
      },
      tail: { follow: () => noLines() },
      reader: {
        find: () => Promise.reject(new Error("no logs in these tests")),
        read: () => Promise.reject(new Error("no logs in these tests")),
      },
      folders: {
        nameOf: (key) => key,
        open: () => Promise.reject(new Error("no folders in these tests")),
      },
    },
    pages: {
      open: async () => false,
      serve: () => Promise.reject(new Error("no pages in these tests")),
    },
    reports: {
      at: (path) => ({
        path,
        names: () => Promise.reject(new Error("no reports in these tests")),
        read: () => Promise.reject(new Error("no reports in these tests")),
        write: () => Promise.reject(new Error("no reports in these tests")),
      }),
    },
    redact: (text) => text,
    account: {
      token: () => Promise.reject(new Error("not asked")),
      namespace: () => Promise.reject(new Error("not asked")),
      writable: () => Promise.reject(new Error("not asked")),
      accounts: () => Promise.reject(new Error("not asked")),
      tails: () => Promise.reject(new Error("not asked")),
      logJobs: () => Promise.reject(new Error("not asked")),
    },
    deployments: {
      list: () => Promise.reject(new Error("not asked")),
      versions: () => Promise.reject(new Error("not asked")),
      bindings: () => Promise.reject(new Error("not asked")),
      deploy: () => Promise.reject(new Error("not asked")),
    },
    routes: {
      zone: () => Promise.reject(new Error("not asked")),
      list: () => Promise.reject(new Error("not asked")),
      records: () => Promise.reject(new Error("not asked")),
      remove: () => Promise.reject(new Error("not asked")),
      add: () => Promise.reject(new Error("not asked")),
    },
    database: { look: () => Promise.reject(new Error("not asked")) },
    media: {
      bucket: null,
      tryOut: () => Promise.reject(new Error("not asked")),
    },
    clock,
    apiClock: { now: () => null, aheadMs: () => null },
    rng: {
      next: () => 0.5,
      ulid: () => {
        ids += 1;
        return `01JCQ${String(ids).padStart(21, "0")}`;
      },
    },
    progress: {
      stage: () => undefined,
      note: () => undefined,
      warn: () => undefined,
      update: () => undefined,
      waiting: () => () => undefined,
    },
    rampFile: {
      path: "ramp.json",
      read: async () => null,
      write: async () => undefined,
      lock: async () => "ours",
      isLocked: async () => false,
      unlock: async () => undefined,
    },
    tokenHosts: { list: [], problem: null, allow: "" },
    missingSecrets: [],
    nodeVersion: "24.0.0",
    interrupt: never,
  };
}
