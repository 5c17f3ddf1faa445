/** AT-6: stale, reordered and negative-cached reads never undo a stop that was seen. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Name, StopDocument } from "../../src/domain/state/documents.ts";
import { serialiseStop } from "../../src/domain/state/documents.ts";
import { nameOf, readEmergencies } from "../../src/domain/state/emergency.ts";
import type { Held, Ledger } from "../../src/domain/state/emergency-ledger.ts";
import { EMPTY_LEDGER } from "../../src/domain/state/emergency-ledger.ts";
import type { EffectiveState, Memory } from "../../src/domain/state/isolate-memory.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  remember,
  rememberFailure,
} from "../../src/domain/state/isolate-memory.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import { parseState } from "../../src/domain/state/state.ts";
import { releaseOf, watermarkOf } from "../../src/domain/state/transitions.ts";
import { runs } from "../support/runs.ts";
import { configText } from "../worker/harness.ts";

const SEQUENCES = runs(100_000, 10_000);
const seed = Number(process.env.PIXCANARY_SEED ?? Date.now() % 2 ** 31);
const START_MS = Date.parse("2026-01-01T00:00:00Z");

/** One write to the central store, in the order of the list. */
type Write =
  | "stop"
  | "stop by hand"
  | "stop without a time"
  | "release"
  | "release by hand"
  | "unreadable stop"
  | "emergency in config"
  | "unreadable emergency in config"
  | "no emergency in config";

/** One read by one isolate: which version of each key it is served, or how it fails. */
type Read = { config: number; stop: number } | "failure" | "absent stop" | "absent both";

interface Version {
  text: string | null;
  /** What the oracle goes by; the fold sees the text alone. */
  active: boolean;
  readable: boolean;
  /** Whether it says what it ends. */
  names: boolean;
  /** Nobody reads a value before it is written. */
  writtenAtMs: number;
}

interface World {
  stops: Version[];
  configs: Version[];
}

/** Every key starts absent; each write appends a version to its key, one minute after the last. */
function worldOf(writes: readonly Write[]): World {
  const none: Version = {
    text: null,
    active: false,
    readable: false,
    names: false,
    writtenAtMs: START_MS,
  };
  const config = (emergency: boolean, nowMs: number): Version => ({
    text: configText({
      canary_percent: 100,
      emergency_proxy: emergency,
      last_updated: new Date(nowMs).toISOString(),
    }),
    active: emergency,
    readable: true,
    names: false,
    writtenAtMs: nowMs,
  });
  const world: World = { stops: [none], configs: [none, config(false, START_MS)] };
  let newest: StopDocument | null = null;
  for (const [index, write] of writes.entries()) {
    const nowMs = START_MS + (index + 1) * 60_000;
    const author = { actor: "oncall", reason: undefined, nowMs, id: `id-${index}` };
    const at = new Date(nowMs).toISOString();
    const add = (stop: StopDocument): void => {
      const { active } = stop;
      const text = serialiseStop(stop);
      const names = stop.releases !== undefined;
      world.stops.push({ text, active, readable: true, names, writtenAtMs: nowMs });
    };
    const unreadable = (text: string): Version => {
      return { text, active: true, readable: false, names: false, writtenAtMs: nowMs };
    };
    if (write === "stop") {
      newest = { active: true, id: author.id, at };
      add(newest);
    } else if (write === "stop by hand" || write === "stop without a time") {
      // Two that are the same to the letter nobody could tell apart.
      newest = { active: true, ...(write === "stop by hand" ? { at } : { reason: `no ${index}` }) };
      add(newest);
    } else if (write === "release") {
      add(releaseOf(watermarkOf(newest ?? {}, at), author, namesOf(world.stops)));
    } else if (write === "release by hand") add({ active: false, at });
    else if (write === "unreadable stop") world.stops.push(unreadable('{"active":tr'));
    else if (write === "unreadable emergency in config") {
      world.configs.push(unreadable('{"canary_percent":"0","emergency_proxy":true}'));
    } else world.configs.push(config(write === "emergency in config", nowMs));
  }
  return world;
}

/** As `restore` has them from KV, from every `/qa` and from the journal. */
function namesOf(versions: readonly Version[]): Name[] {
  return versions.flatMap(({ text }) => {
    const { asked } = readEmergencies({ config: null, stop: text }).stop;
    return asked === null ? [] : [nameOf(asked)];
  });
}

type Fold = (memory: Memory, raw: RawState, nowMs: number) => Memory;

const realFold: Fold = remember;

const withHeld = (ledger: Ledger, keep: (held: Held) => boolean): Ledger => ({
  ...ledger,
  held: ledger.held.filter(keep),
});

/** Broken on purpose: a read without a stop is taken for news. */
const forgetsOnAbsent: Fold = (memory, raw, nowMs) =>
  realFold(raw.stop === null ? { ...memory, stops: EMPTY_LEDGER } : memory, raw, nowMs);

/** Broken on purpose: the last read wins, however old. */
const lastReadWins: Fold = (memory, raw, nowMs) =>
  realFold({ ...memory, stops: EMPTY_LEDGER, configs: EMPTY_LEDGER }, raw, nowMs);

/** Broken on purpose: an unreadable value counts only as long as it is what the last read held. */
const forgetsUnreadable: Fold = (memory, raw, nowMs) => {
  const readable = (ledger: Ledger) => withHeld(ledger, (held) => held.readable);
  const { stops, configs } = memory;
  return realFold({ ...memory, stops: readable(stops), configs: readable(configs) }, raw, nowMs);
};

/** Broken on purpose: what is read in one key clears what was unreadable in the other. */
const forgetsTheOtherKey: Fold = (memory, raw, nowMs) => {
  const next = realFold(memory, raw, nowMs);
  const { config, stop } = parseState(raw);
  return {
    ...next,
    stops: withHeld(next.stops, (held) => held.readable || config.kind !== "valid"),
    configs: withHeld(next.configs, (held) => held.readable || stop.kind !== "valid"),
  };
};

/** Broken on purpose: a stop without a time is older than everything. */
const oldWithoutATime: Fold = (memory, raw, nowMs) => {
  const { stop } = parseState(raw);
  const timeless = stop.kind === "valid" && stop.value.active && stop.value.at === undefined;
  const at = new Date(0).toISOString();
  const dated = timeless ? JSON.stringify({ ...stop.value, at }) : raw.stop;
  return realFold(memory, { ...raw, stop: dated }, nowMs);
};

/** Broken on purpose: any release will do. */
const anyRelease: Fold = (memory, raw, nowMs) => {
  const { stop } = parseState(raw);
  const released = stop.kind === "valid" && !stop.value.active;
  return realFold(released ? { ...memory, stops: EMPTY_LEDGER } : memory, raw, nowMs);
};

/** Broken on purpose: once stopped, for ever. */
const neverReleases: Fold = (memory, raw, nowMs) => {
  const next = realFold(memory, raw, nowMs);
  return memory.stops.held.length === 0 ? next : { ...next, stops: memory.stops };
};

/** Versions that the isolate has seen ask for an emergency, and the newest that takes it back. */
class Oracle {
  #newestActive = 0;
  #newestRelease = 0;
  #unreadable = false;
  readonly #seen = new Set<number>();

  hasSeen(index: number): boolean {
    return this.#seen.has(index);
  }

  see(version: Version | undefined, index: number): void {
    this.#seen.add(index);
    if (version?.readable !== true) {
      if (version?.active === true) this.#unreadable = true;
      return;
    }
    this.#unreadable = false;
    if (version.active) this.#newestActive = Math.max(this.#newestActive, index);
    else this.#newestRelease = Math.max(this.#newestRelease, index);
  }

  get active(): boolean {
    return this.#unreadable || this.#newestActive > this.#newestRelease;
  }
}

/** Plays the reads; says at which one a stop that was seen had been forgotten, or was kept too long. */
function complaint(fold: Fold, writes: readonly Write[], reads: readonly Read[]): string | null {
  const world = worldOf(writes);
  const stops = new Oracle();
  const configs = new Oracle();
  let memory = EMPTY_MEMORY;
  const seen = { stops, configs, nowMs: START_MS };
  for (const [turn, read] of reads.entries()) {
    memory = readOnce(fold, memory, world, read, seen);
    const state = effectiveState(memory, START_MS);
    if ((stops.active || configs.active) && !state.emergency) return `forgotten at read ${turn}`;
  }
  // At last the newest of both: an isolate that has read them must do as they say.
  const newest = { config: world.configs.length - 1, stop: world.stops.length - 1 };
  const inDoubt =
    isInDoubt(memory.stops, world.stops.at(-1), stops.hasSeen(newest.stop)) ||
    isInDoubt(memory.configs, world.configs.at(-1), configs.hasSeen(newest.config));
  memory = readOnce(fold, memory, world, newest, seen);
  const held = stops.active || configs.active || inDoubt;
  return afterTheNewest(world, effectiveState(memory, START_MS), held);
}

/**
 * What names nothing and was read before cannot tell an old copy of what it ended from what is younger
 * but its author's clock is behind; nor can it, read for the first time, tell what has no time from what
 * was written after it, when that was first seen after it: then it may stay proxy.
 */
function isInDoubt(ledger: Ledger, newest: Version | undefined, readBefore: boolean): boolean {
  if (newest?.names !== false) return false;
  return ledger.held.some(
    ({ ownMs, seenMs }) => readBefore || (!Number.isFinite(ownMs) && seenMs > newest.writtenAtMs),
  );
}

function afterTheNewest(world: World, state: EffectiveState, held: boolean): string | null {
  const [stop, config] = [world.stops.at(-1), world.configs.at(-1)];
  const wanted = stop?.active === true || config?.active === true;
  if (wanted && !state.emergency) return "the newest state is not obeyed";
  if (!wanted && !held && state.emergency) return "a release is not obeyed";
  return null;
}

function readOnce(
  fold: Fold,
  memory: Memory,
  world: World,
  read: Read,
  seen: { stops: Oracle; configs: Oracle; nowMs: number },
): Memory {
  if (read === "failure") return rememberFailure(memory);
  if (read === "absent both") return fold(memory, { config: null, stop: null }, seen.nowMs);
  const newest = { config: world.configs.length - 1, stop: 0 };
  const asked = read === "absent stop" ? newest : read;
  const at = {
    config: asked.config % world.configs.length,
    stop: asked.stop % world.stops.length,
  };
  const [config, stop] = [world.configs[at.config], world.stops[at.stop]];
  seen.configs.see(config, at.config);
  seen.stops.see(stop, at.stop);
  seen.nowMs = Math.max(seen.nowMs, config?.writtenAtMs ?? 0, stop?.writtenAtMs ?? 0);
  return fold(memory, { config: config?.text ?? null, stop: stop?.text ?? null }, seen.nowMs);
}

const writes = fc.array(
  fc.constantFrom<Write>(
    "stop",
    "stop",
    "stop by hand",
    "stop without a time",
    "release",
    "release",
    "release by hand",
    "unreadable stop",
    "emergency in config",
    "unreadable emergency in config",
    "no emergency in config",
  ),
  { maxLength: 6 },
);
const reads = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ config: fc.nat(9), stop: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.constantFrom<Read>("failure", "absent stop", "absent both") },
  ),
  { maxLength: 8 },
);

const property = (fold: Fold) =>
  fc.property(writes, reads, (some, others) => complaint(fold, some, others) === null);

describe("AT-6", () => {
  test(`${SEQUENCES} sequences of reads: never native after a stop that was seen, until a newer release`, () => {
    const parameters = { seed, numRuns: SEQUENCES };
    const { numRuns, failed, counterexample } = fc.check(property(realFold), parameters);
    const shown = counterexample === null ? "" : fc.stringify(counterexample);
    const why = counterexample === null ? "" : complaint(realFold, ...counterexample);
    console.log(`AT-6: seed ${seed}, ${numRuns} sequences${failed ? `: ${why} in ${shown}` : ""}`);
    expect([failed, why, shown]).toEqual([false, "", ""]);
  });

  test.each<[string, Fold]>([
    ["forgets on an absent read", forgetsOnAbsent],
    ["believes the last read", lastReadWins],
    ["takes any release, however old", anyRelease],
    ["forgets what was unreadable", forgetsUnreadable],
    ["takes one key's word for the other", forgetsTheOtherKey],
    ["takes a stop without a time for old", oldWithoutATime],
    ["never releases", neverReleases],
  ])("a fold that %s is caught", (_name, fold) => {
    expect(fc.check(property(fold), { seed, numRuns: 20_000 }).failed).toBe(true);
  });
});
