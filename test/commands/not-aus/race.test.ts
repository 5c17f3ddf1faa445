/**
 * AT-1: `not-aus` against other writers, at every interleaving that fast-check draws, on stale reads.
 * The commands are the real ones. A failure prints the seed that replays it. CI runs 200,000.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CommonInput } from "../../../src/commands/command.ts";
import { disable } from "../../../src/commands/lower/disable.ts";
import { reduce } from "../../../src/commands/lower/reduce.ts";
import { pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { restore } from "../../../src/commands/restore/restore.ts";
import { isEmergency, parseState } from "../../../src/domain/state/state.ts";
import type { StateStore } from "../../../src/ports/api.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import {
  type ModelKv,
  modelPorts,
  modelStore,
  playOut,
  singleKeyStore,
  stored,
} from "../../support/fake-ports.ts";
import { runs } from "../../support/runs.ts";

const RUNS = runs(200_000, 2_000);
const input: CommonInput = {
  reason: "race",
  incident: undefined,
  force: true,
  verify: false,
  timeoutMs: 10_000,
};

const config = (percent: number, emergency = false) =>
  JSON.stringify({
    canary_percent: percent,
    canary_tag: "B2a",
    emergency_proxy: emergency,
    last_updated: "2025-11-15T10:30:00Z",
    revision: "01JCQ000000000000000000000",
  });

async function runReduce(ports: Ports): Promise<void> {
  const given = { ...input, to: undefined };
  const planned = await reduce.plan(given, ports);
  if (planned.kind === "plan") await reduce.apply(planned.steps, given, ports);
}

async function runDisable(ports: Ports): Promise<void> {
  const planned = await disable.plan(input, ports);
  if (planned.kind === "plan") await disable.apply(planned.steps, input, ports);
}

/** Any other tool: reads `config`, changes its share, writes it back. */
async function runNaiveWriter(ports: Ports): Promise<void> {
  const signal = ports.interrupt;
  for (const percent of [25, 50]) {
    const state = parseState(await ports.store.read({ signal }));
    if (state.config.kind !== "valid" || isEmergency(state)) return;
    await ports.store.writeConfig({ ...state.config.value, canary_percent: percent }, { signal });
  }
}

const WRITERS = { reduce: runReduce, disable: runDisable, naive: runNaiveWriter } as const;

type Twin = (kv: ModelKv, scheduler: fc.Scheduler, staleness: number[]) => StateStore;

/** One race; resolves to whether the stop is in force in the store at the end. */
async function race(
  scheduler: fc.Scheduler,
  staleness: number[],
  writers: readonly (keyof typeof WRITERS)[],
  twin: Twin,
): Promise<boolean> {
  const kv: ModelKv = { config: [config(10)], stop: [null] };
  const ports = modelPorts(twin(kv, scheduler, staleness));
  const all = [...writers.map((name) => WRITERS[name](ports)), pullTheStop(input, ports)];
  await playOut(scheduler, Promise.all(all));
  return isEmergency(parseState(stored(kv)));
}

const staleness = fc.array(fc.nat(3), { minLength: 1, maxLength: 8 });
const writers = fc.subarray(Object.keys(WRITERS) as (keyof typeof WRITERS)[], { minLength: 1 });

describe("AT-1: a stop against writers of config", () => {
  it(`is never lost in ${RUNS} interleavings`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), staleness, writers, (scheduler, lags, names) =>
        race(scheduler, lags, names, modelStore),
      ),
      { numRuns: RUNS },
    );
  });

  it("is lost by the broken twin that keeps the stop in the same key", async () => {
    const result = await fc.check(
      fc.asyncProperty(fc.scheduler(), staleness, writers, (scheduler, lags, names) =>
        race(scheduler, lags, names, singleKeyStore),
      ),
      { numRuns: 2_000 },
    );
    expect(result.failed).toBe(true);
  });
});

describe("AT-1: a stop against a restore of an earlier stop", () => {
  const earlier = JSON.stringify({ active: true, id: "01JCQOLD", at: "2025-11-15T10:00:00Z" });

  /** The operator confirmed before the new stop was pulled: restore must not release that one. */
  async function restoreRace(
    scheduler: fc.Scheduler,
    twin: (store: StateStore) => StateStore,
  ): Promise<boolean> {
    const kv: ModelKv = { config: [config(0, true)], stop: [earlier] };
    const quiet = modelPorts(modelStore(kv, scheduler, [0]));
    const given = { ...input, to: 10 };
    const planned = await playOut(scheduler, restore.plan(given, quiet));
    if (planned.kind !== "plan") throw new Error(`restore did not plan: ${planned.kind}`);
    const store = twin(quiet.store);
    const restoring = restore.apply(planned.steps, given, { ...quiet, store });
    await playOut(scheduler, Promise.all([restoring, pullTheStop(input, quiet)]));
    return isEmergency(parseState(stored(kv)));
  }

  /** The broken twin: its reads always show the stop that the operator saw. */
  function blindToStops(store: StateStore, seen: string): StateStore {
    return { ...store, read: async (options) => ({ ...(await store.read(options)), stop: seen }) };
  }

  /** KV refuses the release once, as it does within a second of another write of the key. */
  function refusingOnce(store: StateStore): StateStore {
    let refused = false;
    return {
      ...store,
      async writeStop(stop, options) {
        if (stop.active || refused) return store.writeStop(stop, options);
        refused = true;
        throw new UpstreamError("unavailable", "HTTP 429");
      },
    };
  }

  it("stays in force when the release is refused and repeated", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), (scheduler) => restoreRace(scheduler, refusingOnce)),
      { numRuns: runs(2_000, 250) },
    );
  });

  it("stays in force, however they interleave", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), (scheduler) => restoreRace(scheduler, (store) => store)),
      { numRuns: runs(4_000, 500) },
    );
  });

  it("could be lost by a restore that does not look again before it releases", async () => {
    const result = await fc.check(
      fc.asyncProperty(fc.scheduler(), (scheduler) =>
        restoreRace(scheduler, (store) => blindToStops(store, earlier)),
      ),
      { numRuns: 5_000 },
    );
    expect(result.failed).toBe(true);
  });
});

describe("a stop that only config still knows", () => {
  it("is shown by restore and released by name: isolates that saw it must hear of it", async () => {
    const kv: ModelKv = { config: [config(0, true)], stop: [JSON.stringify({ active: false })] };
    const scheduler = { schedule: (work: Promise<unknown>) => work } as unknown as fc.Scheduler;
    const ports = modelPorts(modelStore(kv, scheduler, [0]));
    const given = { ...input, to: 10 };
    const planned = await restore.plan(given, ports);
    if (planned.kind !== "plan") throw new Error(`restore did not plan: ${planned.kind}`);
    expect(planned.changes.map((change) => change.what)).toContain("stop");
    expect((await restore.apply(planned.steps, given, ports)).kind).toBe("done");
    const { stop } = parseState(stored(kv));
    expect(stop).toMatchObject({
      kind: "valid",
      value: { active: false, releases: { id: "01JCQ000000000000000000000" } },
    });
    expect(isEmergency(parseState(stored(kv)))).toBe(false);
  });
});
