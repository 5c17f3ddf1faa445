/** What becomes of a ramp's document when something was done; `advance` decides what. */
import type { RampDocument } from "./document.ts";

/** The step's config is stored; its clock starts when it is live. */
export function written(
  ramp: RampDocument,
  step: number,
  writtenAt: string,
  nowMs: number,
): RampDocument {
  const leaseUntil = ramp.lease_s === null ? null : iso(nowMs + ramp.lease_s * 1_000);
  return {
    ...ramp,
    step,
    phase: "settle",
    written_at: writtenAt,
    settle_from: iso(nowMs),
    live_at: null,
    hold_until: null,
    extended: false,
    odd_reads: 0,
    lease_until: leaseUntil,
  };
}

/** A write was refused again and again for somebody else's value, whatever the looks before it show. */
export function overtaken(ramp: RampDocument, by: string, nowMs: number): RampDocument {
  const why = "another change of config is stored, not this ramp's";
  return ended(ramp, "conflict", { atMs: nowMs, by, why });
}

/** Nobody carries it out any more. */
export function ended(
  ramp: RampDocument,
  state: "done" | "aborted" | "conflict",
  { atMs, by, why, keep = false }: { atMs: number; by: string; why: string; keep?: boolean },
): RampDocument {
  const how = { at: iso(atMs), by: by.slice(0, 200), why: why.slice(0, 400) };
  return { ...ramp, state, ended: keep ? { ...how, keep } : how };
}

/** After a renewal was written. */
export function renewed(ramp: RampDocument, untilMs: number): RampDocument {
  return { ...ramp, lease_until: iso(untilMs) };
}

/**
 * A ramp that is over, as it is kept until that has been told: told again after a crash, it has the same
 * time and the same words.
 */
export function closing(ramp: RampDocument): RampDocument {
  const { state } = ramp;
  if (state === "running" || state === "paused") return ramp;
  return { ...ramp, state: "running", closing: state };
}

export function closed(ramp: RampDocument): RampDocument {
  return { ...ramp, state: ramp.closing ?? ramp.state, closing: null };
}

/** After the relief was done, or found to be superfluous. */
export function relieved(ramp: RampDocument, nowMs: number): RampDocument {
  const why = ramp.relief === null ? "the gate failed" : reliefText(ramp.relief);
  const to = ramp.relief?.to ?? null;
  return {
    ...ramp,
    state: to === null ? "failed" : "conflict",
    ended: { at: iso(nowMs), by: to === null ? ramp.by : to.by, why },
    updated_at: iso(nowMs),
  };
}

function reliefText({ action, why }: NonNullable<RampDocument["relief"]>): string {
  return `${action}: ${why}`;
}

/** Goes on where it stood, with the time that was left; a step that had too little data begins anew. */
export function resume(ramp: RampDocument, nowMs: number): RampDocument {
  if (ramp.state !== "paused") return ramp;
  const running = { ...ramp, state: "running" as const, paused: null };
  if (ramp.phase === "settle") return { ...running, settle_from: iso(nowMs) };
  const left = ramp.paused?.left_s ?? ramp.plan[ramp.step]?.hold_s ?? 0;
  return { ...running, extended: false, hold_until: iso(nowMs + left * 1_000) };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
