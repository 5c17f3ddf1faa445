/**
 * AT-1 and AT-2 with the real attached ramp: `not-aus` and another writer against it, at every
 * interleaving that fast-check draws, on stale reads. A failure prints the seed that replays it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { carryOut } from "../../../src/commands/ramp/loop.ts";
import {
  isOver,
  parseRamp,
  RAMP_KEY,
  type RampDocument,
} from "../../../src/domain/ramp/document.ts";
import { parseConfig } from "../../../src/domain/state/documents.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { isEmergency, parseState } from "../../../src/domain/state/state.ts";
import type { StateStore } from "../../../src/ports/api.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE, rampOf } from "../../domain/ramp/world.ts";
import {
  type ModelKv,
  modelStore,
  playOut,
  singleKeyStore,
  stored,
} from "../../support/fake-ports.ts";
import { rampPorts, runReduce } from "../../support/ramp-ports.ts";
import { runs } from "../../support/runs.ts";
import { INPUT, RampStage } from "./stage.ts";

const RUNS = runs(2_000, 250);

type Store = (kv: ModelKv, scheduler: fc.Scheduler, staleness: number[]) => StateStore;

interface Played {
  kv: ModelKv;
  ramp: RampDocument;
  /** Raises that were written although their writer had read an emergency last. */
  blindRaises: number;
}

async function play(
  scheduler: fc.Scheduler,
  staleness: number[],
  twin: Store,
  others: (ports: Ports) => Promise<unknown>[],
  journalIsSeen = true,
): Promise<Played> {
  const kv: ModelKv = { config: [JSON.stringify(BASE)], stop: [null] };
  const file = { text: null as string | null };
  const watched = watching(twin(kv, scheduler, staleness));
  const journal: JournalEntry[] = [];
  const ports = rampPorts(kv, watched.store, file, journal, false);
  const quiet = rampPorts(kv, twin(kv, scheduler, staleness), { text: null }, journal, true);
  quiet.documents = {
    ...quiet.documents,
    get: async (key) => (key === RAMP_KEY ? file.text : null),
  };
  if (!journalIsSeen) ports.journal.recent = async () => ({ entries: [], warnings: [] });
  const ramp = rampOf("5:1s,20:1s,60:1s,100", { gates: false });
  const running = carryOut(ramp, { ...INPUT, verify: false }, ports);
  await playOut(scheduler, Promise.all([running, ...others(quiet)]));
  const end = parseRamp(file.text);
  if (end === null) throw new Error("the ramp was not kept");
  return { kv, ramp: end, blindRaises: watched.blindRaises() };
}

function watching(store: StateStore) {
  let lastWasEmergency = false;
  let blind = 0;
  const watched: StateStore = {
    ...store,
    async read(options) {
      const raw = await store.read(options);
      lastWasEmergency = isEmergency(parseState(raw));
      return raw;
    },
    async writeConfig(config, options) {
      if (lastWasEmergency && !config.emergency_proxy) blind += 1;
      return store.writeConfig(config, options);
    },
  };
  return { store: watched, blindRaises: () => blind };
}

/** A ramp looks many times: some of its reads are fresh. */
const staleness = fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }).map((lags) => [...lags, 0]);
const stopIt = (ports: Ports) => [pullTheStop({ ...INPUT, verify: false }, ports)];

describe("AT-1: a stop against a ramp under way", () => {
  it(`is never lost in ${RUNS} interleavings, and the ramp ends`, async () => {
    const ends = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), staleness, async (scheduler, lags) => {
        const { kv, ramp, blindRaises } = await play(scheduler, lags, modelStore, stopIt);
        expect(isEmergency(parseState(stored(kv)))).toBe(true);
        expect(isOver(ramp)).toBe(true);
        expect(blindRaises).toBe(0);
        ends.set(ramp.state, (ends.get(ramp.state) ?? 0) + 1);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    console.log(`AT-1, ramp: ${RUNS} interleavings, 0 lost, ${JSON.stringify([...ends])}`);
    expect(ends.get("conflict") ?? 0).toBeGreaterThan(0);
  });

  it("could be lost with a single key", async () => {
    const result = await fc.check(
      fc.asyncProperty(fc.scheduler(), staleness, async (scheduler, lags) => {
        const { kv } = await play(scheduler, lags, singleKeyStore, stopIt);
        return isEmergency(parseState(stored(kv)));
      }),
      { numRuns: 1_000 },
    );
    expect(result.failed).toBe(true);
  });
});

/** How many reductions were written over at all, and how many without anybody being told. */
async function losses(histories: number, journalIsSeen: boolean) {
  let silent = 0;
  let lost = 0;
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      let heard = "";
      const others = (ports: Ports) => [
        runReduce(ports).then((outcome) => {
          heard = outcome;
        }),
      ];
      const { kv, ramp } = await play(scheduler, [0], modelStore, others, journalIsSeen);
      const config = parseConfig(kv.config.at(-1) ?? null);
      const reduced = config.kind === "valid" && config.value.canary_percent === 0.5;
      if (!reduced) lost += 1;
      if (!reduced && ramp.state !== "conflict" && heard === "done") silent += 1;
    }),
    { numRuns: histories, endOnFailure: true },
  );
  return { lost, silent };
}

describe("AT-2: whoever is overtaken is told", () => {
  it("a reduction and a ramp: the reduction is in force at the end", async () => {
    const { lost, silent } = await losses(RUNS / 2, true);
    console.log(`AT-2, ramp: ${RUNS / 2} histories, ${lost} lost, ${silent} of them silently`);
    expect({ lost, silent }).toEqual({ lost: 0, silent: 0 });
  });

  it("is noticed when a ramp does not read the journal", async () => {
    expect((await losses(500, false)).silent).toBeGreaterThan(0);
  });
});

describe("an emergency that only a location still shows", () => {
  const HELD = {
    key: "config" as const,
    mark: "f00d",
    id: null,
    at: null,
    by: "ada@desk",
    reason: null,
  };

  /** It shows from the given sleep on; how the ramp ended. */
  async function shownFrom(sleep: number, plan: string, leaseS: number | null) {
    const stage = new RampStage();
    let sleeps = 0;
    stage.onSleep = () => {
      sleeps += 1;
      if (sleeps === sleep) stage.held = [HELD];
      if (sleeps === 500) throw new Error("the ramp goes on");
    };
    // Seen as the step settles, before anything is held.
    if (sleep === 0) stage.held = [HELD];
    const outcome = await stage.run(rampOf(plan, { leaseS }));
    const { config, stop } = stage;
    const highest = Math.max(...stage.writes.map(({ percent }) => percent));
    return { outcome, highest, stopped: isEmergency(parseState({ config, stop })) };
  }
  const GAVE_WAY = {
    outcome: { kind: "failed", code: "conflict", message: expect.stringContaining("ada@desk") },
    stopped: true,
    highest: 5,
  };

  it("was covered by the step: the ramp pulls the stop, names its author and ends", async () => {
    expect(await shownFrom(0, "5:2m,100", null)).toMatchObject(GAVE_WAY);
  });
  it("was covered by the renewal of a lease: likewise, while the step is held", async () => {
    expect(await shownFrom(6, "5:60m,100", 600)).toMatchObject(GAVE_WAY);
  });
});
