/**
 * AT-1 and AT-2 with the real detached ramp: people's words, by command and by hand, against ticks of the
 * cron, at every interleaving that fast-check draws. Each key that a tick or an isolate reads is late by
 * itself, by any number of versions, as KV's copies are.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { pullTheStop } from "../../src/commands/not-aus/not-aus.ts";
import { carryOut } from "../../src/commands/ramp/loop.ts";
import { DEFAULT_POLICY } from "../../src/domain/policy/numbers.ts";
import { isOver, parseRamp, type RampDocument } from "../../src/domain/ramp/document.ts";
import type { RampShare } from "../../src/domain/ramp/share.ts";
import { serialiseRampShare } from "../../src/domain/ramp/share.ts";
import type { CanaryConfig } from "../../src/domain/state/documents.ts";
import { parseConfig } from "../../src/domain/state/documents.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  type Memory,
  remember,
} from "../../src/domain/state/isolate-memory.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import { isEmergency, parseState } from "../../src/domain/state/state.ts";
import type { Settings } from "../../worker/env.ts";
import { stepRamp } from "../../worker/guardian/ramp.ts";
import { INPUT } from "../commands/ramp/stage.ts";
import { BASE, rampOf, START_MS } from "../domain/ramp/world.ts";
import { type ModelKv, modelStore, playOut, stored } from "../support/fake-ports.ts";
import { rampPorts, runReduce } from "../support/ramp-ports.ts";
import { runs } from "../support/runs.ts";

const RUNS = runs(1_500, 200);
const TICKS = 14;
const TICK_MS = 65_000;
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
  share: number;
  ramp: number;
}

const NOW: Late = { config: 0, stop: 0, share: 0, ramp: 0 };
const late = fc.record({
  config: fc.nat(3),
  stop: fc.nat(3),
  share: fc.nat(3),
  ramp: fc.nat(2),
});

const at = <T>(versions: readonly T[], lag: number): T | undefined =>
  versions[Math.max(0, versions.length - 1 - lag)];

interface Model {
  kv: Required<ModelKv>;
  documents: string[];
  journal: JournalEntry[];
}

function modelOf(ramp: RampDocument): Model {
  const kv = { config: [JSON.stringify(BASE)], stop: [null], share: [], cap: [null] };
  return { kv, documents: [JSON.stringify(ramp)], journal: [] };
}

function readLate({ kv }: Model, by: Late): RawState {
  return {
    config: at(kv.config, by.config) ?? null,
    stop: at(kv.stop, by.stop) ?? null,
    rampShare: at(kv.share, by.share) ?? null,
  };
}

/** How a tick raises; the second is the broken twin, as it was: a copy of `config` with another share. */
type Raise = (model: Model, share: RampShare) => void;
const besideConfig: Raise = ({ kv }, share) => {
  kv.share.push(serialiseRampShare(share));
};
const inConfig: Raise = ({ kv }, { base, percent, revision, at: last_updated }) => {
  const config = { ...base, canary_percent: percent, revision, last_updated };
  kv.config.push(JSON.stringify(config));
};

/** As tick.ts does it: read, one step, the share, then the document. */
async function tick(
  model: Model,
  by: Late,
  tickMs: number,
  raise: Raise,
  beforeWrite?: () => Promise<void>,
): Promise<void> {
  const ramp = parseRamp(at(model.documents, by.ramp) ?? null);
  if (ramp === null || isOver(ramp)) return;
  const raw = readLate(model, by);
  const step = await stepRamp({
    ramp,
    control: null,
    state: parseState(raw),
    stored: parseConfig(raw.config),
    observations: OBSERVATIONS,
    entries: { kind: "seen", value: [...model.journal] },
    policy: DEFAULT_POLICY,
    settings,
    tickMs,
    unheard: null,
  });
  await beforeWrite?.();
  if (step.share !== null) raise(model, step.share);
  model.documents.push(JSON.stringify(step.ramp));
}

// --- words by hand -------------------------------------------------------------------------------

const rampWritten = (): Model =>
  modelOf(rampOf("5:1m,25:1m,50:1m,100:30m", { gates: false, mode: "detached" }));

/** What people put there with wrangler, without an entry in the journal. All of them lower. */
const byHand: readonly ((nowMs: number) => CanaryConfig)[] = [
  () => ({ ...BASE, canary_percent: 0.5 }),
  (nowMs) => ({ ...BASE, canary_percent: 0, last_updated: new Date(nowMs).toISOString() }),
  (nowMs) => {
    const { revision: _, updated_by: __, ...rest } = BASE;
    return { ...rest, canary_percent: 0.25, last_updated: new Date(nowMs + 600_000).toISOString() };
  },
  () => ({ ...BASE, canary_percent: 0.1, last_updated: "now" }),
  () => ({ ...BASE, canary_tag: "B2b" }),
  // Yesterday's document, found in a folder.
  () => ({ ...BASE, canary_percent: 0, revision: "A", last_updated: "2026-02-28T09:00:00.000Z" }),
];

interface Isolate {
  memory: Memory;
  /** It has read a word that was written by hand. */
  told: boolean;
}

const ISOLATES = 3;
const event = fc.oneof(
  fc.record({ what: fc.constant("tick" as const), by: late }),
  fc.record({ what: fc.constant("read" as const), by: late, isolate: fc.nat(ISOLATES - 1) }),
  fc.record({ what: fc.constant("write" as const), word: fc.nat(byHand.length - 1) }),
);
const history = fc.record({
  events: fc.array(event, { minLength: 6, maxLength: 40 }),
  /** An isolate that was there before the ramp; a young one cannot know yesterday's document for old. */
  warm: fc.boolean(),
});
type Drawn = typeof event extends fc.Arbitrary<infer T> ? T : never;
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

type Fold = typeof remember;
/** Broken on purpose: an isolate that goes by its last read alone. */
const forgetful: Fold = (_memory, raw, nowMs) => remember(EMPTY_MEMORY, raw, nowMs);

interface World {
  model: Model;
  isolates: Isolate[];
  words: Set<string>;
  nowMs: number;
  /** Looks by isolates that had read a word by hand. */
  told: number;
  raise: Raise;
  fold: Fold;
}

/** Throws when an isolate raises over a word that it has read. */
function look(world: World, index: number, by: Late): void {
  const { model, isolates, words, nowMs } = world;
  const before = isolates[index] ?? fail();
  const raw = readLate(model, by);
  const memory = world.fold(before.memory, raw, nowMs);
  const told = before.told || words.has(raw.config ?? "");
  isolates[index] = { memory, told };
  if (!told) return;
  world.told += 1;
  const percent = effectiveState(memory, nowMs).config?.canary_percent ?? 0;
  expect(percent).toBeLessThanOrEqual(BASE.canary_percent);
}

async function happen(world: World, drawn: Drawn, warm: boolean): Promise<void> {
  const { model, words } = world;
  world.nowMs += TICK_MS;
  if (drawn.what === "tick") await tick(model, drawn.by, world.nowMs, world.raise);
  else if (drawn.what === "read") look(world, drawn.isolate, drawn.by);
  else {
    const word = byHand[warm ? drawn.word : drawn.word % (byHand.length - 1)] ?? fail();
    const text = JSON.stringify(word(world.nowMs));
    words.add(text);
    model.kv.config.push(text);
  }
}

/** Throws as well when anything is raised in the end, or the ramp has not heard of it. */
async function playByHand({ events, warm }: History, raise: Raise, fold: Fold): Promise<number> {
  const model = rampWritten();
  const memory = warm
    ? remember(EMPTY_MEMORY, readLate(model, NOW), START_MS - TICK_MS)
    : EMPTY_MEMORY;
  const isolates = Array.from({ length: ISOLATES }, () => ({ memory, told: false }));
  const world = {
    model,
    isolates,
    words: new Set<string>(),
    nowMs: START_MS,
    told: 0,
    raise,
    fold,
  };
  for (const drawn of events) await happen(world, drawn, warm);
  if (world.words.size === 0) return 0;
  for (let i = 0; i < 2; i += 1) await happen(world, { what: "tick", by: NOW }, warm);
  const { config } = parseState(readLate(model, NOW));
  if (config.kind === "valid") expect(config.value.canary_percent).toBeLessThanOrEqual(1);
  for (let index = 0; index < ISOLATES; index += 1) look(world, index, NOW);
  expect(world.isolates.every(({ told }) => told)).toBe(true);
  expect(parseRamp(model.documents.at(-1) ?? null)?.state).toMatch(/^(conflict|done)$/);
  return world.told;
}

function fail(): never {
  throw new Error("there is no such thing");
}

it(`no isolate raises over a word by hand that it has read, in ${RUNS} histories`, async () => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      told += await playByHand(given, besideConfig, remember);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  console.log(`detached ramp: ${RUNS} histories, ${told} looks after a word by hand, 0 raises`);
  expect(told).toBeGreaterThan(RUNS);
});

it.each([
  ["the cron wrote config", inConfig, remember],
  ["an isolate forgot what it has read", besideConfig, forgetful],
])("would raise over it if %s", async (_, raise, fold) => {
  const result = await fc.check(
    fc.asyncProperty(history, async (given) => void (await playByHand(given, raise, fold))),
    { numRuns: 1_000 },
  );
  expect(result.failed).toBe(true);
});

it("ends as a conflict against a disable by hand of 20 s before, which the tick cannot see yet", async () => {
  const model = rampWritten();
  let nowMs = START_MS;
  const next = (by: Late): Promise<void> => {
    nowMs += 2 * TICK_MS;
    return tick(model, by, nowMs, besideConfig);
  };
  for (let i = 0; i < 4; i += 1) await next(NOW);
  const before = model.kv.share.length;
  const disabled = { ...BASE, canary_percent: 0 };
  model.kv.config.push(JSON.stringify(disabled));
  await next({ ...NOW, config: 1 });
  expect(model.kv.share.length).toBe(before + 1);
  expect(parseState(stored(model.kv)).config).toMatchObject({ value: { canary_percent: 0 } });
  await next(NOW);
  const ramp = parseRamp(model.documents.at(-1) ?? null);
  expect(ramp).toMatchObject({ state: "conflict", ended: { by: BASE.updated_by } });
  expect(model.kv.config).toEqual([JSON.stringify(BASE), JSON.stringify(disabled)]);
});

// --- words by command ----------------------------------------------------------------------------

async function cron(
  model: Model,
  scheduler: fc.Scheduler,
  lateness: readonly Late[],
  raise: Raise,
): Promise<void> {
  for (let i = 0; i < TICKS; i += 1) {
    const next = () => scheduler.schedule(Promise.resolve(), "cron");
    await next();
    const by = lateness[i % lateness.length] ?? NOW;
    await tick(model, by, START_MS + i * 2 * TICK_MS, raise, next);
  }
}

it("attached ramp, the cron's ramp and a stop at once: 0 lost, and the attached one ends", async () => {
  const lateness = fc.array(late, { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), lateness, async (scheduler, drawn) => {
      const detached = rampOf("5:1m,50:1m,100", { gates: false, mode: "detached", id: "CRON" });
      const plan = detached.plan.map((step, index) => ({ ...step, revision: `CRON${index}` }));
      const model = modelOf({ ...detached, plan });
      const { kv, journal } = model;
      const file = { text: null as string | null };
      const store = modelStore(kv, scheduler, [0, 1, 0]);
      const ports = rampPorts(kv, store, file, journal, false);
      await playOut(
        scheduler,
        Promise.all([
          carryOut(rampOf("10:1s,60:1s,100", { gates: false }), { ...INPUT, verify: false }, ports),
          cron(model, scheduler, [...drawn, NOW], besideConfig),
          pullTheStop(GIVEN, rampPorts(kv, store, { text: null }, journal, true)),
        ]),
      );
      expect(isEmergency(parseState(stored(kv)))).toBe(true);
      expect(parseRamp(file.text)?.state).toMatch(/^(conflict|done)$/);
    }),
    { numRuns: RUNS / 2, endOnFailure: true },
  );
});

/** Histories in which neither the reduction is in force in the end nor its author has heard. */
async function silentLosses(histories: number, raise: Raise): Promise<number> {
  let silent = 0;
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const model = rampWritten();
      const { kv } = model;
      const ports = rampPorts(kv, modelStore(kv, scheduler, [0]), { text: null }, [], true);
      const [, heard] = await playOut(
        scheduler,
        Promise.all([cron(model, scheduler, [NOW], raise), runReduce(ports)]),
      );
      await playOut(scheduler, cron(model, scheduler, [NOW], raise));
      const { config } = parseState(stored(kv));
      const reduced = config.kind === "valid" && config.value.canary_percent === 0.5;
      if (!reduced && heard === "done") silent += 1;
    }),
    { numRuns: histories, endOnFailure: true },
  );
  return silent;
}

it("AT-2: a reduction against the cron's ramp is in force, or its author has heard", async () => {
  const silent = await silentLosses(RUNS / 2, besideConfig);
  console.log(`AT-2, detached ramp: ${RUNS / 2} histories, ${silent} silent losses`);
  expect(silent).toBe(0);
  expect(await silentLosses(500, inConfig)).toBeGreaterThan(0);
});
