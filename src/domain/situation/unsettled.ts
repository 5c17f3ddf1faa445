/** What is about to change, or should have: locations that lag, a share that is not achieved, a ramp that waits. */
import { silenceText } from "../ramp/life.ts";
import { placeInPlan } from "../ramp/position.ts";
import { nowText, shareOf } from "../ramp/text.ts";
import { leaseEndsMs } from "../state/lease.ts";
import { isEmergency } from "../state/state.ts";
import type { Concern, Known } from "./known.ts";
import { command, proving } from "./next.ts";

/** None in an emergency, in whose place nothing else is in force. */
export function unsettledConcerns(known: Known): Concern[] {
  const { state, looks, share, behind, rungs = [] } = known;
  if ((state !== null && isEmergency(state)) || rungs.length > 0) return [];
  const concern = (text: string, words: string): Concern => {
    return { kind: "unsettled", mark: "!", text, next: command(words) };
  };
  // One that shows an emergency is named with it.
  const differing = looks
    .filter(({ current, emergency }) => current === false && emergency !== true)
    .map(({ place }) => place);
  const texts: [text: string | null, words: string][] = [
    [rampText(known), "ramp status"],
    [leaseText(known), "ramp status"],
    [listed("not showing the stored state", differing), proving(known)],
    [listed("deciding by an older state", behind), proving(known)],
    [
      share === "fail" ? "the achieved share differs from the configured one" : null,
      proving(known),
    ],
  ];
  return texts.flatMap(([text, words]) => (text === null ? [] : [concern(text, words)]));
}

function listed(what: string, places: readonly string[]): string | null {
  return places.length === 0 ? null : `${what}: ${[...new Set(places)].join(", ")}`;
}

/** Null for one that shows signs of life, and runs. Its end may not be written yet: another change of the state is one. */
function rampText({ ramp, rampDied, state, nowMs }: Known): string | null {
  if (ramp === null) return null;
  const place = state === null ? null : placeInPlan(ramp, state);
  if (place?.kind === "conflict") return `the ramp is over: ${place.by}, ${place.why}`;
  return ramp.paused === null && silenceText(ramp, nowMs, rampDied) === null
    ? null
    : `the ramp stands at ${shareOf(ramp)}: ${nowText(ramp, nowMs, rampDied)}`;
}

function leaseText({ state, nowMs }: Known): string | null {
  const lease = state?.config.kind === "valid" ? state.config.value.lease : undefined;
  if (lease === undefined || leaseEndsMs(lease, null) > nowMs) return null;
  return `the lease has run out: at most ${lease.fallback_percent} % is in force`;
}
