/** Whether anybody still runs a ramp, as far as this machine and KV tell, and what is true when nobody does. */
import { isOver, type RampDocument } from "../../domain/ramp/document.ts";
import { silenceText } from "../../domain/ramp/life.ts";
import { shareOf } from "../../domain/ramp/text.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import { isLeft } from "../lib/ramp-death.ts";
import type { KnownRamp } from "./store.ts";

type Seen = Pick<KnownRamp, "ramp" | "from" | "alive">;

/** `silent`: it has not ended, and there is no sign of life from who runs it. */
export type ShownState = RampDocument["state"] | "silent";

export function shownState(known: Seen, nowMs: number): ShownState {
  return silenceOf(known, nowMs) === null ? known.ramp.state : "silent";
}

/**
 * "no sign of life from laptop since …"; null: there are signs, or none are due. The lock of this machine's file
 * knows of a death at once.
 */
export function silenceOf({ ramp, from, alive }: Seen, nowMs: number): string | null {
  if (alive || isOver(ramp) || isLeft(ramp)) return null;
  return silenceText(ramp, nowMs, from === "here" && ramp.mode === "attached");
}

/** For a table's cell, or the head of an answer. */
export function stateText(known: Seen, nowMs: number): string {
  const { state } = known.ramp;
  const silence = silenceOf(known, nowMs);
  if (silence === null) return state;
  return state === "paused" ? `paused, ${silence}` : silence;
}

/** The share that is in force without anybody who runs the ramp, and what lowers it when. */
export function standingText(ramp: RampDocument, nowMs: number): string {
  const { lease_until: until, base, gates, mode } = ramp;
  const share = `the share stays at ${shareOf(ramp)}`;
  const unchecked = gates ? ", and its gate is not checked" : "";
  if (mode === "detached") return `${share} until the cron runs again${unchecked}`;
  if (until === null) return `${share}: there is no lease that lowers it${unchecked}`;
  return Date.parse(until) > nowMs
    ? `${share} until ${isoSeconds(until)}, then the lease lowers it to ${base.percent} %${unchecked}`
    : `at most ${base.percent} % is in force: the lease ran out at ${isoSeconds(until)}`;
}
