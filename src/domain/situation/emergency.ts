/** What keeps all traffic on proxy now: a stop that is stored, one that is not, or a rung of the ladder. */
import { rungText } from "../ladder/shown.ts";
import { timeOf } from "../lib/time.ts";
import { UNKNOWN_AUTHOR } from "../state/author.ts";
import { releases } from "../state/emergency.ts";
import { isEmergency, type ParsedState } from "../state/state.ts";
import type { Concern, Known, LookedAt, Next, ShownStop } from "./known.ts";
import { command, inEmergency, restoring } from "./next.ts";
import { placesOf } from "./places.ts";
import { emergencyAtS, originOf, sinceText } from "./since.ts";

const ALL_ON_PROXY = ": all traffic is on proxy (the legacy origin)";
/** The cron copies a stop that only the beacon has to KV, once it is so old. */
const COPIED_AFTER = "2 min";

export function emergencyConcerns(known: Known): Concern[] {
  const { state, looks, nowMs, rungs = [] } = known;
  const at = looks.filter(({ emergency }) => emergency === true);
  const stored = state !== null && isEmergency(state);
  if (rungs.length > 0) return [byRungs(rungs, known)];
  if (!stored && at.length === 0) return [];
  if (stored) {
    const next = inEmergency(known, emergencyAtS(state) * 1_000);
    const where =
      at.length === looks.length ? ALL_ON_PROXY : `, live at ${at.length} of ${looks.length} /qa`;
    const text = `EMERGENCY${looks.length === 0 ? "" : where}`;
    return [concernOf(text + sinceText(originOf(state), nowMs), next)];
  }
  return unstored(at, known);
}

function concernOf(text: string, next: Next | null): Concern {
  return { kind: "emergency", mark: "!", text, next };
}

/** Whatever is stored: a release alone ends none of these. */
function byRungs(rungs: NonNullable<Known["rungs"]>, { state, looks, nowMs }: Known): Concern {
  const stop = state === null ? {} : originOf(state);
  const [rung] = rungs;
  const taken = { at: rung?.at ?? undefined, by: rung?.by ?? undefined };
  const origin = timeOf(stop.at) > 0 ? stop : taken;
  const names = rungs.map(rungText).join(" and ");
  // Somebody else's deployment may leave the version to some visitors alone.
  const free = looks.filter(({ emergency }) => emergency === false);
  const where = free.length === 0 ? ALL_ON_PROXY : `, but not at ${placesOf(free)}`;
  const text = `EMERGENCY by ${names}, until restore${where}${sinceText(origin, nowMs)}`;
  return concernOf(text, restoring("when the cause is fixed"));
}

/** In force, and not in KV: by whom, as the locations say, and what becomes of it. */
function unstored(at: readonly LookedAt[], known: Known): Concern[] {
  const { state, looks, nowMs } = known;
  const stop = newest(at.flatMap(({ stops }) => stops ?? []));
  const origin = {
    at: stop?.at ?? undefined,
    by: stop?.by ?? undefined,
    reason: stop?.reason ?? undefined,
  };
  const place = at.length === looks.length ? ALL_ON_PROXY : ` at ${placesOf(at)}`;
  const text = `EMERGENCY${place}${stop === null ? "" : sinceText(origin, nowMs)}`;
  if (state === null) return [concernOf(text, inEmergency(known, Number.NaN))];
  const verify = inEmergency(known, Number.NaN);
  const by = releasedBy(state, stop);
  if (by !== null) {
    const follows = `released by ${by}, which has not reached ${placesOf(at)} yet`;
    return [concernOf(text, verify), concernOf(follows, null)];
  }
  if (stop?.carriers.join() !== "beacon") {
    const why = `KV holds no stop: what ${placesOf(at)} goes by is older, or was overwritten`;
    return [concernOf(text, verify), concernOf(why, null)];
  }
  const follows = `the beacon alone has this stop: the cron copies it to KV after ${COPIED_AFTER}, not-aus at once`;
  return [
    concernOf(text, command("not-aus", { reason: stop.reason ?? "" })),
    concernOf(follows, null),
  ];
}

/** Who released the emergency that a location still shows; null: the stored state does not. */
function releasedBy({ stop }: ParsedState, shown: ShownStop | null): string | null {
  if (stop.kind !== "valid" || !releases(stop.value, shown?.id ?? undefined)) return null;
  return stop.value.by ?? UNKNOWN_AUTHOR;
}

function newest(stops: readonly ShownStop[]): ShownStop | null {
  const ms = ({ at }: ShownStop): number => Math.max(0, timeOf(at ?? undefined));
  return stops.toSorted((a, b) => ms(b) - ms(a))[0] ?? null;
}
