/**
 * Was there a stop in the window, or anything that acted by itself? Three witnesses, none of which sees
 * everything: the journal (not what was done by hand), the stored state (only the newest stop), and
 * requests that an emergency decided (only where there were visitors).
 */

import { timeOf } from "../lib/time.ts";
import type { EmergencyRow } from "../metrics/window-queries.ts";
import { UNKNOWN_AUTHOR } from "../state/author.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";
import { counted, isoSeconds } from "../text/format.ts";
import type { Observed } from "./observations.ts";
import type { Verdict } from "./verdict.ts";

export interface Disturbance {
  kind: "emergency" | "automatic";
  /** Seconds since the epoch; null when that is not known. */
  atS: number | null;
  /** In words for people; holds foreign text. */
  what: string;
}

export interface Witnesses {
  state: Observed<ParsedState>;
  /** In order of time; also what is known of a journal that could not be read completely. */
  entries: readonly JournalEntry[];
  /** Why the journal may hold more; null when it was read for the whole window. */
  journalGap: string | null;
  decided: Observed<EmergencyRow>;
}

export interface Quiet {
  verdict: Verdict;
  disturbances: Disturbance[];
  /** What could not be asked. */
  unseen: string[];
}

/** From `fromS` (seconds since the epoch) until now. */
export function quietSince(fromS: number, witnesses: Witnesses): Quiet {
  const { state, entries, journalGap, decided } = witnesses;
  const disturbances = [
    ...(state.kind === "seen" ? inForce(state.value, fromS) : []),
    // An entry without a readable time may be of any.
    ...entries.filter(({ at }) => (secondsOf(at) ?? fromS) >= fromS).flatMap(inEntry),
    ...(decided.kind === "seen" ? inRequests(decided.value) : []),
  ];
  const unseen = [
    ...(state.kind === "unseen" ? [state.because] : []),
    ...(journalGap === null ? [] : [journalGap]),
    ...(decided.kind === "unseen" ? [decided.because] : []),
  ];
  const verdict = disturbances.length > 0 ? "fail" : unseen.length > 0 ? "no_data" : "pass";
  return { verdict, disturbances, unseen };
}

/** The stored stop: on now, or released in the window, by its own time. */
function inForce(state: ParsedState, fromS: number): Disturbance[] {
  const { config, stop } = state;
  if (isEmergency(state)) {
    const known = stop.kind === "valid" && stop.value.active ? stop.value : null;
    const mirror = config.kind === "valid" && config.value.emergency_proxy ? config.value : null;
    const by = known?.by ?? mirror?.updated_by ?? UNKNOWN_AUTHOR;
    const atS = secondsOf(known?.at ?? mirror?.last_updated);
    return [{ kind: "emergency", atS, what: `an emergency is on, set by ${by}` }];
  }
  if (stop.kind !== "valid" || stop.value.active) return [];
  const atS = secondsOf(stop.value.at);
  // Undated, it may be of any time: the requests and the journal tell.
  if (atS === null || atS < fromS) return [];
  return [
    { kind: "emergency", atS, what: `a stop was released by ${stop.value.by ?? UNKNOWN_AUTHOR}` },
  ];
}

function inEntry(entry: JournalEntry): Disturbance[] {
  const { command, actor, before, after } = entry;
  const atS = secondsOf(entry.at);
  const emergency = before?.emergency === true || after.emergency === true;
  const reason = entry.reason === null ? "" : `: ${entry.reason}`;
  if (isAutomatic(entry)) {
    return [{ kind: "automatic", atS, what: `automatic ${command} (${actor})${reason}` }];
  }
  return emergency || command === "not-aus"
    ? [{ kind: "emergency", atS, what: `${command} by ${actor}${reason}` }]
    : [];
}

/** The guardian, in any case; a ramp when it took something back. */
export function isAutomatic({ command, actor, before, after }: JournalEntry): boolean {
  if (/^guardian\b/.test(command) || /^guardian\b/.test(actor)) return true;
  if (!/^ramp\b/.test(command) || before === null) return false;
  const lower = before.percent !== null && after.percent !== null && after.percent < before.percent;
  return lower || (after.emergency === true && before.emergency !== true);
}

function inRequests({ requests, firstS, lastS }: EmergencyRow): Disturbance[] {
  if (!(requests > 0)) return [];
  const sent = counted(requests, "request was", "requests were");
  const what = `${sent} sent to proxy by an emergency, the last at ${isoSeconds(lastS * 1_000)}`;
  return [{ kind: "emergency", atS: firstS, what }];
}

function secondsOf(iso: string | undefined): number | null {
  const ms = timeOf(iso);
  return Number.isFinite(ms) ? ms / 1_000 : null;
}
