/** The world as it is, and broken on purpose: each twin lacks one guard, and must be caught. */
import { parseConfig } from "../../src/domain/state/documents.ts";
import type { StateStore } from "../../src/ports/api.ts";
import type { Process } from "./process.ts";

export interface Twin {
  name: string;
  /** Isolates keep nothing from one request to the next. */
  forgetful?: true;
  store?(store: StateStore, process: Process): StateStore;
  /** The `/qa` that operators know. */
  urls?(urls: readonly string[]): readonly string[];
  /** What becomes of a write of the guardian; `config` is what it read last. */
  guardianPut?(key: string, text: string, config: string | null): [key: string, text: string];
}

export const REAL: Twin = { name: "as it is" };

/** What a restore reads once it has begun to write is what its plan read. */
function blind(store: StateStore, process: Process): StateStore {
  if (process.operation.verb !== "restore") return store;
  let planned: string | null = null;
  return {
    ...store,
    async read(options) {
      const raw = await store.read(options);
      if (process.saidYesToMs === null) planned = raw.stop;
      return { ...raw, stop: planned };
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

/** A release that names what nobody has shown its human: all that was set meanwhile. */
function namingAll(store: StateStore): StateStore {
  return {
    ...store,
    async writeStop(stop, options) {
      if (stop.active) return store.writeStop(stop, options);
      const { stop: text } = await store.read(options);
      const { id } = JSON.parse(text ?? "{}") as { id?: string };
      const stops = [...(stop.releases?.stops ?? []), { id }];
      return store.writeStop({ ...stop, releases: { ...stop.releases, stops } }, options);
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

export const TWINS: readonly Twin[] = [
  { name: "isolates without a memory", forgetful: true },
  { name: "a restore that does not look again", store: blind },
  { name: "a release without names", store: namingNothing },
  { name: "a release that names what its human has not seen", store: namingAll },
  { name: "a proof at one location", urls: (urls) => urls.slice(0, 1) },
  { name: "a guardian that writes config", guardianPut: guardianInConfig },
];
