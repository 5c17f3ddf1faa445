/**
 * The emergencies that one isolate has seen in one key. Reads may be old and out of order: what asks
 * for an emergency always counts, and what was read before can end only what it names or has ended
 * before, since it may be a copy from before that emergency.
 */

import { timeOf } from "../lib/time.ts";
import type { Name } from "./documents.ts";
import type { Asked, Ending } from "./emergency.ts";
import { MARGIN_MS } from "./margin.ts";

/** An isolate lives for hours; a KV key has a handful of old values about. */
const MAX_HELD = 8;
const MAX_KNOWN = 16;

export interface Held extends Asked {
  /** Its own time; -Infinity without a readable one. Milliseconds since the epoch. */
  ownMs: number;
  /** When this isolate first read it. */
  seenMs: number;
  /** Marks of what ended it here: each of them is younger than it. */
  endedBy: readonly string[];
}

export interface Ledger {
  /** In force, in the order of sight. */
  held: readonly Held[];
  /** Read and ended. */
  ended: readonly Held[];
  /** Marks of what asks for no emergency and was read, the last read last. */
  known: readonly string[];
}

export const EMPTY_LEDGER: Ledger = { held: [], ended: [], known: [] };

/** When full, the one seen first makes room: what stands in KV now is always held. */
export function hold(ledger: Ledger, asked: Asked, nowMs: number): Ledger {
  if (ledger.held.some(({ mark }) => mark === asked.mark)) return ledger;
  const ownMs = timeOf(asked.at);
  const before = ledger.ended.find(({ mark }) => mark === asked.mark);
  // Without a time of its own, nobody can tell whether it is the one from before.
  const again = before !== undefined && Number.isFinite(ownMs);
  const { seenMs, endedBy } = again ? before : { seenMs: nowMs, endedBy: [] };
  return {
    ...ledger,
    held: [...ledger.held, { ...asked, ownMs, seenMs, endedBy }].slice(-MAX_HELD),
    ended: ledger.ended.filter(({ mark }) => mark !== asked.mark),
  };
}

/** `also`: what else ends with this document, whatever it says. */
export function end(
  ledger: Ledger,
  ending: Ending,
  nowMs: number,
  also: (held: Held) => boolean = () => false,
): Ledger {
  const { mark } = ending;
  const wasKnown = ledger.known.includes(mark);
  const known = [...ledger.known.filter((one) => one !== mark), mark].slice(-MAX_KNOWN);
  if (ledger.held.length === 0) return { ...ledger, known };
  const ends = (held: Held): boolean => endsBy(ending, held, wasKnown, nowMs) || also(held);
  const ended = ledger.held.filter(ends).map((held) => {
    return { ...held, endedBy: [...held.endedBy, mark].slice(-MAX_KNOWN) };
  });
  return {
    held: ledger.held.filter((held) => !ends(held)),
    ended: [...ledger.ended, ...ended].slice(-MAX_HELD),
    known,
  };
}

/** `wasKnown`: read before, so perhaps a copy from before this emergency. */
export function endsBy(ending: Ending, held: Held, wasKnown: boolean, nowMs: number): boolean {
  if (ending.names.some((name) => isNamed(name, ending, held, wasKnown))) return true;
  if (wasKnown) return held.endedBy.includes(ending.mark);
  if (isEditOf(ending, held) || endsUnnamed(ending, held)) return true;
  // The date of a stop by a clock that is ahead tells nothing about those that came since.
  return timeMs(held) + MARGIN_MS < Math.min(ending.untilMs, nowMs);
}

/**
 * Somebody may edit a copy and leave the id: a name means the very text, as far as it says which, and at the first
 * reading earlier versions of it as well.
 * A text without an id and a time may be written a second time: long after, it is not what was named.
 */
function isNamed(name: Name, ending: Ending, held: Held, wasKnown: boolean): boolean {
  const isDated = Number.isFinite(held.ownMs);
  if (name.id !== undefined) {
    if (name.id !== held.id) return false;
    if (name.mark === held.mark) return true;
    if (name.mark !== undefined) return !wasKnown && isOfThenOrAfter(name, held);
    return !wasKnown || name.at === undefined || !isDated || name.at === held.at;
  }
  if (name.mark === undefined) return held.id === undefined && isDated && name.at === held.at;
  if (name.mark !== held.mark) return false;
  return isDated || ending.atMs >= held.seenMs - MARGIN_MS;
}

/**
 * Whether the text that is named may be the later version; without a time, nobody can tell. A stop has two texts of
 * one time: the CLI's, and what the Worker made of the signed one.
 */
function isOfThenOrAfter({ at }: Name, held: Held): boolean {
  if (at === undefined || (held.key === "stop" && at === held.at)) return true;
  return timeMs(held) <= timeOf(at);
}

/**
 * Nobody but a person gives what asks for no emergency the revision of what asks for one. Which of the two is
 * the copy, only the times say, by more than clocks differ: in doubt it is the emergency.
 */
function isEditOf(ending: Ending, held: Held): boolean {
  const sameRevision = held.key === "config" && held.id !== undefined && held.id === ending.id;
  return sameRevision && timeMs(held) + MARGIN_MS < ending.atMs;
}

function endsUnnamed(ending: Ending, held: Held): boolean {
  const isDated = Number.isFinite(held.ownMs);
  switch (ending.kind) {
    case "hand": {
      // In `config` people copy an old date, revision and all; a stop's date is what its author means.
      const whenMs = isDated && held.key === "stop" ? held.ownMs : timeMs(held);
      return whenMs <= ending.atMs;
    }
    case "watermark":
      return !isDated && held.seenMs <= ending.atMs;
    case "named":
      return false;
    default:
      return ending.kind satisfies never;
  }
}

/** Its own time, unless it says that it was written long before anybody saw it: then the first sight. */
function timeMs({ ownMs, seenMs }: Held): number {
  return seenMs - ownMs <= MARGIN_MS ? ownMs : seenMs;
}
