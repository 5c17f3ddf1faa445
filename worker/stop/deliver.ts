/** Brings a stop to all carriers that this Worker reaches. One of them is enough. */
import { carriersOf, type Written, type WrittenBy } from "../../src/domain/signed-stop/answer.ts";
import type { Told } from "../../src/domain/state/beacon.ts";
import type { StopDocument } from "../../src/domain/state/documents.ts";
import { parseStop, serialiseStop } from "../../src/domain/state/documents.ts";
import { releases } from "../../src/domain/state/emergency.ts";
import { sleep, TIMER, type Timer, withLimit } from "../limit.ts";

/** Null: this Worker has none. */
export type BeaconPort = { tell(text: string): Promise<{ told: Told }> } | null;

export interface StopKv {
  /** What the key `stop` holds, as a read shows it here. */
  stored(): Promise<string | null>;
  /** May try again, as long as `isOver` says no: meanwhile somebody may have released it. */
  writeStop(stop: StopDocument, isOver: () => Promise<boolean>): Promise<void>;
}

export interface Carriers {
  beacon: BeaconPort;
  /** Null: KV is not bound. */
  kv: StopKv | null;
  /** The stop's trace; it carries nothing. */
  writeEntry: (() => Promise<void>) | null;
}

export interface DeliveryLimits {
  /** For a look at what is stored, before anything is written: KV that does not answer must not hold a stop up. */
  lookMs: number;
  /** So long the others wait for the beacon, which knows releases that KV does not show here yet. */
  beaconFirstMs: number;
  writeMs: number;
  /** Once one carrier has the stop, so long for the answers of the others. */
  graceMs: number;
  /** What measures them. */
  timer: Timer;
}

export const DELIVERY_LIMITS: DeliveryLimits = {
  lookMs: 300,
  beaconFirstMs: 300,
  writeMs: 3_000,
  graceMs: 300,
  timer: TIMER,
};

export type Delivery = { kind: "released" } | { kind: "delivered"; written: WrittenBy };

/** Never throws. What does not answer in time goes on by `keepAlive`. */
export async function deliver(
  stop: StopDocument,
  { beacon, kv, writeEntry }: Carriers,
  keepAlive: (work: Promise<unknown>) => void,
  limits: DeliveryLimits = DELIVERY_LIMITS,
): Promise<Delivery> {
  if (kv !== null && (await isReleased(kv, stop, limits))) return { kind: "released" };
  const told = beacon?.tell(serialiseStop(stop)) ?? null;
  if (told !== null && (await saysReleased(told, limits))) return { kind: "released" };
  const isOver = async (): Promise<boolean> =>
    (beacon !== null && (await saysReleased(beacon.tell(serialiseStop(stop)), limits))) ||
    (kv !== null && isReleased(kv, stop, limits));
  const works = {
    beacon: told === null ? OFF : settled("beacon", told.then(heldOnly), limits),
    kv: kv === null ? OFF : writtenTo(kv, stop, limits, isOver),
    journal: writeEntry === null ? OFF : settled("journal", writeEntry(), limits),
  };
  keepAlive(Promise.all(Object.values(works)));
  return { kind: "delivered", written: await known(works, limits) };
}

const OFF: Promise<Written> = Promise.resolve("off");
const NO_ANSWER: Written = { problem: "no answer yet" };

async function isReleased(
  kv: StopKv,
  { id }: StopDocument,
  limits: DeliveryLimits,
): Promise<boolean> {
  const found = await storedStop(kv, limits);
  return found.kind === "valid" && releases(found.value, id);
}

async function saysReleased(
  told: Promise<{ told: Told }>,
  { beaconFirstMs, timer }: DeliveryLimits,
): Promise<boolean> {
  const first = await withLimit("beacon", beaconFirstMs, told, timer).catch(() => null);
  return first?.told === "released";
}

/** KV takes one write per key and second: one that is refused may be of this very stop, from elsewhere. */
async function writtenTo(
  kv: StopKv,
  stop: StopDocument,
  limits: DeliveryLimits,
  isOver: () => Promise<boolean>,
): Promise<Written> {
  const written = await settled("KV", kv.writeStop(stop, isOver), limits);
  if (written === "written") return written;
  const found = await storedStop(kv, limits);
  const isThere = found.kind === "valid" && found.value.active && found.value.id === stop.id;
  return isThere ? "written" : written;
}

async function storedStop(kv: StopKv, { lookMs, timer }: DeliveryLimits) {
  return parseStop(await withLimit("KV", lookMs, kv.stored(), timer).catch(() => null));
}

function heldOnly({ told }: { told: Told }): void {
  if (told === "released") throw new Error("names this stop as released");
  if (told !== "held") throw new Error(`did not take it: ${told}`);
}

async function settled(
  what: string,
  work: Promise<void>,
  { writeMs, timer }: DeliveryLimits,
): Promise<Written> {
  try {
    await withLimit(what, writeMs, work, timer);
    return "written";
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { problem: why.slice(0, 200) };
  }
}

/** All that have answered; those that have not get a little longer once the stop is kept anywhere. */
async function known(
  works: Record<keyof WrittenBy, Promise<Written>>,
  { graceMs, timer }: DeliveryLimits,
): Promise<WrittenBy> {
  const so: WrittenBy = { beacon: NO_ANSWER, kv: NO_ANSWER, journal: NO_ANSWER };
  const { promise: kept, resolve } = Promise.withResolvers<void>();
  const all = Promise.all(
    (["beacon", "kv", "journal"] as const).map(async (name) => {
      so[name] = await works[name];
      if (carriersOf(so).length > 0) resolve();
    }),
  );
  await Promise.race([all, kept.then(() => sleep(graceMs, undefined, timer))]);
  return { ...so };
}
