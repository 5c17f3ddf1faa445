/**
 * Every history of up to six reads by one isolate (five where somebody waits), over every order of writes below: by hand and by the
 * tool, by clocks that are five minutes slow or fast, each read serving any version that was ever stored.
 */
import { describe, expect, it } from "vitest";
import type { Name } from "../../../src/domain/state/documents.ts";
import { nameOf, readEmergencies } from "../../../src/domain/state/emergency.ts";
import type { Memory } from "../../../src/domain/state/isolate-memory.ts";
import {
  EMPTY_MEMORY,
  effectiveState,
  remember,
} from "../../../src/domain/state/isolate-memory.ts";
import { thoroughly } from "../../support/runs.ts";

/** Reads, by how many versions there are. */
const LENGTHS: Record<number, number> = thoroughly({ 2: 6, 3: 6, 4: 5 }, { 2: 5, 3: 5, 4: 4 });
const MINUTE_MS = 60_000;
const START_MS = Date.parse("2026-01-01T10:00:00Z");

type Key = "stop" | "config";
type Author = "tool" | "hand";
interface Version {
  text: string;
  asks: boolean;
  author: Author;
  atMs: number;
  /** Of the versions that it names. */
  names: readonly number[];
}
type Fold = (memory: Memory, text: string, key: Key, nowMs: number) => Memory;

const raw = (key: Key, text: string) => ({ config: null, stop: null, [key]: text });
const real: Fold = (memory, text, key, nowMs) => remember(memory, raw(key, text), nowMs);

/** `S` asks for an emergency, `R` takes back all that was stored before it. */
const ORDERS = ["SSR", "SRSR", "RSSR", "SRS", "RS"];

function* worlds(key: Key): Generator<Version[]> {
  if (key === "config") yield* copies();
  yield* usedAgain(key);
  for (const order of ORDERS) {
    for (let bits = 0; bits < 4 ** order.length; bits += 1) yield worldOf(key, order, bits);
  }
}

/** A tool's `config`, one by hand, and the tool's again with the emergency switched on, whatever its date. */
function* copies(): Generator<Version[]> {
  const oldMs = START_MS - 180 * MINUTE_MS;
  for (const [toolMin, handMin, copyMin] of SKEWS) {
    const tool = { id: "TOOL", at: new Date(START_MS + toolMin * MINUTE_MS).toISOString() };
    const hand = { id: undefined, at: new Date(START_MS + handMin * MINUTE_MS).toISOString() };
    const copyMs = copyMin === null ? oldMs : START_MS + copyMin * MINUTE_MS;
    const copy = configOf(true, { ...tool, at: new Date(copyMs).toISOString() }, []);
    // Of a copied date nobody knows what it means: then it is later than what was there before.
    const atMs = copyMin === null ? Number.POSITIVE_INFINITY : copyMs;
    const byHand = { author: "hand", names: [] } as const;
    yield [
      {
        ...byHand,
        text: JSON.stringify(configOf(false, tool, [])),
        author: "tool",
        asks: false,
        atMs: 0,
      },
      {
        ...byHand,
        text: JSON.stringify(configOf(false, hand, [])),
        asks: false,
        atMs: START_MS + handMin * MINUTE_MS,
      },
      { ...byHand, text: JSON.stringify(copy), asks: true, atMs },
    ];
  }
}

/** An emergency hours ago, the tool's release of it, an edited copy of it, and what the tool makes without having seen it. */
function* usedAgain(key: Key): Generator<Version[]> {
  const hoursAgoMs = START_MS - 300 * MINUTE_MS;
  for (const skewMin of [-5, 5]) {
    const world: Version[] = [];
    const add = (draft: Omit<Draft, "author">) =>
      world.push(versionOf(key, world, { ...draft, author: "tool" }));
    add({ id: "AGAIN", asks: true, atMs: hoursAgoMs, names: [] });
    add({ id: "R", asks: false, atMs: hoursAgoMs + 30 * MINUTE_MS, names: [0] });
    add({ id: "BLIND", asks: false, atMs: START_MS + skewMin * MINUTE_MS, names: [0] });
    add({ id: "AGAIN", asks: true, atMs: START_MS, names: [] });
    yield world;
  }
}

/** Minutes of the tool's date, of the person's, and of the copy's; null: as it was hours before. */
const SKEWS = [-5, 5].flatMap((tool) =>
  [-5, 0].flatMap((hand) => [-5, 5, null].map((copy) => [tool, hand, copy] as const)),
);

function worldOf(key: Key, order: string, bits: number): Version[] {
  const versions: Version[] = [];
  for (const [n, letter] of [...order].entries()) {
    const choice = Math.floor(bits / 4 ** n) % 4;
    const author: Author = choice < 2 ? "tool" : "hand";
    const atMs = START_MS + n * MINUTE_MS + (choice % 2 === 0 ? -5 : 5) * MINUTE_MS;
    const asks = letter === "S";
    const before = asks || author === "hand" ? [] : versions.flatMap((v, i) => (v.asks ? [i] : []));
    const id = author === "tool" ? `ID${n}` : undefined;
    versions.push(versionOf(key, versions, { id, asks, author, atMs, names: before }));
  }
  return versions;
}

type Draft = Omit<Version, "text"> & { id: string | undefined };

function versionOf(key: Key, world: readonly Version[], { id, ...draft }: Draft): Version {
  const named = draft.names.flatMap((i): Name[] => {
    const { asked } = readEmergencies(raw(key, world[i]?.text ?? ""))[key];
    return asked === null ? [] : [nameOf(asked)];
  });
  const given = { id, at: new Date(draft.atMs).toISOString() };
  const document =
    key === "stop" ? stopOf(draft.asks, given, named) : configOf(draft.asks, given, named);
  return { ...draft, text: JSON.stringify(document) };
}

type Given = { id: string | undefined; at: string };

function stopOf(active: boolean, { id, at }: Given, stops: Name[]): object {
  return { active, id, at, ...(active || id === undefined ? {} : { releases: { stops } }) };
}

function configOf(emergency_proxy: boolean, { id: revision, at }: Given, lifts: Name[]): object {
  const base = {
    canary_percent: 10,
    canary_tag: "B2a",
    emergency_proxy,
    last_updated: at,
    revision,
  };
  return emergency_proxy || revision === undefined ? base : { ...base, lifts };
}

/** Whether reading `by` may end `of`: it names it, or goes by its time, or by more than clocks differ. */
function mayEnd(world: readonly Version[], by: Version, ofIndex: number, key: Key): boolean {
  const of = world[ofIndex];
  if (of === undefined || by.asks) return false;
  if (by.names.includes(ofIndex)) return true;
  if (by.author === "hand") return of.atMs <= by.atMs;
  const newestMs = Math.max(...by.names.map((i) => world[i]?.atMs ?? 0));
  return key === "stop" && of.atMs + 10 * MINUTE_MS < newestMs;
}

/** Null when every history is right; `folds` counts. */
function complaint(key: Key, fold: Fold): { wrong: string | null; folds: number } {
  let folds = 0;
  for (const world of worlds(key)) {
    const visit = (memory: Memory, path: readonly number[]): string | null => {
      const bad = path.length === 0 ? null : judge(world, key, memory, path);
      if (bad !== null) return `${bad}: ${path.join(",")} of ${world.map((v) => v.text).join(" ")}`;
      if (path.length === LENGTHS[world.length]) return null;
      for (const [index, version] of world.entries()) {
        folds += 1;
        const nowMs = START_MS + (world.length + path.length) * 1_000 + world.length * MINUTE_MS;
        const wrong = visit(fold(memory, version.text, key, nowMs), [...path, index]);
        if (wrong !== null) return wrong;
      }
      return null;
    };
    const wrong = visit(EMPTY_MEMORY, []);
    if (wrong !== null) return { wrong, folds };
  }
  return { wrong: null, folds };
}

function judge(
  world: readonly Version[],
  key: Key,
  memory: Memory,
  path: readonly number[],
): string | null {
  const { emergency } = effectiveState(memory, START_MS);
  const inForce = [...new Set(path)].some((index) => {
    if (world[index]?.asks !== true) return false;
    const since = path.slice(path.lastIndexOf(index) + 1);
    return !since.some((at) => mayEnd(world, world[at] ?? UNREAD, index, key));
  });
  if (inForce && !emergency) return "forgotten";
  // KV has settled, on what names all: whatever was read before, nothing is left.
  const last = world.at(-1);
  const settled =
    path.at(-1) === world.length - 1 && last?.asks === false && last.author === "tool";
  return settled && emergency ? "kept for ever" : null;
}

const UNREAD: Version = { text: "", asks: true, author: "hand", atMs: 0, names: [] };

/** Broken on purpose, each as an older rule had it. */
const TWINS: Record<string, Fold> = {
  "keeps the newest by clock alone": (memory, text, key, nowMs) => {
    const next = real(memory, text, key, nowMs);
    const ledger = key === "stop" ? next.stops : next.configs;
    const newest = ledger.held.reduce((ms, { ownMs }) => Math.max(ms, ownMs), 0);
    const held = ledger.held.filter(({ ownMs }) => ownMs === newest);
    return { ...next, [key === "stop" ? "stops" : "configs"]: { ...ledger, held } };
  },
  "takes the last read for the truth": (_memory, text, key, nowMs) =>
    real(EMPTY_MEMORY, text, key, nowMs),
  "goes by time alone": (memory, text, key, nowMs) => {
    const byHand = JSON.stringify({
      ...JSON.parse(text),
      id: undefined,
      revision: undefined,
      releases: undefined,
      lifts: undefined,
    });
    return real(
      memory,
      JSON.parse(text).active === true || JSON.parse(text).emergency_proxy === true ? text : byHand,
      key,
      nowMs,
    );
  },
  "never ends what it saw": (memory, text, key, nowMs) => {
    const next = real(memory, text, key, nowMs);
    const kept = memory.stops.held.length > 0 ? { stops: memory.stops } : {};
    return {
      ...next,
      ...kept,
      ...(memory.configs.held.length > 0 ? { configs: memory.configs } : {}),
    };
  },
};

/** The broken twin: a date that was copied counts as one that was meant. */
const believing: Fold = (memory, text, key, nowMs) => {
  const next = real(memory, text, key, nowMs);
  const held = next.configs.held.map((one) => ({ ...one, seenMs: one.ownMs }));
  return { ...next, configs: { ...next.configs, held } };
};

it("a copy of a tool's config with the emergency switched on is lost where its date is believed", () => {
  expect(complaint("config", believing).wrong).toMatch(/^forgotten: /);
});

describe.each<Key>(["stop", "config"])("every history of %s", (key) => {
  it("keeps what nothing has ended, and ends what its last release names", () => {
    const { wrong, folds } = complaint(key, real);
    expect(wrong).toBe(null);
    expect(folds).toBeGreaterThan(100_000);
  });
  it.each(Object.entries(TWINS))("is wrong in a memory that %s", (_name, fold) => {
    expect(complaint(key, fold).wrong).not.toBe(null);
  });
});
