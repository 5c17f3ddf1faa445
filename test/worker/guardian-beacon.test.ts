/** When the guardian copies a stop to KV that only the beacon has, and which stop it goes by. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type StopDocument, serialiseStop } from "../../src/domain/state/documents.ts";
import { type JournalEntry, journalKey } from "../../src/domain/state/journal.ts";
import { copyToKv, stopInForce, stopsAt } from "../../worker/guardian/beacon.ts";
import { journalEntry } from "../support/journal-entries.ts";

const TICK_MS = Date.parse("2026-03-01T12:10:00Z");
const at = (minutes: number) => new Date(TICK_MS - minutes * 60_000).toISOString();
const stopOf = (minutes: number): StopDocument => ({
  active: true,
  id: "01JCQ000000000000000000001",
  at: at(minutes),
  by: "anna",
});
const RELEASED = JSON.stringify({
  active: false,
  releases: { id: stopOf(5).id, stops: [{ id: stopOf(5).id, mark: "m" }] },
});

let warned: string[];
beforeEach(() => {
  warned = [];
  vi.spyOn(console, "warn").mockImplementation((text) => void warned.push(String(text)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface World {
  minutes?: number;
  inKv?: string | null;
  /** Null: KV does not answer. */
  journal?: JournalEntry[] | null;
  /** Whether the beacon itself still holds it. */
  still?: boolean;
  /** KV refuses the first write, and somebody releases the stop before the next. */
  refused?: boolean;
}

/** What is written to KV's key `stop`. */
async function written({
  minutes = 5,
  inKv = null,
  journal = [],
  still = true,
  refused = false,
}: World) {
  let holds = still;
  const text = serialiseStop(stopOf(minutes));
  const puts: string[] = [];
  const texts = new Map((journal ?? []).map((entry) => [journalKey(entry), JSON.stringify(entry)]));
  const kv = {
    list: async () => {
      if (journal === null) throw new Error("KV is away");
      return { keys: [...texts.keys()].map((name) => ({ name })), list_complete: true };
    },
    get: async (keys: string[]) => new Map(keys.map((key) => [key, texts.get(key) ?? null])),
    async put(key: string, value: string) {
      if (!refused || !holds) return void puts.push(`${key} ${value}`);
      holds = false;
      throw new Error("KV PUT failed: 503");
    },
  } as unknown as KVNamespace;
  const answer = { epoch: 1, seq: 1, stops: [text], releases: [] };
  const beacon = {
    // A copy that no purge has reached.
    read: async () => ({ answer, saidAtMs: TICK_MS, cache: "HIT" }),
    tell: async () => ({ answer, told: holds ? ("held" as const) : ("released" as const) }),
  };
  await copyToKv({ kv, beacon, tickMs: TICK_MS }, { inKv, atBeacon: [text] });
  return puts;
}

const entryOf = (command: JournalEntry["command"], minutes: number) =>
  journalEntry({ command, at: at(minutes) });

it("a stop that only the beacon has is copied once it is old enough", async () => {
  expect(await written({})).toEqual([`stop ${serialiseStop(stopOf(5))}`]);
  expect(warned).toEqual([expect.stringContaining("only the beacon had it; copied to KV")]);
});

it.each<[string, World]>([
  ["is younger than what KV may need to show a change", { minutes: 1.9 }],
  ["was released by what KV has", { inKv: RELEASED }],
  ["stands beside one that KV has", { inKv: serialiseStop({ ...stopOf(9), id: "OTHER" }) }],
  ["is no longer at the beacon", { still: false }],
])("not one that %s", async (_name, world) => {
  expect(await written(world)).toEqual([]);
  expect(warned).toEqual([]);
});

it("not where the journal cannot be read, and that is told", async () => {
  expect(await written({ journal: null })).toEqual([]);
  expect(warned).toEqual([expect.stringContaining("not copied to KV: Error: KV is away")]);
});

it("a write that KV refused is not repeated once the stop is released", async () => {
  expect(await written({ refused: true })).toEqual([]);
  expect(warned).toEqual([expect.stringContaining("not copied to KV: Error: KV PUT failed: 503")]);
});

it("a restore keeps it from being copied only when it came later than the stop", async () => {
  expect(await written({ journal: [entryOf("restore", 4)] })).toEqual([]);
  expect(await written({ journal: [entryOf("restore", 6), entryOf("reduce", 4)] })).toHaveLength(1);
});

it("the stop in force is KV's, or what the beacon has in its place", () => {
  const [mine, other] = [serialiseStop(stopOf(5)), serialiseStop({ ...stopOf(9), id: "OTHER" })];
  expect(stopInForce({ inKv: mine, atBeacon: [other] })).toBe(mine);
  expect(stopInForce({ inKv: "{", atBeacon: [other] })).toBe("{");
  for (const inKv of [null, RELEASED]) {
    expect(stopInForce({ inKv, atBeacon: [other, mine] })).toBe(mine);
    expect(stopInForce({ inKv, atBeacon: [] })).toBe(inKv);
    expect(stopInForce({ inKv, atBeacon: null })).toBe(inKv);
  }
});

it("a beacon that cannot be read is not one without stops, and that is told", async () => {
  const read = () => Promise.reject(new Error("overloaded"));
  expect(await stopsAt({ read, tell: vi.fn() }, vi.fn())).toBeNull();
  expect(warned).toEqual([expect.stringContaining("overloaded")]);
  expect(await stopsAt(null, vi.fn())).toEqual([]);
});
