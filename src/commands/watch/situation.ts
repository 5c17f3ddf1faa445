/** What the parts of the view come to. */
import type { Target } from "../../domain/config/environment.ts";
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
  const behind = (locations.value ?? []).filter(isBehind).map(({ colo }) => coloName(colo));
  return situationIn(
    {
      nowMs,
      state: state.value,
      figures,
      looks: model.looks.map((look) => lookOf(look, state.value)),
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

/** A value that is kept says how it was; after two failures nobody should rely on it. */
function unread(name: string, { value, failure }: Part<unknown>): string[] {
  if (failure === null) return [];
  return value === null || failure.times >= LOST ? [`${name}: ${failure.why}`] : [];
}

function lookOf({ url, part, pings }: Look, state: ParsedState | null): LookedAt {
  const unknown = { kind: "unknown" } as const;
  const lost = part.value === null || (part.failure?.times ?? 0) >= LOST;
  if (part.value === null || (lost && part.value.problem === null)) {
    const place = placeOf({ colo: part.value?.colo ?? null, url });
    return { place, emergency: null, current: null, native: unknown, proxy: unknown };
  }
  return lookedAt(part.value, state, pings ?? { native: unknown, proxy: unknown });
}
