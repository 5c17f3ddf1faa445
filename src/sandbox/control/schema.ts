/** What the control API takes. Strict: an unknown field is a typing error, and is refused. */
import * as z from "zod";
import { PERMISSIONS } from "../api/permissions.ts";
import { TOKEN_KINDS } from "../api/tokens.ts";
import { NOTICE_CHANNELS } from "../notices/receivers.ts";
import { DATASET } from "../types.ts";

const rangeMs = z
  .strictObject({ min: z.number().min(0).max(600_000), max: z.number().min(0).max(600_000) })
  .refine(({ min, max }) => min <= max, "min must not exceed max");
const share = z.number().min(0).max(1);
const latencyMs = z.number().min(0).max(60_000);
const colo = z.string().regex(/^[A-Z]{3}$/, "must be three capital letters");

export const kvSchema = z.strictObject({
  /** Without it: all locations. */
  location: colo.optional(),
  lagMs: rangeMs.optional(),
  frozen: z.boolean().optional(),
  /** What a read takes; its answer is what was there when it was asked. */
  readMs: rangeMs.optional(),
  reads: z.enum(["normal", "throw", "hang", "stale", "reorder"]).optional(),
  /** Deliver at once what is on its way. */
  catchUp: z.literal(true).optional(),
});

export const beaconSchema = z.strictObject({
  /** Without it: all locations. */
  location: colo.optional(),
  /** What becomes of calls from there to the Durable Object. */
  calls: z.enum(["normal", "throw", "hang"]).optional(),
  /** What a read of it takes; its answer is what is there then. */
  readMs: rangeMs.optional(),
  purgesLost: z.boolean().optional(),
  /** Of all locations. */
  purgeLagMs: rangeMs.optional(),
  /** False: as where Workers Cache does not engage. Of all locations. */
  cached: z.boolean().optional(),
});

export const nativeSchema = z.strictObject({
  errorShare: share.optional(),
  failAfterBody: z.boolean().optional(),
  addedLatencyMs: latencyMs.optional(),
  message: z.string().min(1).max(500).optional(),
  r2Down: z.boolean().optional(),
  databaseDown: z.boolean().optional(),
  databaseLatencyMs: latencyMs.optional(),
});

export const originSchema = z.strictObject({
  down: z.boolean().optional(),
  errorShare: share.optional(),
  addedLatencyMs: latencyMs.optional(),
  preflightsRefused: z.boolean().optional(),
});

const sampleInterval = z.int().min(1).max(10_000);

export const metricsSchema = z.strictObject({
  /** One of so many points is kept, and stands for so many; for all, or by index value. */
  sampleInterval: z
    .union([sampleInterval, z.record(z.string().max(96), sampleInterval)])
    .optional(),
  /** How long a point takes until queries see it. */
  delayMs: z.number().min(0).max(3_600_000).optional(),
});

/** Points of the past, as they would be stored: neither sampled nor delayed. */
export const pointsSchema = z
  .array(
    z.strictObject({
      atMs: z.number().min(0).max(4_294_967_295_000),
      indexes: z.array(z.string().max(96)).max(1).default([]),
      blobs: z.array(z.string().nullable()).max(20).default([]),
      doubles: z.array(z.number()).max(20).default([]),
      sampleInterval: sampleInterval.default(1),
      dataset: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/)
        .default(DATASET),
    }),
  )
  .max(100_000);

export const apiSchema = z.strictObject({
  clockSkewMs: z.number().min(-86_400_000).max(86_400_000).optional(),
  limits: z
    .strictObject({
      keyWrites: z.boolean().optional(),
      requests: z.boolean().optional(),
      budget: z.int().min(1).max(1_000_000).optional(),
    })
    .optional(),
  /** Spend the main token's budget. */
  exhaustBudget: z.literal(true).optional(),
  resetLimits: z.literal(true).optional(),
});

const bytesOrText = z.strictObject({
  key: z.string().min(1).max(1_024),
  text: z
    .string()
    .max(64 * 1_048_576)
    .optional(),
  base64: z.base64().optional(),
});

export const logsSchema = z.strictObject({
  /** How long records are gathered for one file. */
  batchMs: z.number().min(1).max(3_600_000).optional(),
  /** How long a finished file takes to the bucket; drawn for each, so that they overtake. */
  delayMs: rangeMs.optional(),
  tail: z
    .strictObject({
      eventsPerS: z.int().min(0).max(1_000_000).optional(),
      ttlMs: z.number().min(1).max(86_400_000).optional(),
      silent: z.boolean().optional(),
    })
    .optional(),
  /** Bring every record so far into the bucket, now. */
  flush: z.literal(true).optional(),
  /** Cut the connections of all tails, or end the tails themselves. */
  tails: z.enum(["cut", "expire"]).optional(),
  /** Objects of any name, for the logs bucket. */
  put: z.array(bytesOrText).max(10_000).optional(),
});

export const noticesSchema = z.strictObject({
  /** Without it: all of them. */
  channel: z.enum(NOTICE_CHANNELS).optional(),
  delayMs: latencyMs.optional(),
  /** Answered whatever comes, and nothing is done with it; null: as it should be. */
  status: z.int().min(200).max(599).nullable().optional(),
  /** Takes what comes and never answers. */
  drop: z.boolean().optional(),
});

export const tokenSchema = z.strictObject({
  kind: z.enum(TOKEN_KINDS).default("full"),
  /** Exactly these, in place of those of its kind. */
  permissions: z.array(z.enum(PERMISSIONS)).optional(),
});

export const trafficSchema = z.strictObject({
  visitors: z.int().min(1).max(2_000).default(30),
  /** Actions per second; an action is a whole upload flow, a look at jobs, or another request. */
  ratePerS: z.number().min(0.1).max(500).default(20),
  mix: z
    .strictObject({
      upload: z.number().min(0).default(1),
      jobs: z.number().min(0).default(1),
      other: z.number().min(0).default(2),
    })
    .refine(({ upload, jobs, other }) => upload + jobs + other > 0, "must not be all zero")
    .default({ upload: 1, jobs: 1, other: 2 }),
  /** The share of visitors that go to another location with each request. */
  roaming: share.default(0),
  /** After so many actions a visitor leaves, and a new one without a cookie comes. */
  actionsPerVisitor: z.int().min(1).max(1_000_000).default(20),
  thinkMs: z.number().min(0).max(60_000).default(0),
  uploadBytes: z.int().min(1).max(1_048_576).default(256),
  /** The share of upload flows that end after their intent: the visitor has changed his mind. */
  abandon: share.default(0),
});

export const flowsSchema = trafficSchema
  .pick({ roaming: true, thinkMs: true, uploadBytes: true, abandon: true })
  .extend({
    count: z.int().min(1).max(1_000_000),
    concurrency: z.int().min(1).max(500).default(20),
    /** Flows by the same visitor, one after the other. */
    flowsPerVisitor: z.int().min(1).max(1_000_000).default(1),
    /** False: each request as a new visitor without a cookie, so that cohorts mix. */
    keepCookies: z.boolean().default(true),
  });

export type KvInput = z.input<typeof kvSchema>;
export type BeaconInput = z.input<typeof beaconSchema>;
export type NativeInput = z.input<typeof nativeSchema>;
export type OriginInput = z.input<typeof originSchema>;
export type MetricsInput = z.input<typeof metricsSchema>;
export type PointsInput = z.input<typeof pointsSchema>;
export type LogsInput = z.input<typeof logsSchema>;
export type NoticesInput = z.input<typeof noticesSchema>;
export type ApiInput = z.input<typeof apiSchema>;
export type TrafficInput = z.input<typeof trafficSchema>;
export type TrafficPlan = z.output<typeof trafficSchema>;
export type FlowsInput = z.input<typeof flowsSchema>;
export type FlowsPlan = z.output<typeof flowsSchema>;
