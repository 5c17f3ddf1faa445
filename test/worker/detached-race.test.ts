/**
 * AT-1 with the real detached ramp: `not-aus` against ticks of the cron that carries the ramp out, at every
 * interleaving that fast-check draws. Each key that a tick reads is late by itself, as KV's copies are.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { pullTheStop } from "../../src/commands/not-aus.ts";
import { carryOut } from "../../src/commands/ramp/run.ts";
import type { JournalEntry } from "../../src/domain/journal.ts";
import { DEFAULT_POLICY } from "../../src/domain/policy.ts";
import { isOver, parseRamp, type RampDocument } from "../../src/domain/ramp-document.ts";
import { isEmergency, parseConfig, parseState } from "../../src/domain/state.ts";
import type { Settings } from "../../worker/env.ts";
import { stepRamp } from "../../worker/guardian/ramp.ts";
import { INPUT } from "../commands/ramp-stage.ts";
import { BASE, rampOf, START_MS } from "../domain/ramp-world.ts";
import {
  type ModelKv,
  modelPorts,
  modelStore,
  playOut,
  singleKeyStore,
  stored,
} from "../support/fake-ports.ts";
import { rampPorts, runReduce } from "../support/ramp-ports.ts";

const RUNS = Number(process.env.PIXCANARY_RAMP_RACE_RUNS ?? 3_000);
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
    for (const config of [step.config, step.action?.config ?? null]) {
      if (config === null) continue;
      await scheduler.schedule(Promise.resolve(), "cron writes config");
      kv.config.push(JSON.stringify(config));
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

it("attached ramp, the cron's ramp and a stop at once: 0 lost, and the attached one ends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), lateness, async (scheduler, late) => {
      const kv: ModelKv = { config: [JSON.stringify(BASE)], stop: [null] };
      const detached = rampOf("5:1m,50:1m,100", { gates: false, mode: "detached", id: "CRON" });
      const plan = detached.plan.map((step, index) => ({ ...step, revision: `CRON${index}` }));
      const documents = [JSON.stringify({ ...detached, plan })];
      const file = { text: null as string | null };
      const journal: JournalEntry[] = [];
      const store = modelStore(kv, scheduler, [0, 1, 0]);
      const ports = rampPorts(kv, store, file, journal, false);
      await playOut(
        scheduler,
        Promise.all([
          carryOut(rampOf("10:1s,60:1s,100", { gates: false }), { ...INPUT, verify: false }, ports),
          cron(kv, documents, scheduler, late, journal),
          pullTheStop(GIVEN, rampPorts(kv, store, { text: null }, journal, true)),
        ]),
      );
      expect(isEmergency(parseState(stored(kv)))).toBe(true);
      expect(parseRamp(file.text)?.state).toMatch(/^(conflict|done)$/);
    }),
    { numRuns: RUNS / 2, endOnFailure: true },
  );
});

it("AT-2: a reduction that the cron has written over is put back in force, or its author has heard", async () => {
  const count = async (runs: number, journalIsRead: boolean): Promise<number> => {
    let silent = 0;
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const kv: ModelKv = { config: [JSON.stringify(BASE)], stop: [null] };
        const first = rampOf("5:1m,25:1m,50:1m,100:30m", { gates: false, mode: "detached" });
        const documents = [JSON.stringify(first)];
        const journal: JournalEntry[] = [];
        const ports = rampPorts(kv, modelStore(kv, scheduler, [0]), { text: null }, journal, true);
        const now = [{ config: 0, stop: 0, ramp: 0 }];
        const [, heard] = await playOut(
          scheduler,
          Promise.all([
            cron(kv, documents, scheduler, now, journalIsRead ? journal : []),
            runReduce(ports),
          ]),
        );
        await playOut(scheduler, cron(kv, documents, scheduler, now, journalIsRead ? journal : []));
        const config = parseConfig(kv.config.at(-1) ?? null);
        const reduced = config.kind === "valid" && config.value.canary_percent === 0.5;
        const told = parseRamp(documents.at(-1) ?? null)?.state === "conflict" || heard !== "done";
        if (!reduced && !told) silent += 1;
      }),
      { numRuns: runs, endOnFailure: true },
    );
    return silent;
  };
  const silent = await count(RUNS / 2, true);
  console.log(`AT-2, detached ramp: ${RUNS / 2} histories, ${silent} silent losses`);
  expect(silent).toBe(0);
  expect(await count(500, false)).toBeGreaterThan(0);
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
