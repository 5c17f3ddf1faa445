/**
 * What is known of one ramp, whoever carries it out: an attached process keeps it in a file and shows
 * it in KV, a detached ramp lives in KV alone and the Worker's cron carries it out.
 *
 * Each key has one writer. `ramp` is written by whoever carries the ramp out; what people want of it
 * goes into `ramp-control`. Two writers of one key would lose each other's words: who takes a ramp over, or
 * ends it for somebody who is gone, raises its fence.
 */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { readDocument } from "../lib/read-document.ts";
import type { CanaryConfig } from "../state/documents.ts";
import type { PlannedStep } from "./plan.ts";

export const RAMP_KEY = "ramp";
export const RAMP_CONTROL_KEY = "ramp-control";

const MAX_CHARS = 64_000;
/** As many as a look at the journal shows. */
export const MAX_KNOWN_ENTRIES = 100;

const reliefSchema = once(() => {
  const text = z.string().max(500);
  return z.object({
    at: text,
    action: z.enum(["reduce", "disable", "not-aus"]),
    why: text,
    /** Somebody's share that this ramp has covered, and who that was; null: as the gate says. */
    to: z.object({ percent: z.number(), by: text }).nullable(),
  });
});

const carrierSchema = once(() => {
  const text = z.string().max(500);
  return z.object({
    /** Raised by each takeover: the higher one goes on. */
    fence: z.number().int(),
    /** Of two that took over at once, the greater one goes on. */
    id: text,
    by: text,
  });
});

const rampSchema = once(() => {
  const text = z.string().max(500);
  const time = text.nullable();
  return z.object({
    schema: z.literal(1),
    id: text,
    mode: z.enum(["attached", "detached"]),
    by: text,
    host: text,
    tool: text,
    reason: time,
    incident: time,
    /** Who carries it out now; see carrier.ts. */
    carrier: carrierSchema().default({ fence: 0, id: "", by: "" }),
    started_at: text,
    /** `revision` is fixed beforehand: a step that is written twice is the same document twice. */
    plan: z
      .array(z.object({ percent: z.number(), hold_s: z.number().nullable(), revision: text }))
      .min(1)
      .max(50),
    /** False: a rehearsal without traffic (--force); nothing is judged. */
    gates: z.boolean(),
    /** Ids of the journal's newest entries before it began: clocks do not tell what came after. */
    known_entries: z.array(text).max(MAX_KNOWN_ENTRIES).default([]),
    /** Of native, in each step; fewer prove nothing. */
    min_native_requests: z.number(),
    lease_s: z.number().nullable(),
    /** What was in force before the first step. */
    base: z.object({
      percent: z.number(),
      tag: text,
      revision: time,
      last_updated: text,
      /** A stop that `--from-stop` released: a read that still shows it is an old one. */
      released_stop: time,
    }),
    /** Requests before are not this ramp's, e.g. those of the incident; null: all count. */
    measured_from: time,
    state: z.enum(["running", "paused", "done", "aborted", "failed", "conflict"]),
    /** Index into `plan`; -1 before the first step is written. */
    step: z.number().int(),
    /** `settle`: written, not yet seen live everywhere. `hold`: the step's time runs. */
    phase: z.enum(["settle", "hold"]),
    /** `last_updated` of the step's config. */
    written_at: time,
    /** The limit for being live counts from here. */
    settle_from: time,
    live_at: time,
    hold_until: time,
    /** The step's time was over without enough data, and was given once more. */
    extended: z.boolean(),
    /** Reads in a row that showed an older config of this ramp. */
    odd_reads: z.number(),
    paused: z.object({ at: text, by: text, why: text, left_s: z.number().nullable() }).nullable(),
    /** Decided, and perhaps not done yet. */
    relief: reliefSchema().nullable(),
    /** The last command of `ramp-control` that was obeyed. */
    obeyed: time,
    lease_until: time,
    /** What the gate last said. */
    gate: z
      .object({ at: text, verdict: text, why: text, native_requests: z.number().nullable() })
      .nullable(),
    /** `keep`: aborted, but the share stays. */
    ended: z.object({ at: text, by: text, why: text, keep: z.boolean().optional() }).nullable(),
    /** It has ended like this, and that has perhaps not been told yet. */
    closing: z.enum(["done", "aborted", "failed", "conflict"]).nullable(),
    updated_at: text,
  });
});

export type RampDocument = z.output<ReturnType<typeof rampSchema>>;

const controlSchema = once(() => {
  const text = z.string().max(500);
  return z.object({
    schema: z.literal(1),
    id: text,
    /** The id of the ramp that is meant. */
    ramp: text,
    want: z.enum(["pause", "resume", "abort"]),
    at: text,
    by: text,
    reason: text.nullable(),
    /** Of an abort: the share stays, so its lease must not run out. */
    keep: z.boolean().optional(),
  });
});

export type RampControl = z.output<ReturnType<typeof controlSchema>>;

/** Null for nothing, and for what is no ramp: an unreadable ramp is not carried out. */
export function parseRamp(text: string | null): RampDocument | null {
  return readDocument(text, rampSchema(), MAX_CHARS);
}

export function parseRampControl(text: string | null): RampControl | null {
  return readDocument(text, controlSchema(), MAX_CHARS);
}

export function isOver({ state }: RampDocument): boolean {
  return state !== "running" && state !== "paused";
}

export interface NewRamp {
  id: string;
  mode: RampDocument["mode"];
  by: string;
  host: string;
  tool: string;
  reason: string | null;
  incident: string | null;
  nowMs: number;
  steps: readonly PlannedStep[];
  /** One for each step, rising. */
  revisions: readonly string[];
  gates: boolean;
  minNativeRequests: number;
  leaseS: number | null;
  /** The config in force, whose share is below the first step's. */
  base: CanaryConfig;
  /** The id of the stop that was released for this ramp, if one was. */
  releasedStop: string | null;
  measuredFromMs: number | null;
}

/** Before its first step. */
export function newRamp(given: NewRamp): RampDocument {
  const at = new Date(given.nowMs).toISOString();
  const { base } = given;
  return {
    schema: 1,
    id: given.id,
    mode: given.mode,
    by: given.by,
    host: given.host,
    tool: given.tool,
    carrier: { fence: 1, id: given.id, by: given.by },
    reason: given.reason,
    incident: given.incident,
    started_at: at,
    plan: given.steps.map(({ percent, holdS }, index) => ({
      percent,
      hold_s: holdS,
      revision: given.revisions[index] ?? `${given.id}-${index}`,
    })),
    gates: given.gates,
    known_entries: [],
    min_native_requests: given.minNativeRequests,
    lease_s: given.leaseS,
    base: {
      percent: base.canary_percent,
      tag: base.canary_tag,
      revision: base.revision ?? null,
      last_updated: base.last_updated,
      released_stop: given.releasedStop,
    },
    measured_from:
      given.measuredFromMs === null ? null : new Date(given.measuredFromMs).toISOString(),
    ...NOT_BEGUN,
    updated_at: at,
  };
}

const NOT_BEGUN = {
  state: "running",
  step: -1,
  phase: "settle",
  written_at: null,
  settle_from: null,
  live_at: null,
  hold_until: null,
  extended: false,
  odd_reads: 0,
  paused: null,
  relief: null,
  obeyed: null,
  lease_until: null,
  gate: null,
  ended: null,
  closing: null,
} as const;
