/**
 * What a history is drawn from: who does what when, and what is broken meanwhile. All of it is data, so that a
 * failing history can be made shorter, piece by piece.
 */
import { type Dice, diceFor } from "./dice.ts";

export const START_MS = Date.parse("2026-03-01T10:00:00Z");

export interface Location {
  name: string;
  /** The age that a copy of KV may reach here. */
  lagMs: number;
  /** Caches that answer in turns: with two, a read may go back in time. */
  tiers: 1 | 2;
  /** Whether the operators know a `/qa` here. */
  hasQa: boolean;
}

export interface IsolateLife {
  at: string;
  bornMs: number;
  diesMs: number;
  /** When visitors come. */
  visitsMs: readonly number[];
}

export type Verb = "not-aus" | "restore" | "reduce" | "disable" | "ramp" | "ramp detached";

export interface Operation {
  who: string;
  verb: Verb;
  atMs: number;
  /** Of this machine's clock. */
  skewMs: number;
  timeoutMs: number;
  verify: boolean;
  /** Between the plan and the yes; of who types `--yes`, 0. */
  thinksMs: number;
  yes: boolean;
  to: number | null;
  /** Ctrl-C. */
  interruptMs: number | null;
  /** kill -9. */
  killMs: number | null;
}

export type Trouble =
  /** Nothing is done, and the API says so. */
  | "api refuses"
  /** The same for `config` alone: its mirror does not help a stop. */
  | "api refuses config"
  /** What is sent never arrives. */
  | "api lost"
  /** It is done, and nobody hears of it. */
  | "api deaf"
  /** It is done, late, after everybody has stopped waiting. */
  | "api late"
  | "kv fails"
  | "kv hangs"
  | "kv slow"
  | "qa unreachable"
  | "beacon dead"
  /** In the end it starts anew, without what it had stored. */
  | "beacon lost";

export interface Fault {
  trouble: Trouble;
  /** Null: everywhere. */
  at: string | null;
  fromMs: number;
  toMs: number;
}

export interface Guardian {
  mode: "off" | "enforce";
  at: string;
  /** Errors of native in percent, while it fails. */
  errors: number;
  failsFromMs: number;
  /** When its first tick comes; then each minute. */
  firstMs: number;
}

/** Times count from the start of the history, in milliseconds. */
export interface Plan {
  seed: number;
  locations: readonly Location[];
  isolates: readonly IsolateLife[];
  operations: readonly Operation[];
  faults: readonly Fault[];
  guardian: Guardian | null;
  /** Null: there is none. `purgeMs`: the longest way of a purge; `lost`: the share of them that is. */
  beacon: { purgeMs: number; lost: number } | null;
  /** What it takes a request to get to the API, at most. */
  apiMs: number;
  percent: number;
  /** An emergency is on from before. */
  stopped: boolean;
  /** In the end, when all is well again, somebody restores. */
  restores: boolean;
}

/** All operations begin by then, and all faults are over. */
export const BUSY_MS = 60_000;

const NAMES = ["FRA", "AMS", "LHR"] as const;
const PEOPLE = ["anna", "ben", "cleo", "dan"] as const;
const TROUBLES: readonly [Trouble, ...Trouble[]] = [
  "api refuses",
  "api refuses config",
  "api lost",
  "api deaf",
  "api late",
  "kv fails",
  "kv hangs",
  "kv slow",
  "qa unreachable",
  "beacon dead",
  "beacon lost",
];

export function drawPlan(seed: number): Plan {
  const dice = diceFor(seed, "plan");
  const guardian = dice.chance(0.15) ? drawGuardian(dice) : null;
  const locations = drawLocations(dice, guardian !== null);
  const stopped = dice.chance(guardian === null ? 0.3 : 0.05);
  return {
    seed,
    locations,
    isolates: locations.flatMap(({ name }) => drawIsolates(name, dice)),
    operations: drawOperations(dice, stopped, guardian),
    faults: Array.from({ length: dice.pick([0, 0, 1, 1, 2]) }, () => drawFault(locations, dice)),
    guardian,
    beacon: dice.chance(0.5) ? drawBeacon(dice) : null,
    apiMs: dice.pick([120, 120, 400, 1_500]),
    percent: dice.pick([10, 10, 50]),
    stopped,
    restores: dice.chance(0.15),
  };
}

/** Where the guardian reads, old copies matter more. */
function drawLocations(dice: Dice, isGuarded: boolean): Location[] {
  const count = dice.pick([1, 2, 2, 2, 3]);
  return NAMES.slice(0, count).map((name, index) => ({
    name,
    lagMs: isGuarded && index === 0 ? dice.between(1_000, 30_000) : drawLag(dice),
    tiers: dice.chance(0.15) ? 2 : 1,
    hasQa: index === 0 || dice.chance(0.8),
  }));
}

function drawLag(dice: Dice): number {
  if (dice.chance(0.7)) return dice.between(0, 3_000);
  return dice.chance(0.8) ? dice.between(3_000, 15_000) : dice.between(15_000, 60_000);
}

function drawIsolates(at: string, dice: Dice): IsolateLife[] {
  return Array.from({ length: dice.pick([1, 1, 2]) }, () => {
    const bornMs = dice.chance(0.6) ? 0 : dice.between(0, BUSY_MS);
    const diesMs = dice.chance(0.85) ? Number.MAX_SAFE_INTEGER : bornMs + dice.between(1, BUSY_MS);
    const visitsMs = Array.from({ length: dice.between(2, 8) }, () =>
      dice.between(bornMs, bornMs + BUSY_MS),
    );
    return { at, bornMs, diesMs, visitsMs: visitsMs.toSorted((a, b) => a - b) };
  });
}

function drawOperations(dice: Dice, stopped: boolean, guardian: Guardian | null): Operation[] {
  const count = dice.pick([1, 2, 2, 2, 3, 3, 4]);
  // Most begin close to each other, and to the guardian's tick: that is where they meet.
  const beginMs =
    guardian === null ? dice.between(500, 20_000) : guardian.firstMs - dice.between(0, 4_000);
  return PEOPLE.slice(0, count).map((who) => {
    const verb = drawVerb(dice, stopped);
    const atMs = dice.chance(0.7)
      ? beginMs + dice.between(0, 2_500)
      : dice.between(0, BUSY_MS - 1_000);
    const yes = dice.chance(0.3);
    return {
      who,
      verb,
      atMs,
      skewMs: dice.chance(0.6) ? 0 : dice.between(-240_000, 240_000),
      timeoutMs: verb === "not-aus" ? dice.pick([10_000, 10_000, 3_000]) : 25_000,
      verify: dice.chance(0.9),
      thinksMs: yes ? 0 : dice.between(50, 4_000),
      yes,
      to:
        verb === "restore" ? dice.pick([5, 10, 25]) : verb === "reduce" ? dice.pick([1, 5]) : null,
      interruptMs: dice.chance(0.08) ? dice.between(1, 5_000) : null,
      killMs: dice.chance(0.1) ? dice.between(1, 4_000) : null,
    };
  });
}

function drawVerb(dice: Dice, stopped: boolean): Verb {
  const roll = dice.next();
  if (stopped && roll < 0.45) return "restore";
  if (roll < 0.55) return "not-aus";
  if (roll < 0.7) return "restore";
  if (roll < 0.82) return "reduce";
  if (roll < 0.9) return "disable";
  return roll < 0.97 ? "ramp" : "ramp detached";
}

function drawFault(locations: readonly Location[], dice: Dice): Fault {
  const trouble = dice.pick(TROUBLES);
  const fromMs = dice.between(0, BUSY_MS - 10_000);
  const isGlobal = trouble.startsWith("api") || trouble === "beacon lost";
  const isLocal = !isGlobal && dice.chance(0.8);
  const at = isLocal ? (locations[dice.int(locations.length)]?.name ?? null) : null;
  return { trouble, at, fromMs, toMs: Math.min(BUSY_MS, fromMs + dice.between(200, 20_000)) };
}

function drawBeacon(dice: Dice): NonNullable<Plan["beacon"]> {
  return { purgeMs: dice.pick([150, 500]), lost: dice.pick([0, 0, 0.3, 1]) };
}

function drawGuardian(dice: Dice): Guardian {
  return {
    mode: "enforce",
    at: "FRA",
    errors: dice.pick([2, 2, 2, 40]),
    failsFromMs: -dice.between(240_000, 900_000),
    firstMs: dice.between(5_000, 40_000),
  };
}
