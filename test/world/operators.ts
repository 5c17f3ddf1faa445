/** Operators: the real verbs, on ports that lead into this world. */
import { AT_WILL, READ } from "../../src/adapters/cloudflare-store.ts";
import { type RetryPolicy, withRetries } from "../../src/adapters/retry.ts";
import type { ChangingVerb, Outcome } from "../../src/commands/command.ts";
import { disable } from "../../src/commands/lower/disable.ts";
import { reduce } from "../../src/commands/lower/reduce.ts";
import { notAus } from "../../src/commands/not-aus/not-aus.ts";
import { rampStart } from "../../src/commands/ramp/start.ts";
import { restore } from "../../src/commands/restore/restore.ts";
import { decide } from "../../src/domain/decision/decide.ts";
import type { Sighting } from "../../src/domain/proof/expectation.ts";
import { CONFIG_KEY, STOP_KEY } from "../../src/domain/state/documents.ts";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import { journalKey } from "../../src/domain/state/journal.ts";
import { rawState, STATE_KEYS } from "../../src/domain/state/state.ts";
import type { CallOptions, Journal, StateStore } from "../../src/ports/api.ts";
import type { Ports } from "../../src/ports/ports.ts";
import type { Stage } from "../../src/ports/terminal.ts";
import { qaDocument } from "../../worker/qa/document.ts";
import type { BeaconSight } from "../../worker/state-reader.ts";
import { modelPorts } from "../support/fake-ports.ts";
import type { Api } from "./api.ts";
import { factsOf } from "./documents.ts";
import type { Isolate } from "./isolate.ts";
import type { Process } from "./process.ts";
import { stopSenderOf } from "./stop-sender.ts";
import type { Place, World } from "./world.ts";

const READ_MS = 5_000;
const CONFIG_MS = 10_000;
/** As the adapter has it for the first attempt of a stop. */
const STOP_MS = 3_000;
const LOOK_MS = 4_000;

/** Who else is there. */
export interface Cast {
  world: World;
  api: Api;
  /** One that answers there. */
  isolateAt(place: Place, process: Process): Isolate;
  /** Somebody was told that a stop is live there. */
  toldLive(id: string, place: Place): void;
}

const VERBS: Record<Process["operation"]["verb"], ChangingVerb> = {
  "not-aus": notAus as unknown as ChangingVerb,
  restore: restore as unknown as ChangingVerb,
  reduce: reduce as unknown as ChangingVerb,
  disable: disable as unknown as ChangingVerb,
  ramp: rampStart as unknown as ChangingVerb,
  "ramp detached": rampStart as unknown as ChangingVerb,
};

/** As the shell does it: plan, ask, apply. */
export async function operate(stage: Cast, process: Process): Promise<Outcome<unknown>> {
  const { operation } = process;
  const ports = portsOf(stage, process);
  const def = VERBS[operation.verb];
  const given = inputOf(stage, process);
  const planned = await def.plan(given, ports);
  const plannedMs = stage.world.nowMs;
  if (planned.kind === "ended") return planned.outcome;
  if (planned.risk === "exposure") {
    if (operation.yes && planned.unseen !== undefined) return planned.unseen;
    await process.sleep(operation.thinksMs, ports.interrupt);
    process.saidYesToMs = plannedMs;
  }
  return def.apply(planned.steps, given, ports);
}

function inputOf({ world }: Cast, { operation }: Process) {
  const { verb, timeoutMs, verify, to } = operation;
  const stopped = world.truth.stored.get(STOP_KEY)?.facts.asks === true;
  return {
    reason: "in this world",
    incident: undefined,
    force: verb.startsWith("ramp"),
    verify,
    timeoutMs,
    to: to ?? undefined,
    plan: "20:2s,60:4s,90",
    fromStop: stopped || world.truth.stored.get(CONFIG_KEY)?.facts.asks === true,
    detach: verb === "ramp detached",
  };
}

function portsOf(stage: Cast, process: Process): Ports {
  const { world, api } = stage;
  const { twin, places } = world;
  const real = storeOf(stage, process);
  const base = modelPorts(twin.store?.(real, process) ?? real);
  const known = places.filter(({ hasQa }) => hasQa).map(({ url }) => url);
  const again = <T>(attempt: () => Promise<T>, { signal }: CallOptions): Promise<T> =>
    patiently(process, READ, attempt, signal);
  return {
    ...base,
    identity: { actor: process.name, host: `${process.name}'s laptop`, tool: "world" },
    clock: process.clock(),
    apiClock: { now: () => world.nowMs, aheadMs: () => process.operation.skewMs },
    rng: { next: () => process.dice.next(), ulid: (ms, after) => world.ulid(ms, after) },
    interrupt: process.interrupt.signal,
    journal: journalOf(stage, process),
    debts: {
      ...base.debts,
      keep: async ({ entry }) => process.alive && process.debts.set(entry.id, entry).size > 0,
      drop: async ({ entry }) => void (process.alive && process.debts.delete(entry.id)),
    },
    documents: {
      get: (key, call) =>
        again(async () => (await api.get(process, [key], at(call, READ_MS)))[0] ?? null, call),
      put: (key, text, call) => again(() => api.put(process, key, text, at(call, READ_MS)), call),
    },
    stopSender: world.beacon === null ? null : stopSenderOf({ world, api, process }),
    qa: {
      urls: twin.urls?.(known) ?? known,
      look: (url, { signal }) => look(stage, process, url, signal),
    },
    progress: {
      ...base.progress,
      stage: (told) => hear(stage, process, told),
      warn: (text) => world.tell?.(process.name, `! ${text}`),
    },
  };
}

const at = ({ signal }: CallOptions, timeoutMs: number) => ({ signal, timeoutMs });

function patiently<T>(
  process: Process,
  policy: RetryPolicy,
  attempt: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const clock = { sleep: (ms: number, stop: AbortSignal) => process.sleep(ms, stop) };
  return withRetries(attempt, policy, { clock, random: () => process.dice.next(), signal });
}

function storeOf(cast: Cast, process: Process): StateStore {
  const { api } = cast;
  return {
    async read(call) {
      const keys = call.configAlone === true ? [CONFIG_KEY] : STATE_KEYS;
      const policy = call.once === true ? { ...READ, retries: 0 } : READ;
      const texts = await patiently(
        process,
        policy,
        () => api.get(process, keys, at(call, READ_MS)),
        call.signal,
      ).finally(() => {
        process.lookedMs = cast.world.nowMs;
      });
      for (const [index, key] of keys.entries()) note(process, key, texts[index] ?? null);
      return rawState((key) => texts[keys.indexOf(key)] ?? null);
    },
    writeStop(stop, call) {
      const text = JSON.stringify(stop);
      if (stop.active && process.stopId !== stop.id) {
        process.stopId = stop.id ?? null;
      }
      if (call.once === true) return api.put(process, STOP_KEY, text, at(call, CONFIG_MS));
      const attempt = () => api.put(process, STOP_KEY, text, at(call, STOP_MS));
      return patiently(process, AT_WILL, attempt, call.signal);
    },
    writeConfig(config, call) {
      const text = JSON.stringify(config);
      if (call.atWill !== true) return api.put(process, CONFIG_KEY, text, at(call, CONFIG_MS));
      const attempt = () => api.put(process, CONFIG_KEY, text, at(call, STOP_MS));
      return patiently(process, AT_WILL, attempt, call.signal);
    },
  };
}

function note(process: Process, key: string, text: string | null): void {
  const id = text === null ? undefined : factsOf(key, text)?.id;
  if (id !== undefined) process.saw(id);
}

function journalOf({ world, api }: Cast, process: Process): Journal {
  return {
    appendHere: async () => [],
    openIncident: async () => null,
    async append(entry, { signal }) {
      try {
        const text = JSON.stringify(entry);
        await api.put(process, journalKey(entry), text, { signal, timeoutMs: READ_MS });
        return [];
      } catch {
        return ["journal in KV: no answer"];
      }
    },
    async recent(limit, { signal }) {
      try {
        await api.get(process, [], { signal, timeoutMs: READ_MS });
        const keys = world.kv.keys("journal/").slice(-limit);
        return { entries: keys.map((key) => JSON.parse(world.kv.get(key) ?? "{}")), warnings: [] };
      } catch {
        return { entries: [], warnings: ["the journal cannot be read"] };
      }
    },
  };
}

/** Nobody waits longer than LOOK_MS for an answer. */
function look(stage: Cast, process: Process, url: string, signal: AbortSignal): Promise<Sighting> {
  const { world } = stage;
  const place = world.places.find((one) => one.url === url);
  if (place === undefined) throw new Error(`nobody answers at ${url}`);
  return new Promise((resolve) => {
    let open = true;
    const end = (sighting: Partial<Sighting>): void => {
      if (!open) return;
      open = false;
      callOff();
      signal.removeEventListener("abort", giveUp);
      resolve({ ...UNANSWERED, url, atMs: world.nowMs, ...sighting });
    };
    const giveUp = (): void => end({});
    const callOff = process.after(LOOK_MS, giveUp);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) return giveUp();
    if (world.has("qa unreachable", place.name)) return;
    world.scheduler.after(process.dice.between(5, 80), () => {
      stage.isolateAt(place, process).ask((state, beacon) => {
        const sighting = sightingOf(world, place, state, beacon);
        process.after(process.dice.between(5, 80), () => {
          for (const { id } of state.inForce) if (id !== undefined) process.saw(id);
          if (state.config?.revision !== undefined) process.saw(state.config.revision);
          end(sighting);
        });
      });
    });
  });
}

const UNANSWERED: Sighting = {
  url: "",
  atMs: 0,
  status: null,
  colo: null,
  decision: null,
  qa: null,
  problem: "no answer",
};
const HEALTHY = { status: "healthy", problem: null } as const;
const HEALTH = {
  native: { ...HEALTHY, db_ping_ms: 1, r2_accessible: true },
  proxy: { ...HEALTHY, origin_ping_ms: 1, reachable: true },
};

function sightingOf(
  world: World,
  { name }: Place,
  state: EffectiveState,
  beacon: BeaconSight | null,
): Partial<Sighting> {
  const decision = decide({ state, override: false, cookie: null, draw: 9_999 });
  const qa = qaDocument({
    nowMs: world.nowMs,
    colo: name,
    workerVersion: null,
    decision,
    state,
    beacon,
    health: HEALTH,
    metrics24h: undefined,
    cookieKeyIds: [],
    guardian: "enforce",
    operators: null,
    environment: null,
    proxyOnly: false,
  });
  const seen = { tag: decision.tag ?? "none", cohort: decision.cohort, reason: decision.reason };
  return { status: 200, colo: name, decision: seen, qa, problem: null };
}

/** What a verb says of itself while it runs. */
function hear(cast: Cast, process: Process, stage: Stage): void {
  if (stage.kind === "waiting") return;
  const { world } = cast;
  const where = stage.kind === "live" ? ` at ${stage.location}` : "";
  world.tell?.(process.name, `is told: ${stage.what} ${stage.kind}${where}`);
  if (stage.kind !== "live" || stage.what !== "stop" || process.stopId === null) return;
  cast.toldLive(process.stopId, world.place(stage.location));
}
