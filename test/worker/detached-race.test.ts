/**
 * AT-1 with the real detached ramp: `not-aus` against ticks of the cron that carries the ramp out, at every
 * interleaving that fast-check draws. Each key that a tick reads is late by itself, as KV's copies are.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { pullTheStop } from "../../src/commands/not-aus.ts";
import type { JournalEntry } from "../../src/domain/journal.ts";
import { DEFAULT_POLICY } from "../../src/domain/policy.ts";
import { isOver, parseRamp, type RampDocument } from "../../src/domain/ramp-document.ts";
import { isEmergency, parseConfig, parseState } from "../../src/domain/state.ts";
import type { Settings } from "../../worker/env.ts";
import { stepRamp } from "../../worker/guardian/ramp.ts";
import { BASE, rampOf, START_MS } from "../domain/ramp-world.ts";
import {
  type ModelKv,
  modelPorts,
  modelStore,
  playOut,
  singleKeyStore,
  stored,
} from "../support/fake-ports.ts";

const RUNS = Number(process.env.PIXCANARY_RAMP_RACE_RUNS ?? 5_000);
const TICKS = 14;
const GIVEN = {
  reason: "race",
  incident: undefined,
  force: false,
  verify: false,
  timeoutMs: 10_000,
};
const UNSEEN = { kind: "unseen", because: "no metrics in a race" } as const;
const OBSERVATIONS = {
  nowS: 0,
  health: UNSEEN,
  failures: UNSEEN,
  orphans: UNSEEN,
  lastReductionS: UNSEEN,
};
/** Without metrics, live is a matter of time. */
const settings = { analytics: null } as unknown as Settings;

interface Late {
  config: number;
  stop: number;
  ramp: number;
}

const lateness = fc
  .array(fc.record({ config: fc.nat(2), stop: fc.nat(2), ramp: fc.nat(2) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((all) => [...all, { config: 0, stop: 0, ramp: 0 }]);

const at = <T>(versions: readonly T[], late: number): T | undefined =>
  versions[Math.max(0, versions.length - 1 - late)];

/** As tick.ts does it: read, one step, config, then the document. */
async function cron(
  kv: ModelKv,
  documents: string[],
  scheduler: fc.Scheduler,
  late: readonly Late[],
  entries: readonly JournalEntry[],
): Promise<void> {
  for (let tick = 0; tick < TICKS; tick += 1) {
    const by = late[tick % late.length] ?? { config: 0, stop: 0, ramp: 0 };
    await scheduler.schedule(Promise.resolve(), "cron reads");
    const ramp = parseRamp(at(documents, by.ramp) ?? null);
    if (ramp === null || isOver(ramp)) continue;
    const state = parseState({
      config: at(kv.config, by.config) ?? null,
      stop: at(kv.stop, by.stop) ?? null,
    });
    const step = await stepRamp({
      ramp,
      control: null,
      state,
      observations: OBSERVATIONS,
      entries: { kind: "seen", value: [...entries] },
      policy: DEFAULT_POLICY,
      settings,
      tickMs: START_MS + tick * 130_000,
    });
    if (step.config !== null) {
      await scheduler.schedule(Promise.resolve(), "cron writes config");
      kv.config.push(JSON.stringify(step.config));
    }
    await scheduler.schedule(Promise.resolve(), "cron writes ramp");
    documents.push(JSON.stringify(step.ramp));
  }
}

interface Played {
  kv: ModelKv;
  ramp: RampDocument | null;
  /** The highest share that was in force after the stop was stored. */
  afterStop: number;
}

async function play(
  scheduler: fc.Scheduler,
  late: readonly Late[],
  twin: typeof modelStore,
): Promise<Played> {
  const kv: ModelKv = { config: [JSON.stringify(BASE)], stop: [null] };
  const documents = [
    JSON.stringify(rampOf("5:1m,25:1m,50:1m,100", { gates: false, mode: "detached" })),
  ];
  const ports = modelPorts(twin(kv, scheduler, [0]));
  let afterStop = 0;
  const push = kv.config.push.bind(kv.config);
  kv.config.push = (...values) => {
    const length = push(...values);
    const state = parseState(stored(kv));
    const pulled = kv.stop.length > 1;
    const config = parseConfig(values[0] ?? null);
    if (pulled && !isEmergency(state) && config.kind === "valid") {
      afterStop = Math.max(afterStop, config.value.canary_percent);
    }
    return length;
  };
  await playOut(
    scheduler,
    Promise.all([cron(kv, documents, scheduler, late, []), pullTheStop(GIVEN, ports)]),
  );
  return { kv, ramp: parseRamp(documents.at(-1) ?? null), afterStop };
}

it(`a stop is never lost in ${RUNS} interleavings with the cron's ramp, and nothing rises after it`, async () => {
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), lateness, async (scheduler, late) => {
      const { kv, ramp, afterStop } = await play(scheduler, late, modelStore);
      expect(isEmergency(parseState(stored(kv)))).toBe(true);
      expect(afterStop).toBe(0);
      const state = ramp?.state ?? "none";
      ends.set(state, (ends.get(state) ?? 0) + 1);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  console.log(`AT-1, detached ramp: ${RUNS} interleavings, 0 lost, ${JSON.stringify([...ends])}`);
  expect(ends.get("conflict") ?? 0).toBeGreaterThan(0);
});

it("could be lost with a single key", async () => {
  const result = await fc.check(
    fc.asyncProperty(fc.scheduler(), lateness, async (scheduler, late) => {
      const { kv } = await play(scheduler, late, singleKeyStore);
      return (
        isEmergency(parseState(stored(kv))) ||
        isEmergency(parseState({ config: kv.config.at(-1) ?? null, stop: null }))
      );
    }),
    { numRuns: 1_000 },
  );
  expect(result.failed).toBe(true);
});
