/** The document that `GET /qa` answers: written by the Worker, read by the CLI. Schema 1. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { CARRIERS } from "../state/carriers.ts";
import { markOf } from "../state/emergency.ts";
import { PLAIN_NAME } from "../state/unseen-emergencies.ts";

const leaseSchema = once(() =>
  z.object({
    expires_at: z.string().max(1_000),
    fallback_percent: z.number(),
    run_out: z.boolean(),
  }),
);

const capSchema = once(() => {
  const text = z.string().max(1_000);
  return z.object({ id: text, at: text, by: text, reason: text, percent: z.number() });
});

const beaconSchema = once(() =>
  z.object({
    /** Since the beacon said what this location goes by; null before its first answer. */
    age_ms: z.number().nullable(),
    /** How the last answer came: `HIT`, `MISS`, … of Workers Cache; null: without that cache. */
    cache: z.string().max(64).nullable(),
    /** The newest read failed: what is known may be old. */
    failing: z.boolean(),
    /** False: KV shows a release that the beacon has not acknowledged. */
    heard: z.boolean(),
    /** Of the release that it has acknowledged to this isolate last; null: none, or one without an id. */
    release_id: z.string().max(1_000).nullable(),
  }),
);

const emergenciesSchema = once(() => {
  const text = z.string().max(1_000);
  const orNone = text.nullable();
  return z
    .array(
      z.object({
        key: z.enum(["stop", "config"]),
        /** Of its text, by which a release names it. What is none gets one: it may be an emergency all the same. */
        mark: text.transform((mark) => (PLAIN_NAME.test(mark) ? mark : markOf(mark))),
        id: orNone,
        at: orNone,
        by: orNone,
        reason: orNone,
        /** Absent before there was a second one: KV. */
        carriers: z.array(z.enum(CARRIERS)).max(CARRIERS.length).optional(),
      }),
    )
    .max(64);
});

const stopSchema = once(() => {
  const orNone = z.string().max(1_000).nullable();
  return z.object({ active: z.boolean(), id: orNone, at: orNone, by: orNone, reason: orNone });
});

/** A failing part is reported; `/qa` itself answers 200. */
const healthSchema = once(() => {
  const text = z.string().max(1_000);
  /** `unknown`: not asked, see `?health=cached`. */
  const status = z.enum(["healthy", "failing", "unknown"]);
  return z.object({
    native: z.object({
      status,
      db_ping_ms: z.number().nullable(),
      r2_accessible: z.boolean().nullable(),
      problem: text.nullable(),
    }),
    proxy: z.object({
      status,
      origin_ping_ms: z.number().nullable(),
      reachable: z.boolean().nullable(),
      problem: text.nullable(),
    }),
  });
});

export const qaSchema = once(() => {
  const cohort = z.enum(["native", "proxy"]);
  const reason = z.enum(["emergency", "header", "cookie", "sampled", "default"]);
  const text = z.string().max(1_000);

  return z.object({
    endpoint: z.literal("worker /qa"),
    schema: z.literal(1),
    timestamp: text,
    colo: text.nullable(),
    worker_version: text.nullable(),
    canary: z.object({
      sampling_active: z.boolean(),
      /** In force: after a lease has run out, what it falls back to. */
      percent: z.number().nullable(),
      /** Of the configuration in force, if it has one. */
      lease: leaseSchema().optional(),
      /** The guardian's upper limit, where it is in force; `percent` is taken off already. */
      cap: capSchema().optional(),
      tag: text.nullable(),
      cohort,
      decision_reason: reason,
      /** In force here: by `stop`, by `config`, or because one of them is unreadable. */
      emergency_proxy: z.boolean(),
      revision: text.nullable(),
      last_updated: text.nullable(),
      source: z.enum(["kv", "last-good", "none"]),
      age_ms: z.number().nullable(),
    }),
    /** The second carrier of a stop; absent where there is none, or before there was one. */
    beacon: beaconSchema().optional(),
    /** All that ask for the emergency in force here; absent before this list was made. */
    emergencies: emergenciesSchema().optional(),
    /** The newest stop in force at this location; `active: false` when none is. */
    stop: stopSchema(),
    health: healthSchema(),
    /** From Analytics Engine; absent when it cannot be had. */
    metrics_24h: z
      .object({
        requests_native: z.number(),
        requests_proxy: z.number(),
        error_rate_native: text,
        error_rate_proxy: text,
        p90_latency_native_ms: z.number().nullable(),
        p90_latency_proxy_ms: z.number().nullable(),
      })
      .optional(),
    /** Ids of the cookie keys: the first one signs. Never the keys. */
    cookie_key_ids: z.array(text),
    /** What the Worker's cron may do; absent before the Worker said so. */
    guardian: z.enum(["off", "observe", "enforce"]).optional(),
    /** Whose signed stops it takes: name and the beginning of the public key. For a valid token alone. */
    operators: z.array(text).max(64).optional(),
    /** As a signed stop has to name it. For a valid token alone. */
    environment: text.optional(),
    /** This version sends every visitor to the legacy origin, whatever is stored: `not-aus --via version`. */
    proxy_only: z.literal(true).optional(),
  });
});

export type QaDocument = z.output<ReturnType<typeof qaSchema>>;
