/** Which emergencies there are, by name: in KV, at every `/qa`, in the journal. What ends them names them. */

import { timeOf } from "../../domain/lib/time.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { Name } from "../../domain/state/documents.ts";
import type { Asked } from "../../domain/state/emergency.ts";
import { mergeNames, nameOf, readEmergencies } from "../../domain/state/emergency.ts";
import { endsBy } from "../../domain/state/emergency-ledger.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { RawState } from "../../domain/state/state.ts";
import { mayBeUnknown } from "../../domain/state/unseen-emergencies.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Base } from "./stored-state.ts";

/** No isolate lives so long. */
const JOURNAL_MS = 86_400_000;

export interface Names {
  stops: Name[];
  /** Of emergencies in `config`, mirrors of stops included: they carry the stop's id. */
  lifts: Name[];
}

/**
 * `entries` in order of time. A young stop of somebody else that only the journal tells of is not named: nobody
 * has shown it to whoever decides.
 */
export function namesOf(
  base: Base,
  sightings: readonly Sighting[],
  entries: readonly JournalEntry[],
  known: { actor: string; nowMs: number },
): Names {
  const seen = [...storedIn(base), ...sightings.flatMap(shownAt)];
  const named = (key: Asked["key"]) => seen.filter((asked) => asked.key === key).map(nameOf);
  const ids = seen.flatMap(({ id }) => (id === undefined ? [] : [{ id }]));
  const told = entries
    .filter(({ after, at, actor: by }) => {
      const isRecent = known.nowMs - timeOf(at) < JOURNAL_MS;
      return after.emergency === true && isRecent && !mayBeUnknown({ at, by }, known);
    })
    .flatMap(({ id, after }) => [
      { id },
      ...(after.revision === null ? [] : [{ id: after.revision }]),
    ])
    .reverse();
  // What is put back in force names what it found, of either key.
  const { config } = base.state;
  const found = config.kind === "valid" && config.value.emergency_proxy ? config.value.lifts : [];
  // Exact names first: an id alone is what is left when nothing is known of the text.
  return {
    stops: mergeNames(named("stop"), found, ids, told),
    lifts: mergeNames(named("config"), ids, told),
  };
}

export function storedIn({ configText: config, stopText: stop, state }: Base): Asked[] {
  const read = readEmergencies({ config, stop }, state);
  return [read.stop.asked, read.config.asked].filter((asked) => asked !== null);
}

/** All that ask for the emergency in force at that location; none when it does not say. */
export function shownAt({ qa }: Sighting): Asked[] {
  return (qa?.emergencies ?? []).map(({ key, mark, id, at, by, reason }) => ({
    key,
    mark,
    id: id ?? undefined,
    at: at ?? undefined,
    by: by ?? undefined,
    reason: reason ?? undefined,
    readable: true,
  }));
}

/** What KV holds, or is about to hold. */
export type Texts = Pick<RawState, Asked["key"]>;

/** What a location shows and nothing in these ends: nobody has released it. */
export function lostIn(
  shown: readonly Asked[],
  documents: readonly Texts[],
  nowMs: number,
): Asked[] {
  const endings = documents
    .map((texts) => readEmergencies(texts))
    .flatMap(({ stop, config }) => [stop.ending, config.ending])
    .filter((ending) => ending !== null);
  return shown.filter((asked) => {
    const held = { ...asked, ownMs: timeOf(asked.at), seenMs: nowMs, endedBy: [] };
    return !endings.some((ending) => endsBy(ending, held, false, nowMs));
  });
}

export function authorsOf(lost: readonly Asked[]): string {
  const texts = lost.map(({ at, by, reason }) => {
    const why = reason === undefined ? "" : `, "${reason}"`;
    return `${by ?? UNKNOWN_AUTHOR}, ${isoSeconds(at ?? "at an unknown time")}${why}`;
  });
  return [...new Set(texts)].join("; ");
}
