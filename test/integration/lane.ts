/** A lane: one small sandbox of its own, so that runs under different faults do not disturb each other. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, vi } from "vitest";
import type { OperatorSettings } from "../../src/domain/config/operator.ts";
import { parseCanaryHeader } from "../../src/domain/decision/headers.ts";
import { timeOf } from "../../src/domain/lib/time.ts";
import { type QaDocument, qaSchema } from "../../src/domain/proof/qa-document.ts";
import { parseConfig, parseStop } from "../../src/domain/state/documents.ts";
import type { ParsedState } from "../../src/domain/state/state.ts";
import { parseState } from "../../src/domain/state/state.ts";
import type { Sandbox, SandboxOptions } from "../../src/sandbox/index.ts";
import { HOST, WORKER_NAME } from "../../src/sandbox/types.ts";
import { ensureCli, PLAIN_ENV } from "../support/cli.ts";
import { endingOf } from "../support/ending.ts";
import { PATIENCE, WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

const NO_LAG = { min: 0, max: 0 };

export interface Lane {
  sandbox: Sandbox;
  /** Scratch, and the home of the programs run here. */
  dir: string;
  /** Keys of the central store written since the last reset, in order. */
  written: string[];
  /** Ids of the stops among them. */
  stops: Set<string>;
  /** The latest `last_updated` of a configuration: what undoes an emergency must be newer. */
  newestMs: number;
  env: Record<string, string>;
  close(): Promise<void>;
}

export async function startLane(options: SandboxOptions = {}): Promise<Lane> {
  const plain = { lagMs: NO_LAG, rateLimits: false, logs: false, patience: WORKER_PATIENCE };
  const sandbox = await startSandbox({ ...plain, ...options });
  const dir = await mkdtemp(join(tmpdir(), "pixcanary-lane-"));
  const env = { ...PLAIN_ENV, HOME: dir, XDG_STATE_HOME: join(dir, "state"), CI: "true" };
  const close = async (): Promise<void> => {
    await sandbox.close();
    await rm(dir, { recursive: true, force: true });
  };
  const lane: Lane = {
    sandbox,
    dir,
    written: [],
    stops: new Set(),
    newestMs: 0,
    env,
    close,
  };
  sandbox.control.store.onWrite(({ key, entry }) => {
    note(lane, key, entry === null ? null : new TextDecoder().decode(entry.value));
  });
  return lane;
}

function note(lane: Lane, key: string, text: string | null): void {
  lane.written.push(key);
  const config = key === "config" ? parseConfig(text) : null;
  if (config?.kind === "valid") {
    lane.newestMs = Math.max(lane.newestMs, timeOf(config.value.last_updated));
  }
  const stop = key === "stop" ? parseStop(text) : null;
  if (stop?.kind !== "valid" || !stop.value.active || stop.value.id === undefined) return;
  lane.stops.add(stop.value.id);
}

/** One lane for a whole test file, reset before each test; `given` gets it and its configuration's path. */
export function oneLane(given: (lane: Lane, config: string) => void): void {
  let lane: Lane;
  beforeAll(async () => {
    await Promise.all([ensureCli(), ensureBundle()]);
    lane = await startLane({ locations: ["FRA"] });
    given(lane, await writeConfig(lane));
  });
  afterAll(() => lane?.close());
  beforeEach(() => resetLane(lane));
}

/** One database serves all: nothing here uses it. */
export async function startLanes(count: number): Promise<Lane[]> {
  // Each sandbox cleans up when the process ends.
  process.setMaxListeners(process.getMaxListeners() + count);
  // Their KV may hang: what waits for it is to be limited as in production.
  const first = await startLane({ locations: ["FRA"], patience: 1 });
  const { databaseUrl } = first.sandbox.description;
  const others = Array.from({ length: count - 1 }, () =>
    startLane({ locations: ["FRA"], patience: 1, databaseUrl }),
  );
  return [first, ...(await Promise.all(others))];
}

/** Where the programs of this machine keep what is of the lane's namespace, below a state folder. */
export function stateFolderOf({ sandbox, dir }: Lane, state = join(dir, "state")): string {
  const { accountId, kvNamespaceId } = sandbox.description;
  return join(state, "pixcanary", accountId, kvNamespaceId);
}

let resets = 0;

/** The Worker's first deployment and its route, where something has changed them. */
async function resetAccount({ control }: Sandbox): Promise<void> {
  const { worker, zones } = control.account;
  const [first] = worker.deployments.slice(-1);
  const [zone] = zones.list;
  if (first === undefined || zone === undefined) return;
  if (zone.routes.length === 0) {
    await zones.create(zone, { pattern: `${HOST}/*`, script: WORKER_NAME });
  }
  if (worker.deployments[0]?.split !== first.split) await worker.deploy(first.split);
}

/** No fault, no emergency, 10 %, seen at every location; the API's list of requests is empty. */
export async function resetLane(lane: Lane): Promise<void> {
  const { sandbox, written } = lane;
  const { control } = sandbox;
  await control.heal();
  await resetAccount(sandbox);
  control.setApi({ resetLimits: true });
  control.setKv({ lagMs: NO_LAG, catchUp: true });
  await vi.waitFor(() => release(lane), PATIENCE);
  control.forgetRequests();
  written.length = 0;
  lane.stops.clear();
}

/** Ends by name what the runs have written and the location shows; throws while it shows any more. */
async function release(lane: Lane): Promise<void> {
  const { store } = lane.sandbox.control;
  const shown = (await documents(lane.sandbox)).flatMap(({ emergencies }) => emergencies ?? []);
  const ending = endingOf(shown, [...lane.stops]);
  lane.newestMs = Math.max(Date.now(), lane.newestMs) + 1;
  const last_updated = new Date(lane.newestMs).toISOString();
  resets += 1;
  const more = { last_updated, revision: `RESET${resets}`, lifts: ending.config?.lifts };
  const stop = ending.stop ?? { active: false, id: `RESET${resets}` };
  // Four times: a location that lags so many writes behind must not bring an old stop into the next run.
  for (let nth = 0; nth < 4; nth += 1) {
    store.put("stop", JSON.stringify(stop));
    store.put("config", configText(10, more));
  }
  if ((await emergencies(lane.sandbox)).some((on) => on !== false)) throw new Error("not reset");
}

/** None where this sandbox's token is not the Worker's: there a stop is ended by its id alone. */
async function documents({ description }: Sandbox): Promise<QaDocument[]> {
  const headers = { authorization: `Bearer ${description.qaToken}` };
  const found = await Promise.all(
    description.locations.map(async ({ url }) => {
      const answer = await fetch(`${url}/qa?health=cached`, { headers });
      return answer.ok ? [qaSchema().parse(await answer.json())] : [];
    }),
  );
  return found.flat();
}

export function configText(percent: number, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    canary_percent: percent,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: new Date().toISOString(),
    ...more,
  });
}

/** What each location shows now; null where there was no answer. */
export function emergencies(sandbox: Sandbox): Promise<(boolean | null)[]> {
  const headers = { authorization: `Bearer ${sandbox.description.qaToken}` };
  const look = async (url: string): Promise<boolean | null> => {
    const answer = await fetch(`${url}/qa?health=cached`, { headers });
    await answer.body?.cancel();
    const decision = parseCanaryHeader(answer.headers.get("x-pix-canary"));
    return decision === null ? null : decision.reason === "emergency";
  };
  return Promise.all(sandbox.description.locations.map(({ url }) => look(url).catch(() => null)));
}

export function storedState({ control }: Sandbox): ParsedState {
  return parseState({ config: control.store.text("config"), stop: control.store.text("stop") });
}

export function stopIsStored(sandbox: Sandbox): boolean {
  const { stop } = storedState(sandbox);
  return stop.kind === "valid" && stop.value.active;
}

/** A configuration like the sandbox's own, with some settings replaced; returns its path. */
export async function writeConfig(
  { sandbox, dir }: Pick<Lane, "sandbox" | "dir">,
  replaced: Record<string, unknown> = {},
  name = "sandbox",
): Promise<string> {
  const folder = await mkdtemp(join(dir, "config-"));
  const path = join(folder, "pixcanary.json");
  await writeFile(path, JSON.stringify({ environments: { [name]: settings(sandbox, replaced) } }));
  return path;
}

export function settings(
  { description: d }: Sandbox,
  replaced: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    accountId: d.accountId,
    namespaceId: d.kvNamespaceId,
    worker: "pix-sandbox",
    qaUrls: d.locations.map(({ url }) => `${url}/qa`),
    apiBaseUrl: d.apiBaseUrl,
    canaryTag: "B2a",
    ...replaced,
  };
}

/** The operator whose key this sandbox's Workers know, as its own configuration names it. */
export async function operatorOf({ description }: Sandbox): Promise<OperatorSettings> {
  const { environments } = JSON.parse(await readFile(description.configPath, "utf8")) as {
    environments: Record<string, { operator?: OperatorSettings }>;
  };
  const operator = environments.sandbox?.operator;
  if (operator === undefined) throw new Error("the sandbox names no operator");
  return operator;
}

/** The secrets of this sandbox, as an operator exports them. */
export function tokenEnv({ description }: Sandbox): Record<string, string> {
  return {
    CLOUDFLARE_API_TOKEN: description.apiToken,
    PIXCANARY_QA_TOKEN: description.qaToken,
    PIXCANARY_SESSION: description.session,
  };
}

/** Hands lanes out one at a time. */
export class LanePool {
  readonly #free: Lane[];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  constructor(lanes: readonly Lane[]) {
    this.#free = [...lanes];
  }

  async use<T>(work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = this.#free.pop() ?? (await new Promise<Lane>((r) => this.#waiting.push(r)));
    try {
      await resetLane(lane);
      return await work(lane);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(lane);
      else next(lane);
    }
  }
}
