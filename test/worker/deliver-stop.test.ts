/** Which carriers get a signed stop, with carriers that fail, hang, or know of a release. */
import { expect, it, onTestFinished, vi } from "vitest";
import { answerOf, newBeacon, tellBeacon } from "../../src/domain/state/beacon.ts";
import type { StopDocument } from "../../src/domain/state/documents.ts";
import { beaconCarrier, saidText } from "../../worker/beacon/through-cache.ts";
import { leaveEntry, writeStop } from "../../worker/guardian/kv.ts";
import {
  type BeaconPort,
  type Carriers,
  DELIVERY_LIMITS,
  deliver,
  type StopKv,
} from "../../worker/stop/deliver.ts";
import { journalEntry } from "../support/journal-entries.ts";

const STOP: StopDocument = { active: true, id: "OURS", at: "2026-03-01T12:00:00Z", by: "anna" };
const RELEASE = JSON.stringify({
  active: false,
  releases: { id: "OURS", stops: [{ id: "OURS", mark: "m" }] },
});
const never = () => new Promise<never>(() => undefined);
const fails = (why: string) => () => Promise.reject(new Error(why));
/** What never answers is not waited for in a test. */
const SHORT = { ...DELIVERY_LIMITS, lookMs: 5, beaconFirstMs: 5, writeMs: 20, graceMs: 5 };

function kvWith(more: Partial<StopKv> = {}, text: string | null = null) {
  const kv = { stored: vi.fn(async () => text), writeStop: vi.fn(async () => undefined), ...more };
  return kv;
}

const holding = (): BeaconPort => ({ tell: vi.fn(async () => ({ told: "held" as const })) });
const run = (carriers: Partial<Carriers>, limits = SHORT) =>
  deliver(STOP, { beacon: null, kv: null, writeEntry: null, ...carriers }, () => undefined, limits);

it("all carriers get the same stop", async () => {
  const beacon = holding();
  const kv = kvWith();
  const writeEntry = vi.fn(async () => undefined);
  expect(await run({ beacon, kv, writeEntry })).toEqual({
    kind: "delivered",
    written: { beacon: "written", kv: "written", journal: "written" },
  });
  expect(beacon?.tell).toHaveBeenCalledExactlyOnceWith(JSON.stringify(STOP));
  expect(kv.writeStop).toHaveBeenCalledExactlyOnceWith(STOP, expect.any(Function));
});

it("an entrypoint that throws at once costs KV nothing", async () => {
  const broken = (): never => {
    throw new TypeError("is not a function");
  };
  const beacon = beaconCarrier({ fetch: broken, tell: broken }, "id");
  expect(await run({ beacon, kv: kvWith() })).toMatchObject({
    written: { beacon: { problem: "is not a function" }, kv: "written" },
  });
});

it("without Workers Cache a stop is read before its answer is shared, and the sharing is kept alive", async () => {
  vi.stubGlobal("caches", { default: { match: async () => undefined, put: never } });
  onTestFinished(() => void vi.unstubAllGlobals());
  const answer = answerOf(tellBeacon(newBeacon(1), JSON.stringify(STOP), 2).beacon);
  const fetch = async () => new Response(saidText(answer, 3));
  const keepAlive = vi.fn();
  const read = await beaconCarrier({ fetch, tell: never }, "id").read(keepAlive);
  expect(read).toEqual({ answer, saidAtMs: 3, cache: null });
  expect(keepAlive).toHaveBeenCalledTimes(1);
});

it("what is not there is off", async () => {
  expect(await run({})).toEqual({
    kind: "delivered",
    written: { beacon: "off", kv: "off", journal: "off" },
  });
});

it.each([
  ["fails", fails("KV PUT failed: 503"), "KV PUT failed: 503"],
  ["hangs", never, "KV: no answer within 20 ms"],
])("KV that %s keeps no other carrier from it", async (_name, broken, problem) => {
  const kv = kvWith({ stored: broken, writeStop: broken });
  const alone = await run({ kv });
  expect(alone).toMatchObject({ written: { beacon: "off", kv: { problem } } });
  const both = await run({ kv, beacon: holding() });
  expect(both).toMatchObject({
    written: { beacon: "written", kv: { problem: expect.any(String) } },
  });
});

it("an answer that comes late is not waited for once another carrier has the stop", async () => {
  const limits = { ...SHORT, writeMs: 60_000 };
  const written = await run({ kv: kvWith(), beacon: { tell: never } }, limits);
  expect(written).toMatchObject({
    written: { beacon: { problem: "no answer yet" }, kv: "written" },
  });
});

it("nothing is written for a stop that KV's release names", async () => {
  const beacon = holding();
  const kv = kvWith({}, RELEASE);
  const writeEntry = vi.fn(async () => undefined);
  expect(await run({ beacon, kv, writeEntry })).toEqual({ kind: "released" });
  expect(beacon?.tell).not.toHaveBeenCalled();
  expect(kv.writeStop).not.toHaveBeenCalled();
  expect(writeEntry).not.toHaveBeenCalled();
});

it("nor for one of which the beacon alone knows that it was released", async () => {
  const kv = kvWith();
  const beacon: BeaconPort = { tell: async () => ({ told: "released" }) };
  expect(await run({ beacon, kv })).toEqual({ kind: "released" });
  expect(kv.writeStop).not.toHaveBeenCalled();
});

it("a release of another stop keeps none back", async () => {
  const other = RELEASE.replaceAll("OURS", "OTHER");
  expect(await run({ kv: kvWith({}, other) })).toMatchObject({ written: { kv: "written" } });
});

it("a write that KV refuses counts where KV has this very stop already", async () => {
  const writeStop = fails("KV PUT failed: 429 Too Many Requests");
  const there = kvWith({ writeStop }, JSON.stringify(STOP));
  expect(await run({ kv: there })).toMatchObject({ written: { kv: "written" } });
  const other = kvWith({ writeStop }, JSON.stringify({ ...STOP, id: "OTHER" }));
  expect(await run({ kv: other })).toMatchObject({
    written: { kv: { problem: "KV PUT failed: 429 Too Many Requests" } },
  });
});

it("KV is not tried again once the answer has been given: the stop may be released by then", async () => {
  const put = vi.fn(fails("KV PUT failed: 503"));
  const kv = { put } as unknown as KVNamespace;
  await expect(writeStop(kv, STOP, { untilMs: Date.now() - 1 })).rejects.toThrow("503");
  expect(put).toHaveBeenCalledTimes(1);
});

it("KV is not tried again once this stop is released", async () => {
  const put = vi.fn(fails("KV PUT failed: 503"));
  const kv = { put } as unknown as KVNamespace;
  const untilMs = Number.POSITIVE_INFINITY;
  const isOver = async () => true;
  await expect(writeStop(kv, STOP, { untilMs, isOver })).rejects.toThrow("503");
  expect(put).toHaveBeenCalledTimes(1);
});

it.each<[string, { told: "held" | "released"; stored: string | null }, boolean]>([
  ["the beacon has heard a release", { told: "released", stored: null }, true],
  ["KV shows a release", { told: "held", stored: RELEASE }, true],
  ["neither knows of one", { told: "held", stored: null }, false],
])("before a further try both carriers are asked: %s", async (_name, later, over) => {
  let tries = 0;
  const tell = vi.fn(async () => ({ told: tries === 0 ? ("held" as const) : later.told }));
  const stored = async () => (tries === 0 ? null : later.stored);
  const asked: boolean[] = [];
  const kv: StopKv = {
    stored,
    async writeStop(_stop, isOver) {
      tries += 1;
      asked.push(await isOver());
    },
  };
  await run({ beacon: { tell }, kv });
  expect(asked).toEqual([over]);
});

it.each([
  ["its author has written it meanwhile", "the author's own", 1],
  ["nobody has", null, 3],
])("an entry that KV refuses is tried again unless %s", async (_name, there, tries) => {
  const put = vi.fn(fails("KV PUT failed: 429 Too Many Requests"));
  const kv = { put, get: async () => there } as unknown as KVNamespace;
  const untilMs = Number.POSITIVE_INFINITY;
  await expect(leaveEntry(kv, journalEntry(), { untilMs })).rejects.toThrow("429");
  expect(put).toHaveBeenCalledTimes(tries);
});
