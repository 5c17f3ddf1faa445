/** The world as it is, and broken on purpose: each twin lacks one guard, and must be caught. */

import type { Beacon } from "../../src/domain/state/beacon.ts";
import { parseConfig } from "../../src/domain/state/documents.ts";
import type { RawState } from "../../src/domain/state/state.ts";
import type { CallOptions, StateStore } from "../../src/ports/api.ts";
import type { BeaconCarrier } from "../../worker/beacon/carrier.ts";
import type { Carriers } from "../../worker/stop/deliver.ts";
import type { Process } from "./process.ts";

export interface Twin {
  name: string;
  /** The rule that catches it. */
  breaks: string;
  /** Isolates keep nothing from one request to the next. */
  forgetful?: true;
  /** The second carrier, as isolates have it. */
  beacon?(carrier: BeaconCarrier): BeaconCarrier;
  /** The beacon's storage, after each document that it was told. */
  stored?(beacon: Beacon): Beacon;
  /** What a Worker that takes a signed stop reaches. */
  carriers?(carriers: Carriers): Carriers;
  store?(store: StateStore, process: Process): StateStore;
  /** The `/qa` that operators know. */
  urls?(urls: readonly string[]): readonly string[];
  /** What becomes of a write of the guardian; `config` is what it read last. */
  guardianPut?(key: string, text: string, config: string | null): [key: string, text: string];
}

export const REAL: Twin = { name: "as it is", breaks: "" };

/** Once its human has said yes, a restore reads what its plan has read, and what it has written itself. */
function blind(store: StateStore, process: Process): StateStore {
  if (process.operation.verb !== "restore") return store;
  let known: RawState = { config: null, stop: null };
  return {
    ...store,
    async read(options) {
      if (process.saidYesToMs === null) known = await store.read(options);
      return known;
    },
    async writeConfig(config, options) {
      await store.writeConfig(config, options);
      known = { ...known, config: JSON.stringify(config) };
    },
    async writeStop(stop, options) {
      await store.writeStop(stop, options);
      known = { ...known, stop: JSON.stringify(stop) };
    },
  };
}

/** A reduce goes by the first that it has read, and looks no more. */
function hasty(store: StateStore, process: Process): StateStore {
  if (process.operation.verb !== "reduce") return store;
  let first: Promise<RawState> | null = null;
  return {
    ...store,
    read(options) {
      first ??= store.read(options);
      return first;
    },
  };
}

/** A release as an older version wrote it: no names, so that it ends whatever is not newer. */
function namingNothing(store: StateStore): StateStore {
  return {
    ...store,
    writeStop: ({ releases, ...stop }, options) => {
      const document = stop.active ? { ...stop, releases } : stop;
      return store.writeStop(document, options);
    },
  };
}

/** It looks again, and what it finds then it releases as well, whoever has seen it. */
function namingAll(store: StateStore, process: Process): StateStore {
  const planned = blind(store, process);
  const found = async (options: CallOptions) => {
    const { stop, config } = await store.read(options);
    const { id } = JSON.parse(stop ?? "{}") as { id?: string };
    const { revision } = JSON.parse(config ?? "{}") as { revision?: string };
    return [{ id }, { id: revision }];
  };
  return {
    ...planned,
    async writeConfig(config, options) {
      const lifts = [...(config.lifts ?? []), ...(await found(options))];
      return planned.writeConfig({ ...config, lifts }, options);
    },
    async writeStop(stop, options) {
      if (stop.active) return planned.writeStop(stop, options);
      const stops = [...(stop.releases?.stops ?? []), ...(await found(options))];
      return planned.writeStop({ ...stop, releases: { ...stop.releases, stops } }, options);
    },
  };
}

/** The guardian's share in a copy of `config`, as it once was. */
function guardianInConfig(key: string, text: string, config: string | null): [string, string] {
  const known = parseConfig(config);
  if (key !== "guardian-cap" || known.kind !== "valid") return [key, text];
  const { percent, id } = JSON.parse(text) as { percent: number; id: string };
  return ["config", JSON.stringify({ ...known.value, canary_percent: percent, revision: id })];
}

/** It is there, and nobody listens to it. */
function deaf(carrier: BeaconCarrier): BeaconCarrier {
  return {
    ...carrier,
    async read(keepAlive) {
      const read = await carrier.read(keepAlive);
      return { ...read, answer: { ...read.answer, stops: [], seq: 0 } };
    },
  };
}

/** Who has read a release in KV keeps it to himself. */
function stoppingOnly(carrier: BeaconCarrier): BeaconCarrier {
  return {
    ...carrier,
    async tell() {
      const { answer } = await carrier.read(() => undefined);
      return { answer, told: "heard" };
    },
  };
}

/** It takes a stop as it comes, whatever was said of it before. */
function careless({ beacon, kv, ...carriers }: Carriers): Carriers {
  return {
    ...carriers,
    beacon: beacon && { tell: (text) => beacon.tell(text).then(() => ({ told: "held" })) },
    kv: kv && { ...kv, stored: async () => null },
  };
}

export const TWINS: readonly Twin[] = [
  { name: "isolates without a memory", breaks: "forgotten", forgetful: true },
  { name: "a restore that does not look again", breaks: "obeyed", store: blind },
  { name: "a reduce that does not look again", breaks: "covered", store: hasty },
  { name: "a release without names", breaks: "obeyed", store: namingNothing },
  {
    name: "a release that names what its human has not seen",
    breaks: "released",
    store: namingAll,
  },
  { name: "a proof at one location", breaks: "live", urls: (urls) => urls.slice(0, 1) },
  { name: "isolates without the second carrier", breaks: "beacon", beacon: deaf },
  { name: "a release that reaches KV alone", breaks: "stuck", beacon: stoppingOnly },
  {
    name: "a beacon that forgets what was released",
    breaks: "replayed",
    stored: (b) => ({ ...b, released: [] }),
  },
  { name: "a Worker that takes a released stop", breaks: "replayed", carriers: careless },
  { name: "a guardian that writes config", breaks: "raised", guardianPut: guardianInConfig },
];
