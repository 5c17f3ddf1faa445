/** Ports for races with ramps: time goes by as somebody waits, what is stored is live, one journal for all. */
import { reduce } from "../../src/commands/lower/reduce.ts";
import type { Sighting } from "../../src/domain/proof/expectation.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import { isEmergency, parseState } from "../../src/domain/state/state.ts";
import type { StateStore } from "../../src/ports/api.ts";
import type { Ports } from "../../src/ports/ports.ts";
import { INPUT } from "../commands/ramp/stage.ts";
import { START_MS } from "../domain/ramp/world.ts";
import { type ModelKv, modelPorts, stored } from "./fake-ports.ts";

/** Looks at `/qa` until this long has passed, as a command with a deadline does. */
const LOOKS = 40;

/** What is stored is live; time goes by as the ramp waits; its document is kept in `file`. */
export function rampPorts(
  kv: ModelKv,
  store: StateStore,
  file: { text: string | null },
  journal: JournalEntry[],
  impatient: boolean,
): Ports {
  const base = modelPorts(store);
  let uptimeMs = 0;
  const deadline = new AbortController();
  const look = async (url: string): Promise<Sighting> => {
    const state = parseState(stored(kv));
    const value = state.config.kind === "valid" ? state.config.value : null;
    const emergency = isEmergency(state);
    const qa = {
      canary: {
        emergency_proxy: emergency,
        source: "kv",
        revision: value?.revision ?? null,
        percent: value?.canary_percent ?? null,
      },
      stop: { active: emergency, id: null },
      health: { native: { status: "healthy" }, proxy: { status: "healthy" } },
    } as unknown as NonNullable<Sighting["qa"]>;
    return { url, atMs: 0, status: 200, colo: "FRA", decision: null, qa, problem: null };
  };
  return {
    ...base,
    qa: { urls: ["http://127.0.0.1/qa"], look },
    clock: {
      ...base.clock,
      now: () => START_MS + uptimeMs,
      monotonic: () => uptimeMs,
      uptime: () => uptimeMs,
      timeout: () => (impatient ? deadline.signal : base.interrupt),
      sleep: async (ms) => {
        uptimeMs += Math.max(1, ms);
        if (impatient && uptimeMs > LOOKS * 2_000) deadline.abort(new Error("time is up"));
        deadline.signal.throwIfAborted();
      },
    },
    journal: {
      appendHere: async () => [],
      openIncident: async () => null,
      append: async (entry) => {
        journal.push(entry);
        return [];
      },
      recent: async () => ({ entries: [...journal], warnings: [] }),
    },
    rampFile: {
      ...base.rampFile,
      write: async (text) => {
        file.text = text;
      },
    },
  };
}

/** To 0.5 %, proved as an operator has it; how it ended. */
export async function runReduce(ports: Ports): Promise<string> {
  const given = { ...INPUT, to: 0.5 };
  const planned = await reduce.plan(given, ports);
  if (planned.kind !== "plan") return "not planned";
  const outcome = await reduce.apply(planned.steps, given, ports);
  return outcome.kind === "failed" ? outcome.code : outcome.kind;
}
