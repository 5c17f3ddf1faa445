/**
 * What asks for an emergency and what ends it: the same rules for an isolate's memory and for the CLI.
 * A document is known by its content; what ends one names it. Clocks of operators differ by minutes,
 * so times alone end something only where nobody could name it.
 */

import { timeOf } from "../lib/time.ts";
import type { CanaryConfig, Name, StopDocument } from "./documents.ts";
import { parseConfig, parseStop } from "./documents.ts";
import { isHandMade } from "./hand-made.ts";
import type { ParsedState, RawState } from "./state.ts";

/** More than anybody pulls in one incident; a release stays well below the longest document. */
const MAX_NAMES = 40;
/** Longer texts differ in their first so many characters, or in length. */
const MARKED_CHARS = 16_384;

export type EmergencyKey = "stop" | "config";

/** A document that asks for an emergency, readable or not. */
export interface Asked {
  key: EmergencyKey;
  /** Of its text. */
  mark: string;
  /** The `id` of a stop, the `revision` of a config; by hand it has none. */
  id?: string | undefined;
  /** As written: `at`, or `last_updated`. */
  at?: string | undefined;
  by?: string | undefined;
  reason?: string | undefined;
  readable: boolean;
}

/** A readable document that asks for none. */
export interface Ending {
  mark: string;
  id: string | undefined;
  atMs: number;
  /**
   * `named`: ends what it names. `hand`: ends what is not younger than itself. `watermark`: a release
   * of the first version of the tool, which names one stop and its time.
   */
  kind: "named" | "hand" | "watermark";
  names: readonly Name[];
  /** What is older than this by more than the margin ends, too. Milliseconds since the epoch. */
  untilMs: number;
}

export interface Read {
  asked: Asked | null;
  ending: Ending | null;
}

/** Of a KV value, of any length: 64 bits by two rounds of FNV-1a. It spreads, and keeps no secret. */
export function markOf(text: string): string {
  let [a, b] = [0x811c9dc5, text.length];
  for (let i = 0; i < Math.min(text.length, MARKED_CHARS); i += 1) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code ^ (a >>> 16), 0x85ebca6b);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Null for what neither asks for an emergency nor can end one: an absent or quiet unreadable value. */
export function readEmergencies(
  raw: Pick<RawState, EmergencyKey>,
  parsed: Pick<ParsedState, EmergencyKey> = {
    config: parseConfig(raw.config),
    stop: parseStop(raw.stop),
  },
): Record<EmergencyKey, Read> {
  return { stop: readStop(raw.stop, parsed.stop), config: readConfig(raw.config, parsed.config) };
}

function readStop(text: string | null, stop: ParsedState["stop"]): Read {
  if (text === null || stop.kind === "absent") return NOTHING;
  const mark = markOf(text);
  if (stop.kind === "invalid") {
    return { asked: { key: "stop", mark, readable: false }, ending: null };
  }
  const { active, id, at, by, reason } = stop.value;
  return active
    ? { asked: { key: "stop", mark, id, at, by, reason, readable: true }, ending: null }
    : { asked: null, ending: { mark, id, atMs: timeOf(at), ...namedBy(stop.value) } };
}

function namedBy({ releases }: StopDocument): Pick<Ending, "kind" | "names" | "untilMs"> {
  if (releases === undefined) return { kind: "hand", names: [], untilMs: Number.NEGATIVE_INFINITY };
  const { id, at, stops } = releases;
  if (stops === undefined) {
    return {
      kind: "watermark",
      names: [id === undefined ? { at } : { id, at }],
      untilMs: timeOf(at),
    };
  }
  return {
    kind: "named",
    names: stops,
    untilMs: Math.max(...stops.map((stop) => timeOf(stop.at))),
  };
}

function readConfig(text: string | null, config: ParsedState["config"]): Read {
  if (text === null || config.kind === "absent") return NOTHING;
  if (config.kind === "invalid") {
    if (!config.emergency) return NOTHING;
    return { asked: { key: "config", mark: markOf(text), readable: false }, ending: null };
  }
  const mark = markOf(text);
  const { revision: id, last_updated: at, updated_by: by, reason } = config.value;
  if (config.value.emergency_proxy) {
    return { asked: { key: "config", mark, id, at, by, reason, readable: true }, ending: null };
  }
  return { asked: null, ending: { mark, id, atMs: timeOf(at), ...liftedBy(config.value) } };
}

function liftedBy(config: CanaryConfig): Pick<Ending, "kind" | "names" | "untilMs"> {
  const { lifts } = config;
  const byHand = isHandMade(config) && lifts === undefined;
  const untilMs = Number.NEGATIVE_INFINITY;
  return { kind: byHand ? "hand" : "named", names: lifts ?? [], untilMs };
}

const NOTHING: Read = { asked: null, ending: null };

/** What a release, or a `config`, has to say to end this one. */
export function nameOf({ id, mark, at }: Pick<Asked, "id" | "mark" | "at">): Name {
  return {
    ...(id === undefined ? {} : { id }),
    mark,
    ...(Number.isFinite(timeOf(at)) ? { at } : {}),
  };
}

/** Whether this release was somebody's decision on that very stop. */
export function releases(release: StopDocument, id: string | undefined): boolean {
  const named = namedBy(release).names;
  return !release.active && id !== undefined && named.some((name) => name.id === id);
}

/**
 * Without duplicates, the first ones first, no more than a document may name. An id alone would mean every
 * edited copy as well: it goes where the text is named.
 */
export function mergeNames(...lists: readonly (readonly Name[] | undefined)[]): Name[] {
  const names = new Map<string, Name>();
  const given = lists.flatMap((list) => list ?? []);
  const exact = new Set(given.flatMap(({ id, mark }) => (mark === undefined ? [] : [id])));
  for (const name of given) {
    if (name.mark === undefined && name.id !== undefined && exact.has(name.id)) continue;
    const key = JSON.stringify([name.id, name.mark, name.at]);
    if (!names.has(key)) names.set(key, name);
  }
  return [...names.values()].slice(0, MAX_NAMES);
}
