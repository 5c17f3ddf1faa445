/** From what a command has read to what is known, and the next command as it is typed here. */
import type { Target } from "../../domain/config/environment.ts";
import { shownRung, type TakenRung } from "../../domain/ladder/shown.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { compare, expectationOf } from "../../domain/proof/expectation.ts";
import { isSilent } from "../../domain/proof/silent-beacon.ts";
import { stateShown } from "../../domain/proof/traffic.ts";
import { judged } from "../../domain/situation/judged.ts";
import type { Figures, Known, LookedAt, Situation } from "../../domain/situation/known.ts";
import { NOT_ASKED } from "../../domain/situation/known.ts";
import { pingIn } from "../../domain/situation/ping.ts";
import { situationOf } from "../../domain/situation/situation.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import type { assessHealth } from "./native-health.ts";

export { nextText } from "../../domain/situation/next-text.ts";

type Asked = Pick<Known, "nowMs" | "state" | "figures"> & Partial<Known>;

export function situationIn(asked: Asked, { dataset, contacts }: Target): Situation {
  const { onCall } = contacts;
  return situationOf({ ...NOT_ASKED, hasMetrics: dataset !== null, onCall, ...asked });
}

/** A text where the metrics did not answer: why. */
export function figuresOf(
  { assessment, observations, failure }: Awaited<ReturnType<typeof assessHealth>>,
  { policy }: Target,
): Figures | string {
  if (failure !== null) return failure.message;
  return judged(assessment, observations, policy);
}

/** `pings`: of an earlier look, where this one did not wait for them. `rungs`: those that are taken. */
export function lookedAt(
  sighting: Sighting,
  state: ParsedState | null,
  pings: Pick<LookedAt, "native" | "proxy"> = pingsIn(sighting),
  rungs: readonly TakenRung[] = [],
): LookedAt {
  const { qa } = sighting;
  const routeDeleted = rungs.some(({ via }) => via === "route");
  const rung = shownRung(sighting, routeDeleted);
  const shown = stateShown(sighting);
  const emergency = rung !== null || (shown === "unknown" ? null : shown === "emergency");
  const expected = state === null ? null : { ...expectationOf(state), rungs: { routeDeleted } };
  const seen = expected !== null && compare(expected, sighting).seen;
  // A refused /qa says how it decides, and not by which state.
  const known = state !== null && (seen || qa !== null || rung !== null);
  return {
    place: placeOf(sighting),
    emergency,
    current: known ? seen : null,
    ...pings,
    stops: (qa?.emergencies ?? []).map(({ carriers = ["kv"], id, at, by, reason }) => {
      return { id, at, by, reason, carriers };
    }),
    ...(qa?.beacon === undefined ? {} : { beacon: isSilent(qa.beacon) ? "silent" : "answers" }),
  };
}

export function pingsIn({ qa }: Pick<Sighting, "qa">): Pick<LookedAt, "native" | "proxy"> {
  return { native: pingIn(qa?.health.native), proxy: pingIn(qa?.health.proxy) };
}

/** ", ping: native answers, proxy FAILS"; "" when neither is known. */
export function pingsText(native: string | null, proxy: string | null): string {
  const text = (name: string, status: string | null): string[] =>
    status === null || status === "unknown"
      ? []
      : [`${name} ${status === "failing" ? "FAILS" : "answers"}`];
  const parts = [...text("native", native), ...text("proxy", proxy)];
  return parts.length === 0 ? "" : `, ping: ${parts.join(", ")}`;
}

/** The verdict first, then all else that is not well. Not yet escaped. */
export function situationLines({ mark, headline, concerns }: Situation): string[] {
  return [`${mark} ${headline}`, ...concerns.slice(1).map((one) => `${one.mark} ${one.text}`)];
}
