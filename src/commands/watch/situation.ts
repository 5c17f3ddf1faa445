/** What the parts of the view come to. */
import type { Target } from "../../domain/config/environment.ts";
import { openRungs } from "../../domain/ladder/rung.ts";
import { type TakenRung, takenRungs } from "../../domain/ladder/shown.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import { coloName } from "../../domain/proof/colo-name.ts";
import { isBehind } from "../../domain/proof/fleet.ts";
import type { LookedAt, Situation } from "../../domain/situation/known.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { figuresOf, lookedAt, situationIn } from "../lib/situation.ts";
import type { Look, Part, WatchModel } from "./model.ts";

/** One lost answer is not news; two in a row are. */
export const LOST = 2;

export function situationNow(model: WatchModel, target: Target, nowMs: number): Situation {
  const { state, health, share, locations } = model;
  const figures =
    health.value === null ? (health.failure?.why ?? "loading …") : figuresOf(health.value, target);
  const rungs = rungsIn(model);
  const behind = (locations.value ?? []).filter(isBehind).map(({ colo }) => coloName(colo));
  return situationIn(
    {
      nowMs,
      state: state.value,
      figures,
      rungs,
      looks: model.looks.map((look) => lookOf(look, state.value, rungs)),
      share: share.value?.verdict ?? "no_data",
      behind,
      unread: [
        ...unread("state", state),
        ...unread("metrics", health),
        ...unread("locations", locations),
      ],
    },
    target,
  );
}

/** By the journal and by what the locations show: the account is not asked again and again. */
function rungsIn({ journal, looks }: WatchModel): TakenRung[] {
  const sightings = looks.flatMap(({ part, bypassed }) => bypassed ?? part.value ?? []);
  if (sightings.length === 0) return [];
  return takenRungs(openRungs(journal.value ?? []), sightings);
}

/** A value that is kept says how it was; after two failures nobody should rely on it. */
function unread(name: string, { value, failure }: Part<unknown>): string[] {
  if (failure === null) return [];
  return value === null || failure.times >= LOST ? [`${name}: ${failure.why}`] : [];
}

function lookOf(
  { url, part, pings, bypassed }: Look,
  state: ParsedState | null,
  rungs: readonly TakenRung[],
): LookedAt {
  const unknown = { kind: "unknown" } as const;
  const lost = part.value === null || (part.failure?.times ?? 0) >= LOST;
  if (bypassed !== null && rungs.some(({ via }) => via === "route")) {
    return lookedAt(bypassed, state, { native: unknown, proxy: unknown }, rungs);
  }
  if (part.value === null || (lost && part.value.problem === null)) {
    const place = placeOf({ colo: part.value?.colo ?? null, url });
    return { place, emergency: null, current: null, native: unknown, proxy: unknown };
  }
  return lookedAt(part.value, state, pings ?? { native: unknown, proxy: unknown }, rungs);
}
