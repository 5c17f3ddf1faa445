/** What a proof came across: a rung of the ladder, a stop that KV does not hold, a beacon that is silent. */
import { type OpenRungs, openRungs } from "../../domain/ladder/rung.ts";
import { takenRungs } from "../../domain/ladder/shown.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { silentBeaconText } from "../../domain/situation/beacon.ts";
import { emergencyConcerns } from "../../domain/situation/emergency.ts";
import { NOT_ASKED } from "../../domain/situation/known.ts";
import { isEmergency, type ParsedState } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import { lookedAt, nextText, pingsIn } from "../lib/situation.ts";

/** As many as `status` and `restore` look through. */
const ENTRIES = 20;

/** What the journal says of rungs, once it has answered. */
export interface RungWatch {
  open: OpenRungs;
  routeDeleted: boolean;
}

/** The journal is not waited for: what it says is used from then on. */
export function watchRungs({ journal }: Pick<Ports, "journal">, signal: AbortSignal): RungWatch {
  const watch: RungWatch = { open: { version: null, route: null }, routeDeleted: false };
  void journal.recent(ENTRIES, { signal }).then(
    ({ entries }) => {
      watch.open = openRungs(entries);
      watch.routeDeleted = watch.open.route !== null;
    },
    () => undefined,
  );
  return watch;
}

interface Found {
  /** One line each; foreign text. */
  notes: string[];
  /** What a rung that is seen comes to; null: none is. */
  rung: string | null;
  /** "": nothing but another look. */
  next: string;
}

export function foundIn(
  sightings: readonly Sighting[],
  { state, open }: { state: ParsedState; open: OpenRungs },
  { clock, target }: Pick<Ports, "clock" | "target">,
): Found {
  const rungs = takenRungs(open, sightings);
  const looks = sightings.map((one) => lookedAt(one, state, pingsIn(one), rungs));
  const nowMs = clock.now();
  const hasMetrics = target.dataset !== null;
  const asked = { nowMs, state, looks, rungs, figures: "", hasMetrics, onCall: null };
  const unexpected = rungs.length > 0 || !isEmergency(state);
  const concerns = unexpected ? emergencyConcerns({ ...NOT_ASKED, ...asked }) : [];
  const texts = concerns.map(({ text }) => text);
  const beacon = silentBeaconText(looks);
  const next = concerns.find((one) => one.next !== null)?.next ?? null;
  const repeats = next?.kind === "command" && next.words.startsWith("verify");
  return {
    notes: [...texts, ...(beacon === null ? [] : [beacon])],
    rung: rungs.length === 0 ? null : (texts[0] ?? null),
    next: next === null || repeats ? "" : nextText(next, target),
  };
}
