/**
 * One step of a ramp's life as a pure function: from what is known and what was seen to what is known
 * next and the one thing to do. Whoever carries a ramp out (a process, the Worker's cron) gathers,
 * calls `advance`, does what it orders, keeps the document, and waits. Nothing else decides.
 *
 * It may be called at any time, any number of times, also with old knowledge: revisions are fixed
 * beforehand, deadlines are absolute, and one call raises by one step at most. (AT-9, AT-10)
 */

import type { Recommendation } from "../policy/rule.ts";
import type { Verdict } from "../policy/verdict.ts";
import { UNKNOWN_AUTHOR } from "../state/author.ts";
import type { ParsedState } from "../state/state.ts";
import { counted, countText } from "../text/format.ts";
import { supersededBy } from "./carrier.ts";
import type { RampControl, RampDocument } from "./document.ts";
import { isOver } from "./document.ts";
import { placeInPlan } from "./position.ts";
import { conflicted } from "./seen-end.ts";
import { closed, ended, iso, resume, written } from "./transitions.ts";

export { closing, overtaken, relieved, renewed, written } from "./transitions.ts";

/** What the policy said of the last minutes. */
export interface Gate {
  verdict: Verdict;
  recommendation: Recommendation;
  /** In words, for people and the journal. */
  why: string;
  /** Since the step went live; null when it could not be counted. */
  nativeRequests: number | null;
}

/** Without a compare-and-set two writers may miss each other: the later one has to find out and give way. */
export interface Covered {
  by: string;
  percent: number;
  why: string;
  /** It was an emergency. */
  emergency?: true;
}

export interface Seen {
  nowMs: number;
  /** As stored, read for this call. */
  state: ParsedState;
  /** This ramp, or a later one, as KV shows it to everybody; left out where the document is read for each call. */
  kept?: RampDocument | null;
  control: RampControl | null;
  /** Whether the step's config is live; null when that was not asked, or cannot be told. */
  live: { everywhere: boolean; missing: string } | null;
  /** Somebody's word that this ramp has covered, as the journal or a location shows; null: none. */
  covered: Covered | null;
  /** Null when it was not asked; a gate that could not be asked says `no_data`. */
  gate: Gate | null;
  /** Why a stop that is not stored in KV would not be known, in words; null: it would be. Nothing is raised meanwhile. */
  unheard: string | null;
}

export type Order =
  /** Write the config of this step, guarded by the one that is stored. */
  | { do: "write"; step: number }
  /** Write the present step's config again, with a lease until then. */
  | { do: "renew"; untilMs: number }
  | { do: "relieve"; action: "reduce" | "disable" | "not-aus"; why: string }
  /** Look again by then at the latest. */
  | { do: "wait"; untilMs: number }
  | { do: "end" }
  /** Somebody else carries it out: nothing more may be written. */
  | { do: "leave"; to: RampDocument };

export interface Advanced {
  ramp: RampDocument;
  order: Order;
}

/** A step that is not live by then pauses the ramp: something is wrong with KV or with a location. */
export const SETTLE_LIMIT_MS = 10 * 60_000;
/** Between looks while a step settles. */
const LOOK_MS = 1_000;
/** While a step is held; the caller may look more often. */
const CHECK_MS = 30_000;
/** KV may answer old reads; so many in a row are a change. */
const MAX_ODD_READS = 3;

/** What has to be gathered for the next call. */
export function needs(ramp: RampDocument): { live: boolean; gate: boolean; journal: boolean } {
  const begun = ramp.step >= 0 && !isOver(ramp) && ramp.closing === null;
  return {
    live: begun && ramp.phase === "settle",
    gate: begun && ramp.gates && ramp.relief === null,
    journal: begun && ramp.relief === null,
  };
}

export function advance(before: RampDocument, seen: Seen): Advanced {
  if (isOver(before)) return { ramp: before, order: { do: "end" } };
  const later = supersededBy(before, seen.kept ?? null);
  if (later !== null) return { ramp: before, order: { do: "leave", to: later } };
  if (before.closing !== null) return { ramp: closed(before), order: { do: "end" } };
  const ramp = { ...before, updated_at: iso(seen.nowMs) };
  const want = wanted(ramp, seen.control);
  if (want?.want === "abort") {
    const ended = end(ramp, "aborted", seen, want.by, want.reason ?? "aborted", want.keep);
    return { ...ended, ramp: { ...ended.ramp, obeyed: want.id } };
  }
  if (ramp.relief !== null) return { ramp, order: { do: "relieve", ...reliefOf(ramp.relief) } };
  const place = placeInPlan(ramp, seen.state);
  switch (place.kind) {
    case "conflict":
      return { ramp: conflicted(ramp, place, seen.nowMs), order: { do: "end" } };
    case "old":
      return oldRead(ramp, seen, place.why);
    case "later":
      // Written before, by a run that could not keep it: the step is not written twice.
      return onStep(written(ramp, place.step, place.writtenAt, seen.nowMs), seen, want);
    case "here":
      return onStep({ ...ramp, odd_reads: 0 }, seen, want);
    default:
      return place satisfies never;
  }
}

function reliefOf({ action, why }: NonNullable<RampDocument["relief"]>) {
  return { action, why };
}

/** Each command is obeyed once. */
function wanted(ramp: RampDocument, control: RampControl | null): RampControl | null {
  return control !== null && control.ramp === ramp.id && control.id !== ramp.obeyed
    ? control
    : null;
}

function oldRead(ramp: RampDocument, seen: Seen, why: string): Advanced {
  const odd = ramp.odd_reads + 1;
  if (odd >= MAX_ODD_READS) return end(ramp, "conflict", seen, UNKNOWN_AUTHOR, why);
  return { ramp: { ...ramp, odd_reads: odd }, order: wait(seen, LOOK_MS) };
}

function onStep(before: RampDocument, seen: Seen, want: RampControl | null): Advanced {
  if (before.step < 0) {
    const first = want === null ? before : obey(before, want, seen);
    return first.state === "paused"
      ? { ramp: first, order: wait(seen, CHECK_MS) }
      : { ramp: first, order: { do: "write", step: 0 } };
  }
  const way = giveWay(before, seen);
  if (way !== null) return way;
  const judged = withGate(before, seen);
  const failed = failedGate(judged, seen);
  if (failed !== null) return failed;
  const ramp = want === null ? judged : obey(judged, want, seen);
  const lease = renewal(ramp, seen);
  if (lease !== null) return lease;
  if (ramp.state === "paused") return { ramp, order: wait(seen, CHECK_MS) };
  return ramp.phase === "settle" ? settle(ramp, seen) : hold(ramp, seen);
}

/**
 * Theirs is put back in force. A share that is not below ours needs no writing, and the cron's raise has
 * not covered it: it ended with their `config`.
 */
function giveWay(ramp: RampDocument, seen: Seen): Advanced | null {
  const { covered, nowMs } = seen;
  if (covered === null) return null;
  const isEmergency = covered.emergency === true;
  const why = (isEmergency ? covered.why : `this ramp had overwritten: ${covered.why}`).slice(
    0,
    400,
  );
  const ours = ramp.plan[ramp.step]?.percent ?? 0;
  if (ramp.mode === "detached" || covered.percent >= ours) {
    return end(ramp, "conflict", seen, covered.by, why);
  }
  const to = { percent: covered.percent, by: covered.by };
  const action = isEmergency ? "not-aus" : "reduce";
  const relief = { at: iso(nowMs), action, why, to } as const;
  return { ramp: { ...ramp, relief }, order: { do: "relieve", action, why } };
}

function withGate(ramp: RampDocument, { gate, nowMs }: Seen): RampDocument {
  if (gate === null) return ramp;
  const { verdict, why, nativeRequests } = gate;
  return { ...ramp, gate: { at: iso(nowMs), verdict, why, native_requests: nativeRequests } };
}

/** Also while it is paused: a ramp that stands still exposes visitors all the same. */
function failedGate(ramp: RampDocument, { gate, nowMs }: Seen): Advanced | null {
  if (!ramp.gates || gate === null || gate.verdict !== "fail") return null;
  const { recommendation: action, why } = gate;
  if (action === "none" || action === "notify") return null;
  const relief = { at: iso(nowMs), action, why: why.slice(0, 400), to: null };
  return { ramp: { ...ramp, relief }, order: { do: "relieve", action, why } };
}

function obey(ramp: RampDocument, control: RampControl, { nowMs }: Seen): RampDocument {
  const obeyed = { ...ramp, obeyed: control.id };
  if (control.want === "pause" && ramp.state === "running") {
    const leftMs = ramp.hold_until === null ? null : Date.parse(ramp.hold_until) - nowMs;
    const left_s = leftMs === null ? null : Math.max(0, Math.ceil(leftMs / 1_000));
    const why = control.reason ?? "paused";
    return { ...obeyed, state: "paused", paused: { at: iso(nowMs), by: control.by, why, left_s } };
  }
  return control.want === "resume" ? resume(obeyed, nowMs) : obeyed;
}

/** When a third of the lease is used up. */
function renewal(ramp: RampDocument, seen: Seen): Advanced | null {
  if (ramp.lease_s === null || ramp.lease_until === null) return null;
  const leaseMs = ramp.lease_s * 1_000;
  const leftMs = Date.parse(ramp.lease_until) - seen.nowMs;
  if (leftMs > (leaseMs * 2) / 3) return null;
  return { ramp, order: { do: "renew", untilMs: seen.nowMs + leaseMs } };
}

function settle(ramp: RampDocument, seen: Seen): Advanced {
  const { live, nowMs } = seen;
  if (live?.everywhere === true) return hold(startClock(ramp, nowMs), seen);
  const sinceMs = Date.parse(ramp.settle_from ?? ramp.updated_at);
  if (nowMs - sinceMs > SETTLE_LIMIT_MS) {
    return pause(ramp, seen, `not live everywhere: ${live?.missing || "no location answered"}`);
  }
  return { ramp, order: wait(seen, LOOK_MS) };
}

function startClock(ramp: RampDocument, nowMs: number): RampDocument {
  const holdS = ramp.plan[ramp.step]?.hold_s ?? 0;
  return {
    ...ramp,
    phase: "hold",
    live_at: iso(nowMs),
    hold_until: iso(nowMs + holdS * 1_000),
    extended: false,
  };
}

function hold(ramp: RampDocument, seen: Seen): Advanced {
  const { nowMs } = seen;
  const last = ramp.step === ramp.plan.length - 1;
  if (last && ramp.plan[ramp.step]?.hold_s === null) {
    return end(ramp, "done", seen, ramp.by, "the last step is live");
  }
  const untilMs = Date.parse(ramp.hold_until ?? "");
  const lacking = whatLacks(ramp, seen);
  const due = nowMs >= untilMs || (ramp.extended && lacking === null);
  if (!due) return { ramp, order: wait(seen, Math.min(CHECK_MS, untilMs - nowMs)) };
  if (lacking === null) {
    return last
      ? end(ramp, "done", seen, ramp.by, "all steps done")
      : { ramp, order: { do: "write", step: ramp.step + 1 } };
  }
  if (ramp.extended) return pause(ramp, seen, `${lacking}, even after twice the hold time`);
  const holdMs = (ramp.plan[ramp.step]?.hold_s ?? 0) * 1_000;
  const longer = { ...ramp, extended: true, hold_until: iso(nowMs + holdMs) };
  return { ramp: longer, order: wait(seen, Math.min(CHECK_MS, holdMs)) };
}

/** Null when the step may be left: only a pass, on enough requests, is good news, and no stop may be overlooked. */
function whatLacks(ramp: RampDocument, { gate, unheard }: Seen): string | null {
  if (unheard !== null) return unheard;
  if (!ramp.gates) return null;
  if (gate === null) return "no data on native";
  if (gate.verdict !== "pass") return `the gate says ${gate.verdict}: ${gate.why}`;
  const seenSince = gate.nativeRequests ?? 0;
  if (seenSince >= ramp.min_native_requests) return null;
  return `only ${counted(seenSince, "native request")} in this step, needs ${countText(ramp.min_native_requests)}`;
}

function pause(ramp: RampDocument, { nowMs }: Seen, why: string): Advanced {
  const paused = { at: iso(nowMs), by: GATE, why: why.slice(0, 400), left_s: null };
  return { ramp: { ...ramp, state: "paused", paused }, order: { do: "wait", untilMs: nowMs } };
}

/** Who paused a ramp that paused by itself. */
export const GATE = "the gate";

function end(
  ramp: RampDocument,
  state: "done" | "aborted" | "conflict",
  { nowMs }: Seen,
  by: string,
  why: string,
  keep = false,
): Advanced {
  return { ramp: ended(ramp, state, { atMs: nowMs, by, why, keep }), order: { do: "end" } };
}

function wait({ nowMs }: Seen, ms: number): Order {
  return { do: "wait", untilMs: nowMs + Math.max(0, ms) };
}
