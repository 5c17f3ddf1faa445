/** The Worker's cron: the guardian's real tick, on the copies of one location. */

import { since } from "../../src/domain/guardian/decide.ts";
import { DEFAULT_POLICY } from "../../src/domain/policy/numbers.ts";
import { CONFIG_KEY } from "../../src/domain/state/documents.ts";
import { parseState, type RawState } from "../../src/domain/state/state.ts";
import type { Settings } from "../../worker/env.ts";
import { tick } from "../../worker/guardian/tick.ts";
import type { Api } from "./api.ts";
import type { Guardian } from "./plan.ts";
import { START_MS } from "./plan.ts";
import type { World } from "./world.ts";

const MINUTE_MS = 60_000;
/** It has known since long how things are. */
const KNOWN_MS = START_MS - 30 * MINUTE_MS;

export function knownToGuardian(mode: Guardian["mode"], raw: RawState): string {
  const nothing = { guardian: null, arm: null, cap: null, entries: [] };
  return JSON.stringify({
    schema: 1,
    mode,
    last_tick: new Date(START_MS - MINUTE_MS).toISOString(),
    latched: null,
    verdict: "pass",
    since: since({ ...nothing, state: parseState(raw) }, KNOWN_MS),
    told: null,
    told_odd: null,
  });
}

/** No database: what it would tell, the metrics do. */
const HYPERDRIVE = {
  get connectionString(): string {
    throw new Error("no database in this world");
  },
};

/** Each minute, until then. */
export function startCron(world: World, api: Api, guardian: Guardian, untilMs: number): void {
  const settings = settingsOf(guardian);
  for (let tickMs = START_MS + guardian.firstMs; tickMs <= untilMs; tickMs += MINUTE_MS) {
    const dice = world.dice(`cron ${tickMs}`);
    world.scheduler.at(tickMs + dice.between(0, 900), () => {
      const given = {
        settings,
        env: { KV_CANARY_CONFIG: binding(world, api, guardian, dice), HYPERDRIVE } as never,
        beacon:
          world.beacon?.carrierAt(
            guardian.at,
            (ms, then) => world.scheduler.after(ms, then),
            dice,
          ) ?? null,
        tickMs,
        now: () => world.nowMs,
        random: () => dice.next(),
        waitUntil: () => undefined,
      };
      void tick(given).catch((error) => world.tell?.("cron", `! ${error}`));
    });
  }
}

function settingsOf({ mode }: Guardian): Settings {
  return {
    workerVersion: "v1",
    analytics: { sqlUrl: "https://api.example/sql", token: "none", dataset: "canary" },
    notify: {
      env: "model",
      contacts: [],
      pagerduty: null,
      slack: null,
      webhook: null,
      email: null,
    },
    guardian: { mode, policy: DEFAULT_POLICY },
  } as unknown as Settings;
}

/** As the Worker is bound to KV, at that location. */
function binding(
  world: World,
  api: Api,
  { at }: Guardian,
  dice: ReturnType<World["dice"]>,
): object {
  const { copies } = world.place(at);
  let config: string | null = null;
  const later = <T>(value: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      world.scheduler.after(dice.between(3, 150), () => {
        if (world.has("kv fails", at) || world.has("kv hangs", at)) reject(new Error("KV failed"));
        else resolve(value());
      });
    });
  return {
    get: (keys: string[]) =>
      later(() => {
        const found = copies.read(keys, world.nowMs, dice);
        config = found.get(CONFIG_KEY) ?? config;
        return found;
      }),
    put: (key: string, text: string) =>
      later(() => api.write(null, ...(world.twin.guardianPut?.(key, text, config) ?? [key, text]))),
    list: ({ prefix }: { prefix: string }) =>
      later(() => ({
        keys: world.kv.keys(prefix).map((name) => ({ name })),
        list_complete: true,
      })),
  };
}
