/**
 * Words by hand, without an entry in the journal, against what the guardian does by itself. Each key that a
 * tick reads is late by itself, by any number of versions, far beyond what KV allows. (AT-1, AT-2)
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { GUARDIAN_CAP_KEY, parseCap, serialiseCap } from "../../src/domain/guardian/cap.ts";
import type { Action } from "../../src/domain/guardian/decide.ts";
import { decideAction, newestAction } from "../../src/domain/guardian/decide.ts";
import type { GuardianArm } from "../../src/domain/guardian/document.ts";
import type { CanaryConfig } from "../../src/domain/state/documents.ts";
import {
  CONFIG_KEY,
  parseConfig,
  STOP_KEY,
  serialiseStop,
} from "../../src/domain/state/documents.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  type Memory,
  remember,
} from "../../src/domain/state/isolate-memory.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import { isEmergency, parseState, rawState } from "../../src/domain/state/state.ts";
import { BASE, START_MS } from "../domain/ramp/world.ts";
import { runs } from "../support/runs.ts";

const RUNS = runs(2_000, 250);
const TICK_MS = 60_000;
const ISOLATES = 3;
const FULL: CanaryConfig = { ...BASE, canary_percent: 50 };

/** What people put there, each lower than what was; some copy a document, revision, date and all. */
const WORDS: readonly ((nowMs: number) => CanaryConfig)[] = [
  () => ({ ...FULL, canary_percent: 2 }),
  (nowMs) => ({ ...FULL, canary_percent: 2, last_updated: new Date(nowMs).toISOString() }),
  () => ({ ...FULL, canary_percent: 0 }),
  (nowMs) => seed(0, false, nowMs),
  (nowMs) => seed(1, false, nowMs - 900_000),
  (nowMs) => seed(3, false, nowMs + 900_000),
  (nowMs) => seed(50, true, nowMs),
  (nowMs) => seed(50, true, nowMs - 900_000),
];

function seed(canary_percent: number, emergency_proxy: boolean, atMs: number): CanaryConfig {
  const last_updated = new Date(atMs).toISOString();
  return { canary_percent, canary_tag: "B2a", emergency_proxy, last_updated };
}

type Kv = Record<string, (string | null)[]>;

/** How an action is written; the second is the broken twin, as it was: a copy of `config` with another share. */
type Write = (kv: Kv, action: Action) => void;
const byOwnKey: Write = (kv, { stop, cap }) => {
  if (stop !== null) kv[STOP_KEY]?.push(serialiseStop(stop));
  if (cap !== null) kv[GUARDIAN_CAP_KEY]?.push(serialiseCap(cap));
};
const inConfig: Write = (kv, { before, cap, stop, id, kind }) => {
  const emergency_proxy = stop !== null;
  const canary_percent = kind === "reduce" ? (cap?.percent ?? 0) : 0;
  const config = { ...before, canary_percent, emergency_proxy, revision: id };
  kv[CONFIG_KEY]?.push(JSON.stringify(config));
};

const lag = fc.record({
  config: fc.nat(6),
  stop: fc.nat(6),
  cap: fc.nat(6),
});
const kinds = fc.constantFrom("reduce" as const, "disable" as const, "not-aus" as const);
const event = fc.oneof(
  fc.record({ what: fc.constant("tick" as const), late: lag, recommendation: kinds }),
  fc.record({ what: fc.constant("write" as const), word: fc.nat(WORDS.length - 1) }),
  fc.record({ what: fc.constant("read" as const), isolate: fc.nat(ISOLATES - 1) }),
  fc.record({ what: fc.constant("arm" as const) }),
);
type Drawn = typeof event extends fc.Arbitrary<infer T> ? T : never;

interface World {
  kv: Kv;
  nowMs: number;
  arm: GuardianArm | null;
  /** The last word by hand. */
  word: CanaryConfig | null;
  isolates: Memory[];
  actions: number;
}

function read(kv: Kv, late: Record<string, number> = {}): RawState {
  const lagOf: Record<string, number | undefined> = {
    [CONFIG_KEY]: late.config,
    [STOP_KEY]: late.stop,
    [GUARDIAN_CAP_KEY]: late.cap,
  };
  return rawState((key) => {
    const versions = kv[key] ?? [null];
    return versions[Math.max(0, versions.length - 1 - (lagOf[key] ?? 0))] ?? null;
  });
}

function act(world: World, { late, recommendation }: Drawn & { what: "tick" }, write: Write): void {
  const raw = read(world.kv, late);
  const action = decideAction({
    tickMs: world.nowMs,
    mode: "enforce",
    guardian: null,
    arm: world.arm,
    cap: parseCap(raw.cap ?? null),
    entries: [],
    state: parseState(raw),
    assessment: { verdict: "fail", problems: [], recommendation },
  });
  if (action === null) return;
  world.actions += 1;
  write(world.kv, action);
}

function happen(world: World, drawn: Drawn, write: Write): void {
  const { kv } = world;
  world.nowMs += TICK_MS;
  if (drawn.what === "tick") act(world, drawn, write);
  else if (drawn.what === "write") {
    const word = (WORDS[drawn.word] ?? WORDS[0])?.(world.nowMs) ?? FULL;
    world.word = word;
    kv[CONFIG_KEY]?.push(JSON.stringify(word));
  } else if (drawn.what === "arm") {
    const raw = read(kv);
    const cap = parseCap(raw.cap ?? null);
    const known = { guardian: null, cap, entries: [], state: parseState(raw) };
    const through = newestAction(known, world.nowMs)?.id ?? null;
    world.arm = { schema: 1, at: "", by: "ada", id: String(world.nowMs), through };
  } else look(world, drawn.isolate);
}

function look(world: World, index: number): void {
  const memory = remember(world.isolates[index] ?? EMPTY_MEMORY, read(world.kv), world.nowMs);
  world.isolates[index] = memory;
  const { config, emergency } = effectiveState(memory, world.nowMs);
  obeys(world, config?.canary_percent ?? 0, emergency);
}

/** Not above the human's last word, and in an emergency while that asks for one. */
function obeys({ word }: World, percent: number, emergency: boolean): void {
  if (word === null) return;
  expect(percent).toBeLessThanOrEqual(word.canary_percent);
  if (word.emergency_proxy) expect(emergency).toBe(true);
}

/** How often the guardian has acted. Throws as soon as it covers a word. */
function play(events: readonly Drawn[], write: Write): number {
  const kv = {
    [CONFIG_KEY]: [JSON.stringify(FULL)],
    [STOP_KEY]: [null],
    [GUARDIAN_CAP_KEY]: [null],
  };
  const isolates = Array.from({ length: ISOLATES }, () => EMPTY_MEMORY);
  const world: World = { kv, nowMs: START_MS, arm: null, word: null, isolates, actions: 0 };
  for (const drawn of events) {
    happen(world, drawn, write);
    const state = parseState(read(kv));
    const percent = state.config.kind === "valid" ? state.config.value.canary_percent : 0;
    obeys(world, percent, isEmergency(state));
    const { word } = world;
    // What was written by hand is still there, to the letter.
    if (word !== null) expect(parseConfig(read(kv).config)).toMatchObject({ value: word });
  }
  for (let index = 0; index < ISOLATES; index += 1) look(world, index);
  return world.word === null ? 0 : world.actions;
}

const histories = fc.array(event, { minLength: 4, maxLength: 30 });

it(`raises nothing over a word by hand and lifts no emergency, in ${RUNS} histories`, () => {
  let actions = 0;
  fc.assert(
    fc.property(histories, (events) => {
      actions += play(events, byOwnKey);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  console.log(`guardian: ${RUNS} histories, ${actions} actions beside words by hand, 0 raises`);
  expect(actions).toBeGreaterThan(RUNS / 2);
});

it("would raise and lift if it wrote a copy of config", () => {
  const copy = (events: readonly Drawn[]): void => void play(events, inConfig);
  expect(fc.check(fc.property(histories, copy), { numRuns: 1_000 }).failed).toBe(true);
  const stale = { config: 1, stop: 0, cap: 0 };
  const reduce = { what: "tick", late: stale, recommendation: "reduce" } as const;
  for (const word of [0, 2, 6]) {
    const history: Drawn[] = [{ what: "write", word }, reduce];
    expect(() => play(history, inConfig)).toThrow();
    expect(play(history, byOwnKey)).toBe(1);
  }
});
