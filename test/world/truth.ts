/**
 * What is true of a history, known to no one in it, and what must hold after each of its events:
 * 1. a stop that somebody was told is live is obeyed by every isolate within its bound, and never forgotten;
 * 2. nothing rises after a stop without a release, by a human, that names it;
 * 3. nobody is told "live" of what is not;
 * 4. whose write was covered is told so, or what he wrote is in force all the same;
 * 5. a signed stop that comes again after its release brings nothing back: beacon.ts, stop-sender.ts.
 */
import { CONFIG_KEY, STOP_KEY } from "../../src/domain/state/documents.ts";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import { BEACON_STALE_MS, STALE_MS } from "../../worker/state-reader.ts";
import { type Facts, factsOf } from "./documents.ts";
import type { Process } from "./process.ts";

export interface Broken {
  rule: string;
  words: string;
}

/** A document that asks for an emergency. */
interface Emergency {
  key: string;
  id: string;
  firstMs: number;
  by: Process | null;
  /** Where its author was told that it is live, and since when KV shows it there. */
  liveMs: Map<string, number>;
  /** Where that was told. */
  told: Set<string>;
  /** Since when the beacon holds it. */
  beaconMs: number | null;
  /** When a document that names it was first written. */
  endedMs: number | null;
  /** A later one in the same key: it is obeyed in its place, and released in its place. */
  coveredBy: Emergency | null;
}

interface Stored {
  facts: Facts;
  by: Process | null;
}

/** A write over one that its author did not know. */
export interface Cover {
  atMs: number;
  loser: Process;
  lost: Facts & { key: string };
  by: Process | null;
  /** Who wrote it had looked right before: KV cannot refuse a write, and so no look is late enough. */
  crossed: boolean;
}

/** What is asked about a location. */
export interface Surroundings {
  nowMs: number;
  /** How old a copy may be at that location, for isolates beside the one that was asked. */
  boundMs(location: string): number;
  /** The same of a stop that the beacon holds. */
  beaconBoundMs(): number;
  /** Whether that carrier has answered there, quickly, for as long as that. */
  isQuiet(carrier: "kv" | "beacon", location: string, forMs: number): boolean;
}

/** One request more, and a read that has started: as docs/state-and-proof.md has it. */
export const OBEY_MS = STALE_MS + 1_000 + 250;
export const OBEY_BEACON_MS = BEACON_STALE_MS + 1_000 + 250;

/** From a look to the write that goes by it. */
const LOOKED_MS = 50;

export class Truth {
  broken: Broken | null = null;
  readonly emergencies = new Map<string, Emergency>();
  readonly covers: Cover[] = [];
  /** Of each key, what is stored and who wrote it. */
  readonly stored = new Map<string, Stored>();
  /** At which locations an isolate has shown which id, or revision, and when last. */
  readonly shownMs = new Map<string, number>();
  /** The last time that a location was seen in an emergency, and in none. */
  readonly stoppedMs = new Map<string, number>();
  readonly openMs = new Map<string, number>();
  /** The same of an emergency that KV carries. */
  readonly #kvStoppedMs = new Map<string, number>();
  readonly #releasedByHuman = new Set<string>();
  /** How often each rule was asked: that a world asks nothing must not go unnoticed. */
  readonly asked = { obeyed: 0, released: 0, live: 0, covered: 0 };

  fail(rule: string, words: string): void {
    this.broken ??= { rule, words };
  }

  /** A write has arrived. */
  written(
    key: string,
    text: string,
    by: Process | null,
    { nowMs, sentMs }: { nowMs: number; sentMs: number },
  ): void {
    const facts = factsOf(key, text);
    if (facts === null) return;
    const before = this.stored.get(key);
    this.#end(key, facts, by, nowMs);
    this.#cover(key, facts, by, { nowMs, sentMs });
    const isRaise = before !== undefined && isHigher(facts, before.facts);
    if (key === CONFIG_KEY && isRaise) this.#judgeRaise(facts, before, { by, sentMs });
    this.stored.set(key, { facts, by });
    const name = `${key} ${facts.id}`;
    if (!facts.asks) return;
    const ours = this.emergencies.get(name) ?? newEmergency(key, facts.id, by, nowMs);
    ours.by ??= by;
    // Written again it is on top again.
    const covered = this.emergencies.get(`${key} ${before?.facts.id}`);
    if (covered !== undefined && covered !== ours) covered.coveredBy = ours;
    ours.coveredBy = null;
    this.emergencies.set(name, ours);
  }

  /** The guardian only lowers, and so does relief: whatever it has read since it was typed. */
  #judgeRaise(
    facts: Facts,
    before: Stored,
    { by, sentMs }: { by: Process | null; sentMs: number },
  ): void {
    const { verb = "" } = by?.operation ?? {};
    const isTheirs = before.by !== by && !before.facts.asks;
    const isRelief = (verb === "reduce" || verb === "disable") && isTheirs;
    const isKnown = by?.knew(before.facts.id, sentMs) === true;
    if (by !== null && !(isRelief && isKnown)) return;
    const who = by === null ? "the Worker's cron" : `${by.name}'s ${verb}`;
    this.fail("raised", `${who} put ${facts.id} over ${before.facts.id}, which is lower`);
  }

  /** A release in `stop` also ends the mirrors in `config`; a config, what is in `config`. */
  #end(key: string, facts: Facts, by: Process | null, nowMs: number): void {
    for (const id of facts.names) {
      // A config repeats the names of the one before it: a mirror may arrive after its release.
      if (this.#isByHuman(id, by)) this.#releasedByHuman.add(id);
      const keys = key === STOP_KEY ? [STOP_KEY, CONFIG_KEY] : [CONFIG_KEY];
      for (const one of keys) {
        const emergency = this.emergencies.get(`${one} ${id}`);
        if (emergency === undefined || emergency.endedMs !== null) continue;
        emergency.endedMs = nowMs;
        this.asked.released += 1;
        if (this.#releasedByHuman.has(id)) continue;
        const who = by?.name ?? "the Worker";
        this.fail("released", `${id} was released by ${who}, whom no human told to`);
      }
    }
  }

  /** By a human, who has said yes to a plan that was made when it was there. */
  #isByHuman(id: string, by: Process | null): boolean {
    const { verb = "" } = by?.operation ?? {};
    const seenMs = Math.min(this.#firstMs(STOP_KEY, id), this.#firstMs(CONFIG_KEY, id));
    const isHuman = verb === "restore" || verb === "ramp" || verb === "ramp detached";
    return isHuman && by !== null && by.saidYesToMs !== null && by.saidYesToMs >= seenMs;
  }

  /** A stop and its mirror have the same id: who has seen the one knows of the other. */
  #firstMs(key: string, id: string): number {
    return this.emergencies.get(`${key} ${id}`)?.firstMs ?? Number.POSITIVE_INFINITY;
  }

  #cover(
    key: string,
    facts: Facts,
    by: Process | null,
    { nowMs, sentMs }: { nowMs: number; sentMs: number },
  ): void {
    const before = this.stored.get(key);
    const loser = before?.by ?? null;
    if (before === undefined || loser === null || loser === by) return;
    if (!isHigher(facts, before.facts) || by?.knew(before.facts.id, sentMs) === true) return;
    if (facts.names.includes(before.facts.id)) return;
    const crossed = by !== null && sentMs - by.lookedMs <= LOOKED_MS;
    this.covers.push({ atMs: nowMs, loser, lost: { ...before.facts, key }, by, crossed });
  }

  /** An isolate has answered somebody. */
  observed(
    isolate: { location: string; name: string; seen: Set<string> },
    state: EffectiveState,
    around: Surroundings,
  ): void {
    const { location } = isolate;
    for (const { key, id = "" } of state.inForce) {
      isolate.seen.add(`${key} ${id}`);
      this.#show(location, id, around.nowMs);
    }
    for (const { key, id = "" } of state.carried.kv) {
      const emergency = this.emergencies.get(`${key} ${id}`);
      if (emergency?.told.has(location) === true && !emergency.liveMs.has(location))
        emergency.liveMs.set(location, around.nowMs);
    }
    if (state.config?.revision !== undefined)
      this.#show(location, state.config.revision, around.nowMs);
    if (state.carried.kv.length > 0) this.#kvStoppedMs.set(location, around.nowMs);
    if (state.emergency) this.stoppedMs.set(location, around.nowMs);
    else {
      this.openMs.set(location, around.nowMs);
      this.#judgeOpen(isolate, around);
    }
  }

  #show(location: string, id: string, nowMs: number): void {
    this.shownMs.set(`${location} ${id}`, nowMs);
  }

  /** It sends visitors to native, or would: nothing that stands may forbid it. */
  #judgeOpen(
    { location, name, seen }: { location: string; name: string; seen: Set<string> },
    around: Surroundings,
  ): void {
    for (const [known, emergency] of this.emergencies) {
      const { key, id, endedMs, liveMs, beaconMs, by } = emergency;
      if (endedMs !== null) continue;
      const whose = `${key} ${id} of ${by?.name ?? "the Worker"}`;
      this.asked.obeyed += 1;
      if (seen.has(known)) {
        this.fail("forgotten", `${name} has seen ${whose}, which nothing has ended, and forgot it`);
        return;
      }
      if (!stands(emergency)) continue;
      const { nowMs } = around;
      const byKv = { sinceMs: liveMs.get(location), boundMs: around.boundMs(location) };
      const byBeacon = { sinceMs: beaconMs ?? undefined, boundMs: around.beaconBoundMs() };
      for (const [carrier, { sinceMs, boundMs }] of [
        ["kv", byKv],
        ["beacon", byBeacon],
      ] as const) {
        if (sinceMs === undefined || nowMs - sinceMs <= boundMs) continue;
        if (!around.isQuiet(carrier, location, boundMs)) continue;
        const since = `live here by ${carrier} for ${nowMs - sinceMs} ms`;
        this.fail(
          carrier === "kv" ? "obeyed" : "beacon",
          `${name} does not obey ${whose}, ${since}`,
        );
      }
    }
  }

  /** What an isolate still holds although all is released: only what was covered, and so named by none. */
  isLeftOver(name: string): boolean {
    const known = this.emergencies.get(name);
    return known?.endedMs === null && known.coveredBy !== null;
  }

  /** "live at FRA": told of a stop by that id. */
  toldLive(id: string, location: string, nowMs: number): void {
    if (!this.stoppedMs.has(location))
      this.fail("live", `${id} was said to be live at ${location}, which has shown no emergency`);
    for (const key of [STOP_KEY, CONFIG_KEY]) {
      const emergency = this.emergencies.get(`${key} ${id}`);
      emergency?.told.add(location);
      // It was said on the word of another emergency in KV: that is as good as its own.
      const byKv = this.#kvStoppedMs.get(location) === this.stoppedMs.get(location);
      const isOwn = this.shownMs.has(`${location} ${id}`);
      if (byKv && !isOwn) emergency?.liveMs.set(location, nowMs);
    }
  }

  /** It is in KV for so long that no copy there can be older. */
  aged(id: string, location: string, nowMs: number): void {
    const emergency = this.emergencies.get(`${STOP_KEY} ${id}`);
    // By whom it was written to KV, is known; one that KV never had, no copy will show.
    if (emergency == null || emergency.by === null || emergency.liveMs.has(location)) return;
    emergency.liveMs.set(location, nowMs);
  }

  /** Its storage was lost: KV alone knows of what is in force. */
  lostByBeacon(): void {
    for (const emergency of this.emergencies.values()) emergency.beaconMs = null;
  }

  /** Told of a stop, the beacon holds it from now on. */
  heldByBeacon(text: string, nowMs: number): void {
    const facts = factsOf(STOP_KEY, text);
    if (facts === null) return;
    const name = `${STOP_KEY} ${facts.id}`;
    const emergency = this.emergencies.get(name) ?? newEmergency(STOP_KEY, facts.id, null, nowMs);
    this.emergencies.set(name, emergency);
    emergency.beaconMs ??= nowMs;
  }
}

function newEmergency(key: string, id: string, by: Process | null, firstMs: number): Emergency {
  const nowhere = { liveMs: new Map(), told: new Set<string>(), beaconMs: null };
  return { key, id, firstMs, by, ...nowhere, endedMs: null, coveredBy: null };
}

/** Neither ended, nor covered by a later one that is. */
function stands({ endedMs, coveredBy }: Emergency): boolean {
  return endedMs === null && (coveredBy === null || stands(coveredBy));
}

function isHigher(one: Facts, other: Facts): boolean {
  return other.asks ? !one.asks : one.percent > other.percent;
}
