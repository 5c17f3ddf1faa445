/** Since when traffic is kept from native, and by whom. */
import { timeOf } from "../lib/time.ts";
import { UNKNOWN_AUTHOR } from "../state/author.ts";
import type { ParsedState } from "../state/state.ts";
import { timeWithAge } from "../text/age.ts";

interface Origin {
  at?: string | undefined;
  by?: string | undefined;
  reason?: string | undefined;
}

/** Of the document that says so; an unreadable one tells nothing, and `config` then speaks only for itself. */
export function originOf({ stop, config }: ParsedState): Origin {
  if (stop.kind === "valid" && stop.value.active) return stop.value;
  if (config.kind !== "valid" || !config.value.emergency_proxy) return {};
  const { last_updated: at, updated_by: by, reason } = config.value;
  return { at, by, reason };
}

/** Seconds since the epoch; NaN when that is not known. */
export function emergencyAtS(state: ParsedState): number {
  return timeOf(originOf(state).at) / 1_000;
}

/** " since …, set by …: why"; unknown parts are left out. */
export function originText(state: ParsedState, nowMs: number): string {
  return sinceText(originOf(state), nowMs);
}

export function sinceText({ at, by = UNKNOWN_AUTHOR, reason }: Origin, nowMs: number): string {
  const since = at === undefined ? "" : ` since ${timeWithAge(at, nowMs)}`;
  return `${since}, set by ${by}${reason === undefined ? "" : `: ${reason}`}`;
}

/** Seconds since the epoch; NaN without a cap, or of one that does not say. */
export function timeOfCapS(state: ParsedState | null): number {
  return timeOf(state?.capped?.cap.at) / 1_000;
}

/** Null when the guardian has set no limit that is in force. */
export function capText({ capped }: Pick<ParsedState, "capped">, nowMs: number): string | null {
  if (capped === undefined) return null;
  const { cap, asked } = capped;
  const since = cap.at === "" ? "" : ` since ${timeWithAge(cap.at, nowMs)}`;
  const held = asked > cap.percent ? `; config says ${asked} %` : "";
  const why = cap.reason === "" ? "" : `: ${cap.reason}`;
  return `CAPPED at ${cap.percent} %${since} by ${cap.by}${why}${held}`;
}
